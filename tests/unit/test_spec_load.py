"""Every property of config.json is checked: each bad value is refused with the property's path."""

import copy

import pytest

from ocipy.errors import ConfigError, OcipyError
from ocipy.spec.jsontext import encode
from ocipy.spec.load import load, load_process
from ocipy.spec.model import Hooks, IOPriority, Linux, Rlimit, TimeOffset
from ocipy.spec.schema import schema_problems

MINIMAL = {
    "ociVersion": "1.0.2",
    "root": {"path": "rootfs"},
    "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
}
ABSENT = object()
MAPPING = {"containerID": 0, "hostID": 0, "size": 1}


def config(path="", value=ABSENT):
    """Gives MINIMAL with a value put at a path such as linux.devices, or with what is there taken away."""
    document = copy.deepcopy(MINIMAL)
    *parents, name = path.split(".")
    place = document
    for parent in parents:
        place = place.setdefault(parent, {})
    if value is ABSENT:
        place.pop(name, None)
    else:
        place[name] = value
    return document


def loaded(path="", value=ABSENT):
    return load(encode(config(path, value)).encode())


def problems(path, value=ABSENT):
    with pytest.raises(ConfigError) as caught:
        loaded(path, value)
    return caught.value.problems


def device(**changes):
    return {"type": "c", "path": "/dev/x", "major": 1, "minor": 3} | changes


def limit(**changes):
    return {"type": "RLIMIT_CORE", "soft": 1, "hard": 2} | changes


def user(**changes):
    return {"uid": 0, "gid": 0} | changes


def throttle(**changes):
    return {"major": 8, "minor": 0, "rate": 1} | changes


def with_time(**offset):
    return {"namespaces": [{"type": "time"}], "timeOffsets": {"boottime": offset}}


