"""linux.cgroupsPath, limits and annotations -> the scope that systemd is asked for."""

import pytest

from ocipy.errors import ConfigError
from ocipy.linux.libsystemd import split
from ocipy.plan.cgroup import cgroup_directories, compile_cgroup
from ocipy.plan.cgroup_devices import device_rules
from ocipy.plan.facts import CgroupFacts
from ocipy.plan.systemd import expand
from ocipy.plan.systemd_properties import INFINITY, device_properties, limit_properties
from ocipy.plan.update import compile_update
from ocipy.spec.model import DeviceRule, Hooks, Linux, Resources, Spec
from ocipy.spec.resources import resources

ROOT = "/sys/fs/cgroup"
CONTROLLERS = ("cpuset", "cpu", "io", "memory", "pids")
SYSTEM = CgroupFacts(version=2, unified=ROOT, own=(("", "/"),), available=CONTROLLERS, systemd="")
MANAGER = "/user.slice/user-7.slice/user@7.service"
USER = CgroupFacts(version=2, unified=ROOT, own=(("", "/"),), available=CONTROLLERS, systemd=MANAGER)
V1 = CgroupFacts(
    version=1, unified=f"{ROOT}/unified", systemd="",
    hierarchies=tuple((name, f"{ROOT}/{name}") for name in ("memory", "cpu,cpuacct", "pids", "blkio", "devices")),
)  # fmt: skip


def started(path="", id="box", facts=SYSTEM, given=None, annotations=()):
    """Gives the operation that starts the scope."""
    linux = Linux(cgroupsPath=path, resources=typed(given) if given else None)
    spec = Spec(ociVersion="1.3.0", hooks=Hooks(), linux=linux, annotations=tuple(annotations))
    return compile_cgroup(spec, facts, id)[0][0]


def typed(document):
    problems = []
    value = resources(document, "linux.resources", problems)
    assert not problems
    return value


def properties(**how):
    return {name: (signature, value) for name, signature, value in started(**how).properties}


@pytest.mark.parametrize(("facts", "path", "id", "directory"), [
    (SYSTEM, "", "box", "/system.slice/ocipy-box.scope"),
    (SYSTEM, "", "a+b", "/system.slice/ocipy-a\\x2bb.scope"),
    (SYSTEM, ":podman:x", "box", "/system.slice/podman-x.scope"),
    (SYSTEM, "machine.slice:libpod:x", "box", "/machine.slice/libpod-x.scope"),
    (SYSTEM, "a-b-c.slice:p:x", "box", "/a.slice/a-b.slice/a-b-c.slice/p-x.scope"),
    (SYSTEM, "-.slice:p:x", "box", "/p-x.scope"),
    (SYSTEM, "a.slice::x", "box", "/a.slice/-x.scope"),
    (USER, "", "box", f"{MANAGER}/user.slice/ocipy-box.scope"),
    (USER, "app.slice:p:x", "box", f"{MANAGER}/app.slice/p-x.scope"),
])  # fmt: skip
def test_scope_lies_where_its_slice_is(facts, path, id, directory):
    assert cgroup_directories(path, facts, id) == (("", ROOT + directory),)
    operation = started(path=path, id=id, facts=facts)
    assert operation.directories == (("", ROOT + directory),)
    assert operation.unit == directory.rpartition("/")[2]


def test_scope_lies_in_every_hierarchy_of_v1():
    assert cgroup_directories("a.slice:p:x", V1, "box") == (
        *((names, f"{mount}/a.slice/p-x.scope") for names, mount in V1.hierarchies),
        ("", f"{ROOT}/unified/a.slice/p-x.scope"),
    )


@pytest.mark.parametrize(("path", "said"), [
    ("/box", "slice:prefix:name"),
    ("a.slice:p", "slice:prefix:name"),
    ("a.slice:p:x:y", "slice:prefix:name"),
    ("a.slice:p:", "slice:prefix:name"),
    ("a:p:x", "'a' is no name of a slice"),
    ("a--b.slice:p:x", "is no name of a slice"),
    ("-a.slice:p:x", "is no name of a slice"),
    ("a-.slice:p:x", "is no name of a slice"),
    (".slice:p:x", "is no name of a slice"),
    ("../a.slice:p:x", "is no name of a slice"),
    ("a.slice:p:../x", "is no name of a unit"),
    ("a.slice:p:x y", "is no name of a unit"),
    (f"a.slice:p:{'x' * 250}", "is no name of a unit"),
    ("a.slice:p:x.slice", "'x.slice' is a slice"),
])  # fmt: skip
def test_path_that_is_no_scope_is_refused(path, said):
    with pytest.raises(ConfigError) as caught:
        started(path=path)
    (problem,) = caught.value.problems
    assert problem[0] == "linux.cgroupsPath" and said in problem[1]


