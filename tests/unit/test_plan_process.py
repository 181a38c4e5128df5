"""The container's process: identity, capabilities, limits, scheduling, and what surrounds it in its namespaces."""

import json

import pytest

from ocipy.linux.capability import NAMES
from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.plan.namespaces import compile_namespaces, compile_settings
from ocipy.plan.process import (
    capability_masks,
    compile_before_root,
    compile_identity,
    compile_limits,
    compile_rlimits,
    environment,
)
from ocipy.spec.default import default
from ocipy.spec.load import load

ALL = (1 << len(NAMES)) - 1
KILL = 1 << NAMES.index("CAP_KILL")
CHOWN = 1 << NAMES.index("CAP_CHOWN")


def spec(**changes):
    config = default()
    for path, value in changes.items():
        *parents, name = path.split("__")
        place = config
        for parent in parents:
            place = place[parent]
        place[name] = value
    return load(json.dumps(config).encode())


def identity(warnings=None, **changes):
    process = spec(**changes).process
    facts = HostFacts(cgroup=CgroupFacts(), capabilities=ALL)
    return compile_identity(process, facts, keyring="k", warnings=[] if warnings is None else warnings)


def find(operations, kind):
    return [operation for operation in operations if operation.KIND.__name__ == kind]


def masks(warnings=None, grantable=ALL, **sets):
    capabilities = spec(process__capabilities=sets).process.capabilities
    return capability_masks(capabilities, grantable, [] if warnings is None else warnings)


def test_absent_capabilities_are_five_empty_sets():
    assert set(capability_masks(None, ALL, []).values()) == {0}


def test_each_set_is_taken_as_written():
    found = masks(bounding=["CAP_KILL", "CAP_CHOWN"], permitted=["CAP_KILL", "CAP_CHOWN"], effective=["CAP_KILL"],
                  inheritable=["CAP_CHOWN"], ambient=["CAP_CHOWN"])
    assert found == {"bounding": KILL | CHOWN, "permitted": KILL | CHOWN, "effective": KILL, "inheritable": CHOWN,
                     "ambient": CHOWN}


def test_unknown_capability_is_a_warning_with_its_property():
    warnings = []
    assert masks(warnings, bounding=["CAP_NOPE", "CAP_KILL"])["bounding"] == KILL
    assert warnings == ["process.capabilities.bounding: CAP_NOPE is not known"]


def test_capability_that_cannot_be_granted_is_a_warning():
    warnings = []
    assert masks(warnings, grantable=CHOWN, permitted=["CAP_KILL"])["permitted"] == 0
    assert "CAP_KILL cannot be granted" in warnings[0]


@pytest.mark.parametrize("sets", [{"inheritable": ["CAP_KILL"]}, {"permitted": ["CAP_KILL"]}])
def test_ambient_needs_permitted_and_inheritable(sets):
    warnings = []
    assert masks(warnings, ambient=["CAP_KILL"], **sets)["ambient"] == 0
    assert warnings


def test_warning_about_a_whole_set_is_short_and_says_what_is_missing():
    warnings, both = [], ["CAP_KILL", "CAP_CHOWN"]
    masks(warnings, permitted=both, ambient=both)
    masks(warnings, permitted=both, inheritable=["CAP_KILL"], ambient=both)
    assert warnings == [
        "process.capabilities.ambient: all left out: not both permitted and inheritable",
        "process.capabilities.ambient: CAP_CHOWN left out: not both permitted and inheritable",
    ]


def test_umask_is_022_when_absent_and_as_given_else():
    assert find(identity(), "SetUser")[0].umask == 0o022
    user = {"uid": 0, "gid": 0, "umask": 0}
    assert find(identity(process__user=user), "SetUser")[0].umask == 0


def test_additional_groups_are_exactly_the_configs():
    user = {"uid": 5, "gid": 6, "additionalGids": [7, 8]}
    operation = find(identity(process__user=user), "SetUser")[0]
    assert (operation.uid, operation.gid, operation.groups) == (5, 6, (7, 8))


def test_hard_limits_are_raised_before_privileges_go_and_set_at_last():
    limits = [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 20}]
    (first,) = compile_limits(spec(process__rlimits=limits).process)
    assert (first.side, first.type, first.hard, first.property) == (
        "host", "RLIMIT_NOFILE", 20, "process.rlimits[0].hard")
    last = compile_rlimits(spec(process__rlimits=limits).process)[0]
    assert (last.type, last.soft, last.hard, last.property) == ("RLIMIT_NOFILE", 10, 20, "process.rlimits[0]")


def test_scheduler_becomes_the_kernels_numbers():
    wanted = {"policy": "SCHED_DEADLINE", "flags": ["SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM"],
              "runtime": 1000000, "deadline": 2000000, "period": 3000000}
    operation = find(identity(process__scheduler=wanted), "SetScheduler")[0]
    assert (operation.policy, operation.flags) == (6, 3)
    assert (operation.runtime, operation.deadline, operation.period) == (1000000, 2000000, 3000000)