# Where the bad value is put, the value, the path that the error names, "loader" if a schema cannot say it.
BAD = [
    # ociVersion, root, names
    ("ociVersion", ABSENT, "ociVersion"),
    ("ociVersion", "invalid", "ociVersion"),
    ("ociVersion", "2.0.0", "ociVersion"),
    ("ociVersion", "0.9.0", "ociVersion"),
    ("ociVersion", "1.0", "ociVersion"),
    ("ociVersion", "1.00.0", "ociVersion"),
    ("ociVersion", "1.0.0-", "ociVersion"),
    ("ociVersion", "1.0.0-01", "ociVersion"),
    ("ociVersion", "1.0.0+", "ociVersion"),
    ("ociVersion", "1.0.0\n", "ociVersion", "loader"),
    ("ociVersion", "1.0.１", "ociVersion"),
    ("ociVersion", 1, "ociVersion"),
    ("root", ABSENT, "root"),
    ("root", None, "root"),
    ("root", [], "root"),
    ("root", {}, "root.path"),
    ("root.path", "", "root.path"),
    ("root.path", "a\0b", "root.path"),
    ("root.path", "\ud800", "root.path", "loader"),
    ("root.readonly", 1, "root.readonly"),
    ("root.readonly", "true", "root.readonly"),
    ("hostname", "x" * 65, "hostname"),
    ("hostname", "é" * 33, "hostname", "loader"),
    ("domainname", "x" * 65, "domainname"),
    ("annotations", [], "annotations"),
    ("annotations", {"": "x"}, 'annotations[""]'),
    ("annotations", {"a": 1}, "annotations.a"),
    ("annotations", {"a.b": None}, 'annotations["a.b"]', "loader"),
    # mounts
    ("mounts", {}, "mounts"),
    ("mounts", ["x"], "mounts[0]"),
    ("mounts", [{"source": "x"}], "mounts[0].destination"),
    ("mounts", [{"destination": ""}], "mounts[0].destination"),
    ("mounts", [{"destination": "/a"}, {"destination": 1}], "mounts[1].destination"),
    ("mounts", [{"destination": "/a", "source": "a\0"}], "mounts[0].source"),
    ("mounts", [{"destination": "/a", "options": "ro"}], "mounts[0].options"),
    ("mounts", [{"destination": "/a", "options": ["ro", 1]}], "mounts[0].options[1]"),
    ("mounts", [{"destination": "/a", "uidMappings": [{"hostID": 0, "size": 1}]}],
     "mounts[0].uidMappings[0].containerID"),
    ("mounts", [{"destination": "/a", "uidMappings": [MAPPING]}], "mounts[0].gidMappings", "loader"),
    ("mounts", [{"destination": "/a", "gidMappings": [MAPPING]}], "mounts[0].uidMappings", "loader"),
    # process
    ("process", [], "process"),
    ("process.args", ABSENT, "process.args"),
    ("process.args", [], "process.args"),
    ("process.args", "sh", "process.args"),
    ("process.args", ["a\0b"], "process.args[0]"),
    ("process.cwd", ABSENT, "process.cwd"),
    ("process.cwd", "tmp", "process.cwd"),
    ("process.cwd", "", "process.cwd"),
    ("process.env", ["A=1", "B"], "process.env[1]"),
    ("process.env", ["=1"], "process.env[0]"),
    ("process.env", ["A=\0"], "process.env[0]"),
    ("process.terminal", 1, "process.terminal"),
    ("process.consoleSize", {"height": 1}, "process.consoleSize.width"),
    ("process.consoleSize", {"width": 1}, "process.consoleSize.height"),
    ("process.consoleSize", {"height": 1, "width": 2**32}, "process.consoleSize.width"),
    ("process.user", ABSENT, "process.user"),
    ("process.user", {"uid": 0}, "process.user.gid"),
    ("process.user", {"gid": 0}, "process.user.uid"),
    ("process.user", user(uid=2**32), "process.user.uid"),
    ("process.user", user(uid=2**32 - 1), "process.user.uid"),
    ("process.user", user(uid=-1), "process.user.uid"),
    ("process.user", user(uid=True), "process.user.uid"),
    ("process.user", user(gid=1.0), "process.user.gid", "loader"),
    ("process.user", user(gid="0"), "process.user.gid"),
    ("process.user", user(umask=0o1000), "process.user.umask"),
    ("process.user", user(additionalGids=[1, 2**32]), "process.user.additionalGids[1]"),
    ("process.capabilities", {"bounding": "CAP_KILL"}, "process.capabilities.bounding"),
    ("process.capabilities", {"ambient": [1]}, "process.capabilities.ambient[0]"),
    ("process.rlimits", [limit(type=None)], "process.rlimits[0].type"),
    ("process.rlimits", [limit(soft=None)], "process.rlimits[0].soft"),
    ("process.rlimits", [limit(hard=None)], "process.rlimits[0].hard"),
    ("process.rlimits", [limit(type="RLIMIT_FOO")], "process.rlimits[0].type"),
    ("process.rlimits", [limit(type="rlimit_core")], "process.rlimits[0].type"),
    ("process.rlimits", [limit(), limit(type="RLIMIT_CPU"), limit()], "process.rlimits[2].type", "loader"),
    ("process.rlimits", [limit(soft=3)], "process.rlimits[0].soft", "loader"),
    ("process.rlimits", [limit(hard=2**64)], "process.rlimits[0].hard"),
    ("process.rlimits", [limit(soft=-1)], "process.rlimits[0].soft"),
    ("process.noNewPrivileges", 0, "process.noNewPrivileges"),
    ("process.oomScoreAdj", 1001, "process.oomScoreAdj"),
    ("process.oomScoreAdj", -1001, "process.oomScoreAdj"),
    ("process.scheduler", {}, "process.scheduler.policy"),
    ("process.scheduler", {"policy": "SCHED_FOO"}, "process.scheduler.policy"),
    ("process.scheduler", {"policy": "SCHED_OTHER", "nice": 20}, "process.scheduler.nice"),
    ("process.scheduler", {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_FOO"]}, "process.scheduler.flags[0]"),
    ("process.scheduler", {"policy": "SCHED_OTHER", "priority": 1}, "process.scheduler.priority", "loader"),
    ("process.scheduler", {"policy": "SCHED_FIFO"}, "process.scheduler.priority", "loader"),
    ("process.scheduler", {"policy": "SCHED_RR", "priority": 100}, "process.scheduler.priority"),
    ("process.scheduler", {"policy": "SCHED_RR", "priority": -1}, "process.scheduler.priority"),
    ("process.scheduler", {"policy": "SCHED_RR", "priority": 1, "nice": 1}, "process.scheduler.nice", "loader"),
    ("process.scheduler", {"policy": "SCHED_BATCH", "runtime": 1}, "process.scheduler.runtime", "loader"),
    ("process.ioPriority", {"priority": 1}, "process.ioPriority.class"),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_BE"}, "process.ioPriority.priority"),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_FOO"}, "process.ioPriority.class"),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_BE", "priority": 8}, "process.ioPriority.priority"),
    ("process.execCPUAffinity", {"initial": "a"}, "process.execCPUAffinity.initial"),
    ("process.execCPUAffinity", {"initial": "0-"}, "process.execCPUAffinity.initial"),
    ("process.execCPUAffinity", {"initial": "0,,1"}, "process.execCPUAffinity.initial"),
    ("process.execCPUAffinity", {"final": "3-1"}, "process.execCPUAffinity.final", "loader"),
    ("process.execCPUAffinity", {"final": "１"}, "process.execCPUAffinity.final"),
    # hooks
    ("hooks", [], "hooks"),
    ("hooks.prestart", {}, "hooks.prestart"),
    ("hooks.prestart", [{}], "hooks.prestart[0].path"),
    ("hooks.poststop", [{"path": "true"}], "hooks.poststop[0].path"),
    ("hooks.createRuntime", [{"path": "/a", "timeout": 0}], "hooks.createRuntime[0].timeout"),
    ("hooks.createRuntime", [{"path": "/a", "timeout": -1}], "hooks.createRuntime[0].timeout"),
    ("hooks.startContainer", [{"path": "/a", "env": ["A"]}], "hooks.startContainer[0].env[0]"),
    ("hooks.poststart", [{"path": "/a", "args": [1]}], "hooks.poststart[0].args[0]"),
    # linux
    ("linux", [], "linux"),
    ("linux.namespaces", [{"type": "foo"}], "linux.namespaces[0].type"),
    ("linux.namespaces", [{"path": "/x"}], "linux.namespaces[0].type"),
    ("linux.namespaces", [{"type": "pid"}, {"type": "pid"}], "linux.namespaces[1].type", "loader"),
    ("linux.namespaces", [{"type": "pid", "path": "ns/pid"}], "linux.namespaces[0].path"),
    ("linux.uidMappings", [{"containerID": 0, "hostID": 0, "size": 0}], "linux.uidMappings[0].size"),
    ("linux.gidMappings", [{"containerID": 2**32 - 1, "hostID": 0, "size": 1}], "linux.gidMappings[0].containerID"),
    ("linux.uidMappings", [{"hostID": 0, "size": 1}], "linux.uidMappings[0].containerID"),
    ("linux.uidMappings", [{"containerID": 0, "size": 1}], "linux.uidMappings[0].hostID"),
    ("linux.gidMappings", [{"containerID": 0, "hostID": 0}], "linux.gidMappings[0].size"),
    ("linux.timeOffsets", {"monotonic": {"secs": 1}}, "linux.timeOffsets", "loader"),
    ("linux.timeOffsets", {"realtime": {"secs": 1}}, "linux.timeOffsets.realtime"),
    ("linux.timeOffsets", {"boottime": {"nanosecs": 10**9}}, "linux.timeOffsets.boottime.nanosecs"),
    ("linux.timeOffsets", {"boottime": {"secs": 2**63}}, "linux.timeOffsets.boottime.secs"),
    ("linux.devices", [device(type="x")], "linux.devices[0].type"),
    ("linux.devices", [device(type=None)], "linux.devices[0].type"),
    ("linux.devices", [device(path=None)], "linux.devices[0].path"),
    ("linux.devices", [device(minor=None)], "linux.devices[0].minor"),
    ("linux.devices", [device(path="dev/x")], "linux.devices[0].path"),
    ("linux.devices", [device(major=None)], "linux.devices[0].major"),
    ("linux.devices", [device(major=4096)], "linux.devices[0].major"),
    ("linux.devices", [device(minor=2**20)], "linux.devices[0].minor"),
    ("linux.devices", [device(minor=-1)], "linux.devices[0].minor"),
    ("linux.devices", [device(fileMode=2**16)], "linux.devices[0].fileMode"),
    ("linux.devices", [device(uid=2**32 - 1)], "linux.devices[0].uid"),
    ("linux.netDevices", [], "linux.netDevices"),
    ("linux.cgroupsPath", "/a/../b", "linux.cgroupsPath"),
    ("linux.cgroupsPath", "..", "linux.cgroupsPath"),
    ("linux.cgroupsPath", "a\0", "linux.cgroupsPath"),
    ("linux.rootfsPropagation", "foo", "linux.rootfsPropagation"),
    ("linux.maskedPaths", ["/a", "proc"], "linux.maskedPaths[1]"),
    ("linux.readonlyPaths", [""], "linux.readonlyPaths[0]"),
    ("linux.personality", {}, "linux.personality.domain"),
    ("linux.personality", {"domain": "BSD"}, "linux.personality.domain"),
    ("linux.personality", {"domain": "LINUX", "flags": ["X"]}, "linux.personality.flags"),
    ("linux.sysctl", {"net.x": 1}, 'linux.sysctl["net.x"]'),
    ("linux.sysctl", {"": "1"}, 'linux.sysctl[""]'),
    ("linux.seccomp", "x", "linux.seccomp"),
    ("linux.seccomp", {}, "linux.seccomp.defaultAction"),
    *(("linux.seccomp", {"defaultAction": "SCMP_ACT_ERRNO", **wrong}, f"linux.seccomp.{path}") for wrong, path in (
        ({"defaultAction": "ALLOW"}, "defaultAction"),
        ({"defaultAction": 1}, "defaultAction"),
        ({"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}, "defaultErrnoRet"),
        ({"defaultAction": "SCMP_ACT_KILL", "defaultErrnoRet": 0}, "defaultErrnoRet"),
        ({"defaultErrnoRet": -1}, "defaultErrnoRet"),
        ({"defaultErrnoRet": 4095}, "defaultErrnoRet"),
        ({"defaultErrnoRet": "EPERM"}, "defaultErrnoRet"),
        ({"architectures": "SCMP_ARCH_X86"}, "architectures"),
        ({"architectures": ["SCMP_ARCH_X86", "x86"]}, "architectures[1]"),
        ({"flags": ["SECCOMP_FILTER_FLAG_NEW_LISTENER"]}, "flags[0]"),
        ({"listenerPath": 1}, "listenerPath"),
        ({"listenerMetadata": "x"}, "listenerPath"),
        ({"syscalls": {}}, "syscalls"),
        ({"syscalls": [{"action": "SCMP_ACT_ALLOW"}]}, "syscalls[0].names"),
        *((({"syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW"} | rule]}, f"syscalls[0].{path}")) for
          rule, path in (
            ({"names": []}, "names"),
            ({"names": "read"}, "names"),
            ({"names": ["read", ""]}, "names[1]"),
            ({"names": ["read", 1]}, "names[1]"),
            ({"names": ["read", "a\0"]}, "names[1]"),
            ({"action": "SCMP_ACT_FOO"}, "action"),
            ({"errnoRet": 1}, "errnoRet"),
            ({"action": "SCMP_ACT_ERRNO", "errnoRet": 4095}, "errnoRet"),
            ({"action": "SCMP_ACT_TRACE", "errnoRet": 65536}, "errnoRet"),
            ({"args": {}}, "args"),
            ({"args": [{"value": 1, "op": "SCMP_CMP_EQ"}]}, "args[0].index"),
            ({"args": [{"index": 0, "op": "SCMP_CMP_EQ"}]}, "args[0].value"),
            ({"args": [{"index": 0, "value": 1}]}, "args[0].op"),
            ({"args": [{"index": 6, "value": 1, "op": "SCMP_CMP_EQ"}]}, "args[0].index"),
            ({"args": [{"index": -1, "value": 1, "op": "SCMP_CMP_EQ"}]}, "args[0].index"),
            ({"args": [{"index": 0, "value": 2**64, "op": "SCMP_CMP_EQ"}]}, "args[0].value"),
            ({"args": [{"index": 0, "value": -1, "op": "SCMP_CMP_EQ"}]}, "args[0].value"),
            ({"args": [{"index": 0, "value": 1.5, "op": "SCMP_CMP_EQ"}]}, "args[0].value"),
            ({"args": [{"index": 0, "value": 1, "valueTwo": 2**64, "op": "SCMP_CMP_EQ"}]}, "args[0].valueTwo"),
            ({"args": [{"index": 0, "value": 1, "op": "EQ"}]}, "args[0].op"),
        )),
    )),
    ("linux.intelRdt", [], "linux.intelRdt"),
    ("linux.memoryPolicy", 1, "linux.memoryPolicy"),
    # linux.resources
    ("linux.resources", [], "linux.resources"),
    ("linux.resources.devices", [{"type": "c"}], "linux.resources.devices[0].allow"),
    ("linux.resources.devices", [{"allow": 1}], "linux.resources.devices[0].allow"),
    ("linux.resources.devices", [{"allow": True, "type": "p"}], "linux.resources.devices[0].type"),
    ("linux.resources.devices", [{"allow": True, "access": "rx"}], "linux.resources.devices[0].access"),
    ("linux.resources.devices", [{"allow": True, "access": "rr"}], "linux.resources.devices[0].access"),
    ("linux.resources.devices", [{"allow": True, "major": -2}], "linux.resources.devices[0].major"),
    ("linux.resources.devices", [{"allow": True, "minor": 2**20}], "linux.resources.devices[0].minor"),
    ("linux.resources.memory", {"limit": -2}, "linux.resources.memory.limit"),
    ("linux.resources.memory", {"swap": 2**63}, "linux.resources.memory.swap"),
    ("linux.resources.memory", {"swappiness": 101}, "linux.resources.memory.swappiness"),
    ("linux.resources.memory", {"disableOOMKiller": 0}, "linux.resources.memory.disableOOMKiller"),
    ("linux.resources.cpu", {"shares": -1}, "linux.resources.cpu.shares"),
    ("linux.resources.cpu", {"quota": 2**63}, "linux.resources.cpu.quota"),
    ("linux.resources.cpu", {"quota": 1, "burst": 2}, "linux.resources.cpu.burst", "loader"),
    ("linux.resources.cpu", {"idle": 2}, "linux.resources.cpu.idle"),
    ("linux.resources.cpu", {"cpus": 1}, "linux.resources.cpu.cpus"),
    ("linux.resources.pids", {"limit": 2**63}, "linux.resources.pids.limit"),
    ("linux.resources.blockIO", {"weight": 65536}, "linux.resources.blockIO.weight"),
    ("linux.resources.blockIO", {"leafWeight": -1}, "linux.resources.blockIO.leafWeight"),
    ("linux.resources.blockIO.weightDevice", [{"major": 8, "minor": 0}],
     "linux.resources.blockIO.weightDevice[0]"),
    ("linux.resources.blockIO.weightDevice", [{"minor": 0, "weight": 1}],
     "linux.resources.blockIO.weightDevice[0].major"),
    ("linux.resources.blockIO.weightDevice", [{"major": 8, "weight": 1}],
     "linux.resources.blockIO.weightDevice[0].minor"),
    *((f"linux.resources.blockIO.throttle{kind}Device", [throttle(**{name: None})],
       f"linux.resources.blockIO.throttle{kind}Device[0].{name}")
      for kind in ("ReadBps", "WriteBps", "ReadIOPS", "WriteIOPS") for name in ("major", "minor", "rate")),
    ("linux.resources.blockIO.throttleReadBpsDevice", [throttle(rate=-1)],
     "linux.resources.blockIO.throttleReadBpsDevice[0].rate"),
    ("linux.resources.blockIO.throttleWriteIOPSDevice", [throttle(major=4096)],
     "linux.resources.blockIO.throttleWriteIOPSDevice[0].major"),
    ("linux.resources.hugepageLimits", [{"pageSize": "2mb", "limit": 1}], "linux.resources.hugepageLimits[0].pageSize"),
    ("linux.resources.hugepageLimits", [{"pageSize": "MB", "limit": 1}], "linux.resources.hugepageLimits[0].pageSize"),
    ("linux.resources.hugepageLimits", [{"pageSize": "2MB/../x", "limit": 1}],
     "linux.resources.hugepageLimits[0].pageSize"),
    ("linux.resources.hugepageLimits", [{"pageSize": "2MB\n", "limit": 1}],
     "linux.resources.hugepageLimits[0].pageSize", "loader"),
    ("linux.resources.hugepageLimits", [{"limit": 1}], "linux.resources.hugepageLimits[0].pageSize"),
    ("linux.resources.hugepageLimits", [{"pageSize": "2MB"}], "linux.resources.hugepageLimits[0].limit"),
    ("linux.resources.network", {"classID": 2**32}, "linux.resources.network.classID"),
    ("linux.resources.network", {"priorities": [{"name": "x"}]}, "linux.resources.network.priorities[0].priority"),
    ("linux.resources.network", {"priorities": [{"priority": 1}]}, "linux.resources.network.priorities[0].name"),
    ("linux.resources.network", {"priorities": [{"name": "", "priority": 1}]},
     "linux.resources.network.priorities[0].name"),
    ("linux.resources.rdma", {"mlx5_1": {"hcaHandles": -1}}, "linux.resources.rdma.mlx5_1.hcaHandles"),
    ("linux.resources.rdma", {"mlx5_1": {}}, "linux.resources.rdma.mlx5_1"),
    ("linux.resources.rdma", {"": {"hcaHandles": 1}}, 'linux.resources.rdma[""]'),
    ("linux.resources.unified", {"memory.max": 1}, 'linux.resources.unified["memory.max"]'),
    ("linux.resources.unified", {"../x": "1"}, 'linux.resources.unified["../x"]'),
    ("linux.resources.unified", {"..": "1"}, 'linux.resources.unified[".."]'),
    ("linux.resources.unified", {"a/b": "1"}, 'linux.resources.unified["a/b"]'),
]  # fmt: skip
CASES = [pytest.param(*(*case, "")[:4], id=f"{case[2]}-{i}") for i, case in enumerate(BAD)]