def test_root_slice_has_no_directory_of_its_own():
    assert expand("-.slice") == ""
    assert expand("a-b.slice") == "/a.slice/a-b.slice"


def test_scope_is_delegated_and_accounted():
    found = properties(path="a.slice:p:x")
    assert found["Slice"] == ("s", "a.slice")
    assert found["Delegate"] == ("b", True)
    assert found["DefaultDependencies"] == ("b", False)
    assert [name for name in found if name.endswith("Accounting")] == [
        "MemoryAccounting", "CPUAccounting", "IOAccounting", "TasksAccounting",
    ]  # fmt: skip
    assert found["Description"] == ("s", "ocipy container box")


@pytest.mark.parametrize(("given", "expected"), [
    ({"memory": {"limit": 1 << 20}}, {"MemoryMax": ("t", 1 << 20)}),
    ({"memory": {"limit": -1}}, {"MemoryMax": ("t", INFINITY)}),
    ({"memory": {"limit": 3, "swap": 5, "reservation": 2}}, {
        "MemoryMax": ("t", 3), "MemorySwapMax": ("t", 2), "MemoryLow": ("t", 2),
    }),
    ({"cpu": {"shares": 1024}}, {"CPUWeight": ("t", 100)}),
    ({"cpu": {"quota": 50000, "period": 100000}}, {
        "CPUQuotaPerSecUSec": ("t", 500000), "CPUQuotaPeriodUSec": ("t", 100000),
    }),
    ({"cpu": {"quota": 33333, "period": 100000}}, {
        "CPUQuotaPerSecUSec": ("t", 340000), "CPUQuotaPeriodUSec": ("t", 100000),
    }),
    ({"cpu": {"period": 50000}}, {"CPUQuotaPerSecUSec": ("t", INFINITY), "CPUQuotaPeriodUSec": ("t", 50000)}),
    ({"cpu": {"cpus": "0-2,9", "mems": "0"}}, {"AllowedCPUs": ("ay", (7, 2)), "AllowedMemoryNodes": ("ay", (1,))}),
    ({"pids": {"limit": 7}}, {"TasksMax": ("t", 7)}),
    ({"pids": {"limit": -1}}, {"TasksMax": ("t", INFINITY)}),
    ({"blockIO": {"weight": 10}}, {"IOWeight": ("t", 1)}),
    ({"blockIO": {"weightDevice": [{"major": 8, "minor": 1, "weight": 10}]}}, {
        "IODeviceWeight": ("a(st)", (("/dev/block/8:1", 1),)),
    }),
    ({"blockIO": {"throttleReadBpsDevice": [{"major": 8, "minor": 0, "rate": 9}]}}, {
        "IOReadBandwidthMax": ("a(st)", (("/dev/block/8:0", 9),)),
    }),
    ({"blockIO": {"throttleWriteIOPSDevice": [{"major": 8, "minor": 0, "rate": 9}]}}, {
        "IOWriteIOPSMax": ("a(st)", (("/dev/block/8:0", 9),)),
    }),
    ({"unified": {"memory.high": "8", "memory.min": "4", "cpu.max": "max 1000"}}, {
        "MemoryHigh": ("t", 8), "MemoryMin": ("t", 4), "CPUQuotaPerSecUSec": ("t", INFINITY),
        "CPUQuotaPeriodUSec": ("t", 1000),
    }),
    ({"memory": {"limit": 5}, "unified": {"memory.max": "6"}}, {"MemoryMax": ("t", 6)}),
    # No property says these; the kernel refuses the last.
    ({"cpu": {"burst": 5}}, {}),
    ({"unified": {"cpuset.cpus": "0-99999"}}, {}),
])  # fmt: skip
def test_limit_becomes_the_property_of_systemd(given, expected):
    usual = set(properties())
    assert {name: value for name, value in properties(given=given).items() if name not in usual} == expected


def test_limits_of_v1_become_properties_of_v1():
    given = {"memory": {"limit": 9}, "cpu": {"shares": 5, "quota": 1000, "period": 2000}, "pids": {"limit": 3}}
    found = properties(facts=V1, given=given)
    assert found["MemoryLimit"] == ("t", 9) and found["CPUShares"] == ("t", 5) and found["TasksMax"] == ("t", 3)
    assert found["CPUQuotaPerSecUSec"] == ("t", 500000)