def test_io_priority_becomes_the_kernels_numbers():
    operation = find(identity(process__ioPriority={"class": "IOPRIO_CLASS_IDLE", "priority": 7}), "SetIOPriority")[0]
    assert (operation.class_, operation.priority) == (3, 7)


def test_oom_score_is_left_alone_when_absent():
    assert not find(compile_limits(spec().process), "SetOOMScore")
    assert find(compile_limits(spec(process__oomScoreAdj=-5).process), "SetOOMScore")[0].value == -5


def test_home_is_looked_up_only_when_the_config_has_none():
    assert find(compile_before_root(spec().process), "LookUpHome")
    assert not find(compile_before_root(spec(process__env=["HOME=/h"]).process), "LookUpHome")


def test_last_of_two_equal_variables_counts():
    assert environment(("A=1", "B=2", "A=3=4")) == {"A": "3=4", "B": "2"}


def test_program_is_looked_up_in_the_containers_path():
    operation = find(identity(process__env=["PATH=/a:/b"], process__args=["x"]), "FindProgram")[0]
    assert (operation.name, operation.path) == ("x", "/a:/b")


def test_describing_the_program_shows_no_variable():
    from ocipy.plan.process import PrepareProgram

    assert "hunter2" not in PrepareProgram(property="", args=("sh",), env=("PASSWORD=hunter2",)).describe()


def settings(**changes):
    problems = []
    set_up, sysctls = compile_settings(spec(**changes), problems)
    return set_up, sysctls, problems


@pytest.mark.parametrize(("name", "path"), [
    ("net.ipv4.ip_forward", "net/ipv4/ip_forward"),
    ("net/ipv4/ip_forward", "net/ipv4/ip_forward"),
    ("net.ipv4.conf.eth0/100.forwarding", "net/ipv4/conf/eth0.100/forwarding"),
    ("kernel.sem", "kernel/sem"),
    ("kernel.shm_rmid_forced", "kernel/shm_rmid_forced"),
    ("fs.mqueue.msg_max", "fs/mqueue/msg_max"),
    ("kernel.domainname", "kernel/domainname"),
])
def test_sysctl_of_an_own_namespace_is_written(name, path):
    _, sysctls, problems = settings(linux__sysctl={name: "1"})
    assert not problems
    assert (sysctls[0].path, sysctls[0].property) == (path, f"linux.sysctl[{name}]")


@pytest.mark.parametrize("name", [
    "kernel.core_pattern", "kernel.hostname", "vm.swappiness", "net.ipv4/../../kernel/core_pattern", "net..x",
    "net", "fs.file-max", "kernel.semx", "net/../kernel/core_pattern", "net.ipv4.\u0430", "user.max_user_namespaces",
])
def test_sysctl_of_the_host_is_refused(name):
    _, sysctls, problems = settings(linux__sysctl={name: "1"})
    assert not sysctls
    assert problems


@pytest.mark.parametrize(("name", "kind"), [
    ("net.ipv4.ip_forward", "network"), ("kernel.sem", "ipc"), ("kernel.domainname", "uts"),
])
def test_sysctl_without_its_namespace_is_refused(name, kind):
    namespaces = [entry for entry in default()["linux"]["namespaces"] if entry["type"] != kind]
    _, sysctls, problems = settings(linux__sysctl={name: "1"}, linux__namespaces=namespaces, hostname="")
    assert not sysctls
    assert f"needs a {kind} namespace" in problems[0][1]


def test_newline_in_a_sysctl_is_refused():
    assert settings(linux__sysctl={"net.ipv4.ip_forward": "1\n2"})[2]


@pytest.mark.parametrize("name", ["hostname", "domainname"])
def test_name_without_a_uts_namespace_would_rename_the_host(name):
    namespaces = [{"type": "pid"}, {"type": "mount"}]
    changes = {"hostname": "", "linux__namespaces": namespaces, name: "x"}
    assert settings(**changes)[2] == [
        (name, "needs a uts namespace in linux.namespaces: it would rename the host")
    ]


def test_loopback_is_brought_up_in_a_new_network_namespace_only():
    assert find(settings()[0], "BringUpLoopback")
    joined = [{"type": "network", "path": "/run/netns/a"}, {"type": "uts"}]
    assert not find(settings(linux__namespaces=joined)[0], "BringUpLoopback")


def test_init_is_made_with_what_is_new_and_joins_the_rest():
    namespaces = [{"type": "pid"}, {"type": "network", "path": "/n"}, {"type": "time"}]
    opened, create = compile_namespaces(
        spec(linux__namespaces=namespaces, linux__timeOffsets={"boottime": {"secs": 5, "nanosecs": 6}})
    )
    assert [(operation.type, operation.path, operation.property) for operation in opened] == [
        ("network", "/n", "linux.namespaces[1].path")
    ]
    assert (create.new, create.joined, create.offsets) == (("pid", "time"), ("network",), (("boottime", 5, 6),))