@pytest.mark.parametrize(("place", "value", "path", "_who"), CASES)
def test_load_refuses_a_bad_value_and_names_its_path(place, value, path, _who):
    assert path in [named for named, _ in problems(place, value)]


@pytest.mark.parametrize(("place", "value", "path", "who"), CASES)
def test_the_schema_refuses_the_same_value_under_the_same_path(place, value, path, who):
    pytest.importorskip("jsonschema")
    named = [named for named, _ in schema_problems("config", config(place, value))]
    assert (path in named) == (who != "loader")


# What a caller may well write, and what the Spec then has there.
GOOD = [
    ("ociVersion", "1.0.2-dev", lambda spec: spec.ociVersion == "1.0.2-dev"),
    ("ociVersion", "1.3.0", lambda spec: spec.ociVersion == "1.3.0"),
    ("ociVersion", "1.99.0-rc.1+build.5", lambda spec: spec.ociVersion.startswith("1.99")),
    ("process", ABSENT, lambda spec: spec.process is None),
    ("process", None, lambda spec: spec.process is None),
    ("linux", ABSENT, lambda spec: spec.linux == Linux()),
    ("linux", None, lambda spec: spec.linux == Linux()),
    ("hooks", None, lambda spec: spec.hooks == Hooks()),
    ("hostname", "x" * 64, lambda spec: len(spec.hostname) == 64),
    ("unknown", {"deep": [1, 2.5, None]}, lambda spec: True),
    ("process.unknown", 1, lambda spec: True),
    ("mounts", [{"destination": "tmp"}], lambda spec: spec.mounts[0].destination == "/tmp"),
    ("mounts", [{"destination": "/tmp"}], lambda spec: spec.mounts[0].property == "mounts[0]"),
    ("process.env", ["A=", "B=1=2"], lambda spec: spec.process.env == ("A=", "B=1=2")),
    ("process.user", user(uid=2**32 - 2, umask=0), lambda spec: spec.process.user.umask == 0),
    ("process.capabilities", {"bounding": ["CAP_FUTURE"]}, lambda spec: spec.process.capabilities.bounding),
    ("process.consoleSize", {"height": 1, "width": 2}, lambda spec: spec.process.consoleSize.width == 2),
    ("process.consoleSize", {"height": 1, "width": 65536}, lambda spec: not spec.process.terminal),
    ("process.rlimits", [limit(soft=2**64 - 1, hard=2**64 - 1)], lambda spec: spec.process.rlimits == (
        Rlimit(property="process.rlimits[0]", type="RLIMIT_CORE", soft=2**64 - 1, hard=2**64 - 1),)),
    ("process.ioPriority", {"class": "IOPRIO_CLASS_RT", "priority": 7},
     lambda spec: spec.process.ioPriority == IOPriority(class_="IOPRIO_CLASS_RT", priority=7)),
    ("process.execCPUAffinity", {"initial": "0-3,7", "final": "1-1"},
     lambda spec: spec.process.execCPUAffinity.initial),
    ("process.scheduler", {"policy": "SCHED_DEADLINE", "runtime": 1, "deadline": 2, "period": 3},
     lambda spec: spec.process.scheduler.period == 3),
    ("linux.namespaces", [{"type": "pid", "path": ""}], lambda spec: spec.linux.namespaces[0].path == ""),
    ("linux.devices", [{"type": "p", "path": "/dev/p"}], lambda spec: spec.linux.devices[0].fileMode is None),
    ("linux.devices", [device(fileMode=0o20666)], lambda spec: spec.linux.devices[0].fileMode == 0o666),
    ("linux.rootfsPropagation", "rslave", lambda spec: spec.linux.rootfsPropagation == "rslave"),
    ("linux.rootfsPropagation", "", lambda spec: spec.linux.rootfsPropagation == ""),
    ("linux.personality", {"domain": "LINUX32", "flags": []}, lambda spec: spec.linux.personality == "LINUX32"),
    ("linux.cgroupsPath", "/a/..b/c..", lambda spec: spec.linux.cgroupsPath == "/a/..b/c.."),
    ("linux.resources.devices", [{"allow": False}], lambda spec: spec.linux.resources.devices[0].access == "rwm"),
    ("linux.resources.devices", [{"allow": True, "type": "", "major": -1, "minor": None, "access": ""}],
     lambda spec: spec.linux.resources.devices[0].type == "a" and spec.linux.resources.devices[0].major is None),
    ("linux.resources.devices", [{"allow": True, "major": 0, "minor": 0}],
     lambda spec: (spec.linux.resources.devices[0].major, spec.linux.resources.devices[0].minor) == (0, 0)),
    ("linux.resources.memory", {"limit": -1}, lambda spec: spec.linux.resources.memory.limit == -1),
    ("linux.resources.pids", {"limit": 5}, lambda spec: spec.linux.resources.pids == 5),
    ("linux.resources.pids", {"limit": 0}, lambda spec: spec.linux.resources.pids == 0),
    ("linux.resources.pids", {}, lambda spec: spec.linux.resources.pids is None),
    ("root.path", "\u00e9\U0001f600", lambda spec: spec.root.path == "\u00e9\U0001f600"),
    ("linux.resources.blockIO.weightDevice", [{"major": 8, "minor": 0, "weight": 5}],
     lambda spec: spec.linux.resources.blockIO.weightDevice[0].leafWeight is None),
    ("linux.resources.blockIO.weightDevice", [{"major": 8, "minor": 0, "leafWeight": 5}],
     lambda spec: spec.linux.resources.blockIO.weightDevice[0].weight is None),
    ("linux.resources.blockIO.weightDevice", [{"major": 8, "minor": 0, "weight": 5, "leafWeight": 6}],
     lambda spec: (spec.linux.resources.blockIO.weightDevice[0].weight,
                   spec.linux.resources.blockIO.weightDevice[0].leafWeight) == (5, 6)),
    ("linux.resources.cpu", {"quota": 5, "burst": 5}, lambda spec: spec.linux.resources.cpu.burst == 5),
    ("linux.resources.cpu", {"quota": 0, "burst": 5}, lambda spec: spec.linux.resources.cpu.burst == 5),
    ("linux.resources.cpu", {"quota": -1, "burst": 5}, lambda spec: spec.linux.resources.cpu.quota == -1),
    ("linux.resources.rdma", {"m": {"hcaObjects": 3}}, lambda spec: spec.linux.resources.rdma == (("m", None, 3),)),
    ("linux.resources.rdma", {"m": {"hcaHandles": 2}}, lambda spec: spec.linux.resources.rdma == (("m", 2, None),)),
    ("linux.resources.rdma", {"m": {"hcaHandles": 2, "hcaObjects": 3}},
     lambda spec: spec.linux.resources.rdma == (("m", 2, 3),)),
    ("linux.resources.unified", {"memory.max": "1"},
     lambda spec: spec.linux.resources.unified == (("memory.max", "1"),)),
    ("linux.resources.hugepageLimits", [{"pageSize": "64KB", "limit": 0}],
     lambda spec: spec.linux.resources.hugepageLimits[0].property == "linux.resources.hugepageLimits[0]"),
]  # fmt: skip


