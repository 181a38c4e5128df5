"""linux.seccomp to operations."""

import json

import pytest

from ocipy.plan.compile import Request, compile_create
from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.spec.default import default
from ocipy.spec.load import load

V1 = CgroupFacts(version=1, hierarchies=(("pids", "/sys/fs/cgroup/pids"),), own=(("pids", "/"),))
SYS_ADMIN = 1 << 21
PROFILE = {
    "defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X32"],
    "syscalls": [
        {"names": ["read", "write"], "action": "SCMP_ACT_ALLOW"},
        {"names": ["clone"], "action": "SCMP_ACT_ERRNO", "args": [
            {"index": 0, "op": "SCMP_CMP_MASKED_EQ", "value": 2**64 - 1, "valueTwo": 5}]},
    ],
}  # fmt: skip


def plan(profile=PROFILE, change=lambda config: None, capabilities=(1 << 41) - 1):
    config = default()
    config["linux"] |= {"seccomp": profile, "resources": {}}
    change(config)
    facts = HostFacts(cgroup=V1, capabilities=capabilities)
    return compile_create(
        load(json.dumps(config).encode()), facts, Request(id="one", bundle="/b", directory="/run/ocipy/one")
    ).operations


def kinds(operations):
    return [operation.KIND.__name__ for operation in operations]


def find(operations, kind):
    (found,) = [operation for operation in operations if operation.KIND.__name__ == kind]
    return found


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_filter_is_loaded_when_nothing_is_left_but_execve(no_new_privileges):
    names = kinds(plan(change=lambda config: config["process"].update(noNewPrivileges=no_new_privileges)))
    assert names[-2:] == ["LoadSeccomp", "ExecuteProgram"]
    assert names.index("CompileSeccomp") < names.index("CreateInit")


def test_the_filter_is_compiled_before_anything_is_made_but_the_record():
    assert kinds(plan())[:2] == ["RecordCreating", "CompileSeccomp"]


def test_without_no_new_privileges_init_keeps_cap_sys_admin_for_the_load():
    sets = find(plan(change=lambda config: config["process"].update(noNewPrivileges=False)), "SetCapabilities")
    assert sets.permitted & sets.effective & SYS_ADMIN
    # execve makes the program's sets of these.
    assert not (sets.bounding | sets.inheritable | sets.ambient) & SYS_ADMIN


def test_with_no_new_privileges_init_keeps_nothing():
    sets = find(plan(change=lambda config: config["process"].update(noNewPrivileges=True)), "SetCapabilities")
    assert not (sets.permitted | sets.effective) & SYS_ADMIN


def test_without_seccomp_init_keeps_nothing():
    sets = find(plan(None, lambda config: config["process"].update(noNewPrivileges=False)), "SetCapabilities")
    assert not (sets.permitted | sets.effective) & SYS_ADMIN


def test_init_keeps_no_capability_that_the_caller_lacks():
    operations = plan(change=lambda config: config["process"].update(noNewPrivileges=False), capabilities=0)
    assert find(operations, "SetCapabilities").permitted == 0


@pytest.mark.parametrize("drop", ["linux.seccomp", "process"])
def test_without_a_profile_or_a_process_there_is_no_filter(drop):
    def change(config):
        config["linux"].pop("seccomp") if drop == "linux.seccomp" else config.pop("process")

    assert not [name for name in kinds(plan(change=change)) if "Seccomp" in name]


def test_the_operation_has_the_whole_profile():
    made = find(plan(), "CompileSeccomp")
    assert (made.default, made.number) == ("SCMP_ACT_ERRNO", 38)
    assert made.architectures == ("SCMP_ARCH_X86_64", "SCMP_ARCH_X32")
    assert made.rules == (
        (("read", "write"), "SCMP_ACT_ALLOW", 0, ()),
        (("clone",), "SCMP_ACT_ERRNO", 1, ((0, "SCMP_CMP_MASKED_EQ", 2**64 - 1, 5),)),
    )


@pytest.mark.parametrize(("flags", "bits", "words"), [
    (None, 4, "SPEC_ALLOW"), ([], 0, "none"), (["SECCOMP_FILTER_FLAG_LOG"], 2, "LOG"),
    (["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"], 5, "TSYNC SPEC_ALLOW"),
])  # fmt: skip
def test_flags(flags, bits, words):
    load = find(plan({"defaultAction": "SCMP_ACT_ALLOW"} | ({} if flags is None else {"flags": flags})), "LoadSeccomp")
    assert load.flags == bits
    assert load.describe() == f"load the seccomp filter, flags {words}"


def test_the_plan_says_what_the_filter_does():
    assert find(plan(), "CompileSeccomp").describe() == (
        "compile a seccomp filter: 2 rules for 3 system calls, else SCMP_ACT_ERRNO 38; x86_64 x32"
    )
    assert find(plan({"defaultAction": "SCMP_ACT_ALLOW"}), "CompileSeccomp").describe() == (
        "compile a seccomp filter: 0 rules for 0 system calls, else SCMP_ACT_ALLOW; native architecture"
    )


@pytest.mark.parametrize("action", ["SCMP_ACT_ERRNO", "SCMP_ACT_TRACE"])
def test_the_errno_is_EPERM_when_it_is_not_given(action):
    made = find(plan({"defaultAction": action, "syscalls": [{"names": ["read"], "action": action}]}), "CompileSeccomp")
    assert (made.number, made.rules[0][2]) == (1, 1)