def test_limits_are_written_to_the_files_after_the_scope_is_there():
    linux = Linux(cgroupsPath="", resources=Resources(pids=3))
    operations, _ = compile_cgroup(Spec(ociVersion="1.3.0", hooks=Hooks(), linux=linux), SYSTEM, "box")
    kinds = [operation.KIND.__name__ for operation in operations]
    assert kinds == ["StartScope", "EnableControllers", "AttachDeviceProgram", "WriteCgroupFile"]
    assert operations[-1].directory == f"{ROOT}/system.slice/ocipy-box.scope"


def test_update_changes_the_properties_of_what_is_given_alone():
    operations, _warnings, _after = compile_update({"pids": {"limit": 5}}, {"cpu": {"shares": 1024}}, SYSTEM, (
        ("", f"{ROOT}/system.slice/ocipy-box.scope"),
    ))  # fmt: skip
    assert limit_properties(2, operations) == (("CPUWeight", "t", 100),)


def rule(allow, kind="a", major=None, minor=None, access="rwm"):
    return DeviceRule(property="p", allow=allow, type=kind, major=major, minor=minor, access=access)


def devices(*rules):
    policy, allowed = device_properties(device_rules(rules))
    return policy[2], dict(allowed[2])


def test_devices_are_denied_but_for_the_default_ones():
    policy, allowed = devices()
    assert policy == "strict"
    assert allowed["/dev/char/1:3"] == "rwm" and allowed["char-136"] == "rwm"
    assert allowed["char-*"] == allowed["block-*"] == "m"


def test_device_that_is_allowed_is_one_of_systemd():
    assert devices(rule(True, "b", 8, 1, "r"))[1]["/dev/block/8:1"] == "r"
    assert devices(rule(True, "c", 10, 5, "r"), rule(True, "c", 10, 5, "w"))[1]["/dev/char/10:5"] == "rw"


@pytest.mark.parametrize("deny", [rule(False, "b", 8, 1), rule(False, "b", 8), rule(False, "b"), rule(False)])
def test_device_that_is_denied_again_is_none_of_systemd(deny):
    assert "/dev/block/8:1" not in devices(rule(True, "b", 8, 1, "rw"), deny)[1]


def test_all_devices_allowed_is_the_policy_auto():
    assert devices(rule(True)) == ("auto", {})


def test_annotations_become_properties():
    found = properties(annotations=[
        ("org.systemd.property.CollectMode", "'inactive-or-failed'"),
        ("org.systemd.property.TimeoutStopUSec", "uint64 5"),
        ("org.systemd.property.RuntimeMaxSec", "1.5"),
        ("org.example", "not for systemd"),
    ])  # fmt: skip
    assert found["CollectMode"] == ("s", "inactive-or-failed")
    assert found["TimeoutStopUSec"] == ("t", 5)
    assert found["RuntimeMaxUSec"] == ("t", 1500000)


@pytest.mark.parametrize(("name", "text", "said"), [
    ("CollectMode", "inactive", "is no value"),
    ("TimeoutStopSec", "'5'", "is no number of seconds"),
    ("TimeoutStopSec", "-1", "is no number of seconds"),
    ("TimeoutStopSec", "1e300", "is no number of seconds"),
    ("A", "1", "is no name of a property"),
    ("Slice.x", "1", "is no name of a property"),
])  # fmt: skip
def test_annotation_that_is_no_property_is_refused(name, text, said):
    with pytest.raises(ConfigError) as caught:
        started(annotations=[(f"org.systemd.property.{name}", text)])
    (problem,) = caught.value.problems
    assert problem[0] == f'annotations["org.systemd.property.{name}"]' and said in problem[1]


@pytest.mark.parametrize("name", ["PIDs", "PIDFDs", "Slice", "Delegate"])
def test_annotation_cannot_say_what_the_scope_holds_and_where_it_is(name):
    """The bundle's author would put other processes of the host under the container's limits."""
    with pytest.raises(ConfigError, match="set by the runtime"):
        started(annotations=[(f"org.systemd.property.{name}", "[uint32 1]")])


def test_signature_splits_into_complete_types():
    assert split("ssa(sv)a(sa(sv))aya{sv}") == ["s", "s", "a(sv)", "a(sa(sv))", "ay", "a{sv}"]