@pytest.mark.parametrize(("place", "value", "holds"), GOOD)
def test_load_takes_a_good_value(place, value, holds):
    assert holds(loaded(place, value))


@pytest.mark.parametrize(("place", "value", "_holds"), GOOD)
def test_the_schema_takes_a_good_value(place, value, _holds):
    pytest.importorskip("jsonschema")
    assert schema_problems("config", config(place, value)) == []


# Where a number is put, how, and the least and the greatest that the kernel has room for.
BOUNDS = [
    ("process.user", lambda n: user(uid=n), 0, 2**32 - 2),
    ("process.user", lambda n: user(gid=n), 0, 2**32 - 2),
    ("process.user", lambda n: user(umask=n), 0, 0o777),
    ("process.user", lambda n: user(additionalGids=[n]), 0, 2**32 - 2),
    ("process.consoleSize", lambda n: {"height": n, "width": 0}, 0, 2**32 - 1),
    ("process.rlimits", lambda n: [limit(soft=0, hard=n)], 0, 2**64 - 1),
    ("process.oomScoreAdj", lambda n: n, -1000, 1000),
    ("process.scheduler", lambda n: {"policy": "SCHED_OTHER", "nice": n}, -20, 19),
    ("process.scheduler", lambda n: {"policy": "SCHED_FIFO", "priority": n}, 1, 99),
    ("process.scheduler", lambda n: {"policy": "SCHED_OTHER", "priority": n}, 0, 0),
    ("process.scheduler", lambda n: {"policy": "SCHED_DEADLINE", "period": n}, 0, 2**64 - 1),
    ("process.ioPriority", lambda n: {"class": "IOPRIO_CLASS_BE", "priority": n}, 0, 7),
    ("hooks.prestart", lambda n: [{"path": "/a", "timeout": n}], 1, 2**31 - 1),
    ("linux.uidMappings", lambda n: [{"containerID": n, "hostID": 0, "size": 1}], 0, 2**32 - 2),
    ("linux.uidMappings", lambda n: [{"containerID": 0, "hostID": n, "size": 1}], 0, 2**32 - 2),
    ("linux.uidMappings", lambda n: [{"containerID": 0, "hostID": 0, "size": n}], 1, 2**32 - 1),
    ("linux", lambda n: with_time(secs=n), -(2**63), 2**63 - 1),
    ("linux", lambda n: with_time(nanosecs=n), 0, 10**9 - 1),
    ("linux.devices", lambda n: [device(major=n)], 0, 2**12 - 1),
    ("linux.devices", lambda n: [device(minor=n)], 0, 2**20 - 1),
    ("linux.devices", lambda n: [device(fileMode=n)], 0, 2**16 - 1),
    ("linux.devices", lambda n: [device(gid=n)], 0, 2**32 - 2),
    ("linux.resources.devices", lambda n: [{"allow": True, "major": n}], -1, 2**12 - 1),
    ("linux.resources.devices", lambda n: [{"allow": True, "minor": n}], -1, 2**20 - 1),
    ("linux.resources.memory", lambda n: {"limit": n}, -1, 2**63 - 1),
    ("linux.resources.memory", lambda n: {"swappiness": n}, 0, 100),
    ("linux.resources.cpu", lambda n: {"shares": n}, 0, 2**64 - 1),
    ("linux.resources.cpu", lambda n: {"quota": n}, -(2**63), 2**63 - 1),
    ("linux.resources.cpu", lambda n: {"burst": n}, 0, 2**64 - 1),
    ("linux.resources.cpu", lambda n: {"period": n}, 0, 2**64 - 1),
    ("linux.resources.cpu", lambda n: {"realtimeRuntime": n}, -(2**63), 2**63 - 1),
    ("linux.resources.cpu", lambda n: {"realtimePeriod": n}, 0, 2**64 - 1),
    ("linux.resources.cpu", lambda n: {"idle": n}, 0, 1),
    ("linux.resources.pids", lambda n: {"limit": n}, -(2**63), 2**63 - 1),
    ("linux.resources.blockIO", lambda n: {"weight": n}, 0, 2**16 - 1),
    ("linux.resources.blockIO", lambda n: {"throttleReadIOPSDevice": [throttle(rate=n)]}, 0, 2**64 - 1),
    ("linux.resources.hugepageLimits", lambda n: [{"pageSize": "2MB", "limit": n}], 0, 2**64 - 1),
    ("linux.resources.network", lambda n: {"classID": n}, 0, 2**32 - 1),
    ("linux.resources.network", lambda n: {"priorities": [{"name": "x", "priority": n}]}, 0, 2**32 - 1),
    ("linux.resources.rdma", lambda n: {"x": {"hcaObjects": n}}, 0, 2**32 - 1),
]  # fmt: skip


@pytest.mark.parametrize(("place", "make", "low", "high"), BOUNDS)
def test_load_takes_an_integer_as_wide_as_the_kernel_has_it(place, make, low, high):
    loaded(place, make(low))
    loaded(place, make(high))


@pytest.mark.parametrize(("place", "make", "low", "high"), BOUNDS)
def test_load_refuses_an_integer_that_is_wider_than_the_kernel_has_it(place, make, low, high):
    assert problems(place, make(low - 1))
    assert problems(place, make(high + 1))


@pytest.mark.parametrize(("place", "make", "low", "_high"), BOUNDS)
@pytest.mark.parametrize("other", [float, str, bool])
def test_load_refuses_a_number_of_another_type(place, make, low, _high, other):
    assert problems(place, make(other(low)))


@pytest.mark.parametrize(("place", "make", "low", "high"), BOUNDS)
def test_the_schema_has_the_same_bounds(place, make, low, high):
    pytest.importorskip("jsonschema")
    assert schema_problems("config", config(place, make(low))) == []
    assert schema_problems("config", config(place, make(high))) == []
    if (low, high) not in ((1, 99), (0, 0)):  # the priorities, which depend on the policy
        assert schema_problems("config", config(place, make(low - 1)))
        assert schema_problems("config", config(place, make(high + 1)))


def test_load_takes_time_offsets_with_a_new_time_namespace():
    document = config("linux.timeOffsets", {"boottime": {"secs": -5}})
    document["linux"]["namespaces"] = [{"type": "time"}]
    offsets = load(encode(document).encode()).linux.timeOffsets
    assert offsets == (TimeOffset(property="linux.timeOffsets.boottime", clock="boottime", secs=-5, nanosecs=0),)


def test_load_refuses_time_offsets_with_a_joined_time_namespace():
    document = config("linux.timeOffsets", {"boottime": {"secs": -5}})
    document["linux"]["namespaces"] = [{"type": "time", "path": "/proc/1/ns/time"}]
    with pytest.raises(ConfigError, match=r"linux\.timeOffsets: "):
        load(encode(document).encode())


@pytest.mark.parametrize("name", ["height", "width"])
def test_load_refuses_a_console_size_that_no_terminal_can_have(name):
    document = config("process.consoleSize", {"height": 1, "width": 1, name: 2**16})
    load(encode(document).encode())
    document["process"]["terminal"] = True
    with pytest.raises(ConfigError, match=rf"process\.consoleSize\.{name}: 65536 is not in the range"):
        load(encode(document).encode())


def test_load_tells_all_problems_in_the_order_of_the_document():
    document = {
        "process": {"cwd": "x", "args": [], "user": {"uid": -1}},
        "mounts": [{"destination": 1}, {}],
        "ociVersion": "x",
    }
    with pytest.raises(ConfigError) as caught:
        load(encode(document).encode())
    assert [path for path, _ in caught.value.problems] == [
        "process.cwd", "process.args", "process.user.uid", "process.user.gid", "mounts[0].destination",
        "mounts[1].destination", "ociVersion", "root",
    ]  # fmt: skip


@pytest.mark.parametrize("data", [b"[]", b"1", b"null", b'"x"'])
def test_load_refuses_a_document_that_is_no_object(data):
    with pytest.raises(ConfigError, match="an object is needed"):
        load(data)


def test_load_refuses_what_is_not_json():
    with pytest.raises(OcipyError, match="line 1, column 2"):
        load(b"{")


@pytest.mark.parametrize("env", [["hunter2"], ["=hunter2"], ["A=hunter2\0"], ["A=hunter2\ud800"], {"A": "hunter2"}])
def test_load_never_tells_a_value_of_the_environment(env):
    assert "hunter2" not in str(problems("process.env", env))


def test_load_never_tells_an_argument():
    assert "hunter2" not in str(problems("process.args", ["--password=hunter2\0"]))


def test_load_shortens_a_long_value_in_a_message():
    assert len(problems("process.cwd", "x" * 100_000)[0][1]) < 200


def test_load_imports_neither_json_nor_re():
    import subprocess
    import sys

    code = (
        "import sys\n"
        "from ocipy.spec.load import load\n"
        f"load({encode(MINIMAL).encode()!r})\n"
        "print(sorted({'json', 're', 'typing', 'enum', 'ctypes'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_load_process_takes_a_process_block_alone():
    assert load_process(encode(MINIMAL["process"]).encode()).args == ("sh",)


def test_load_process_names_paths_from_the_block():
    with pytest.raises(ConfigError) as caught:
        load_process(b'{"cwd": "x"}')
    assert [path for path, _ in caught.value.problems] == ["cwd", "args", "user"]


def test_the_names_of_the_loader_are_those_of_the_kernel_room():
    from ocipy.linux import process as kernel
    from ocipy.spec import process

    assert set(process.POLICIES) == set(kernel.SCHEDULERS)
    assert set(process.SCHED_FLAGS) == set(kernel.SCHEDULER_FLAGS)
    assert set(process.IO_CLASSES) == set(kernel.IO_PRIORITY_CLASSES)
    assert set(process.RLIMITS) == set(kernel.RLIMITS)
