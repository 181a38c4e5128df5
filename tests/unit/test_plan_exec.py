"""exec: what flags and files change in the container's process, and the plan that comes of it."""

import json

import pytest

from ocipy.errors import ConfigError
from ocipy.linux.capability import NAMES
from ocipy.plan.exec import Changes, ExecRequest, changed_process, compile_exec, completed_process, sub_cgroups
from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.spec.default import default
from ocipy.spec.load import load, load_process

V1 = {"cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct/box", "name=systemd": "/sys/fs/cgroup/systemd/box",
      "": "/sys/fs/cgroup/unified/box"}  # fmt: skip
FACTS = HostFacts(cgroup=CgroupFacts(), capabilities=(1 << len(NAMES)) - 1)


def spec(**process):
    config = default()
    config["process"].update({"terminal": False, "rlimits": [], **process})
    return load(json.dumps(config).encode())


def changed(own=None, **changes):
    return changed_process(spec(**own or {}).process, Changes(**{"args": ("true",), **changes}))


def completed(own, **block):
    document = {"args": ["x"], "cwd": "/", "user": {"uid": 0, "gid": 0}, **block}
    return completed_process(load_process(json.dumps(document).encode()), spec(**own).process)


def plan(own=None, request=None, **block):
    one = spec(**own or {})
    process = load_process(json.dumps({"args": ["x"], "cwd": "/", "user": {"uid": 0, "gid": 0}, **block}).encode())
    return compile_exec(one, process, FACTS, ExecRequest(id="box", **request or {}))


def kinds(plan):
    return [operation.KIND.__name__ for operation in plan.operations]


def problems(function, *args, **how):
    with pytest.raises(ConfigError) as caught:
        function(*args, **how)
    return [path for path, _text in caught.value.problems]


# --- flags


def test_without_flags_it_is_the_containers_process_with_other_arguments():
    own = spec().process
    assert dict(changed().items()) == {**dict(own.items()), "args": ("true",)}


def test_terminal_is_off_unless_asked_for():
    assert not changed({"terminal": True}).terminal
    assert changed(terminal=True).terminal


def test_variables_come_after_the_containers():
    assert changed({"env": ["A=1"]}, env=("A=2", "B=3")).env == ("A=1", "A=2", "B=3")


def test_user_without_a_group_keeps_that_of_the_container():
    user = changed({"user": {"uid": 1, "gid": 2, "umask": 3, "additionalGids": [4]}}, uid=5, additionalGids=(6,)).user
    assert (user.uid, user.gid, user.umask, user.additionalGids) == (5, 2, 3, (4, 6))
    assert changed({"user": {"uid": 1, "gid": 2}}, uid=0, gid=0).user.gid == 0


def test_added_capability_is_never_inheritable():
    sets = changed({"capabilities": {"bounding": ["CAP_KILL"]}}, capabilities=("CAP_CHOWN",)).capabilities
    assert dict(sets.items()) == {
        "bounding": ("CAP_KILL", "CAP_CHOWN"), "effective": ("CAP_CHOWN",), "permitted": ("CAP_CHOWN",),
        "inheritable": (), "ambient": (),
    }  # fmt: skip


def test_added_capability_is_ambient_where_the_container_has_it_inheritable():
    own = {"capabilities": {"inheritable": ["CAP_CHOWN"]}}
    assert changed(own, capabilities=("CAP_CHOWN", "CAP_KILL")).capabilities.ambient == ("CAP_CHOWN",)


@pytest.mark.parametrize("flag", [True, False])
@pytest.mark.parametrize("own", [True, False])
def test_no_new_privileges_is_the_flags_or_the_containers(own, flag):
    assert changed({"noNewPrivileges": own}).noNewPrivileges is own
    assert changed({"noNewPrivileges": own}, noNewPrivileges=flag).noNewPrivileges is flag


@pytest.mark.parametrize(("changes", "flag"), [
    ({"args": ()}, ""), ({"cwd": "x"}, "--cwd"), ({"env": ("x",)}, "--env"), ({"uid": 2**32 - 1}, "--user"),
    ({"uid": 1, "gid": 2**32}, "--user"), ({"additionalGids": (2**32 - 1,)}, "--additional-gids"),
])
def test_value_that_no_process_can_have_is_refused_with_its_flag(changes, flag):
    assert problems(changed, **changes) == [flag]


# --- files


def test_what_a_file_lacks_is_the_containers():
    own = {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}], "oomScoreAdj": 5,
           "user": {"uid": 9, "gid": 9, "umask": 7}, "scheduler": {"policy": "SCHED_BATCH"},
           "execCPUAffinity": {"final": "0"}}  # fmt: skip
    process = completed(own)
    assert process.rlimits[0].hard == 2
    assert (process.oomScoreAdj, process.user.umask, process.user.uid) == (5, 7, 0)
    assert process.scheduler.policy == "SCHED_BATCH" and process.execCPUAffinity.final == "0"
    assert process.capabilities == spec(**own).process.capabilities


def test_what_a_file_has_counts_even_if_it_is_zero():
    assert completed({"oomScoreAdj": 5}, oomScoreAdj=0).oomScoreAdj == 0
    assert completed({"user": {"uid": 9, "gid": 9, "umask": 7}}, user={"uid": 0, "gid": 0, "umask": 0}).user.umask == 0
    assert completed({}, capabilities={"bounding": []}).capabilities.bounding == ()
    assert completed({"noNewPrivileges": True}).noNewPrivileges is False


# --- the plan


def test_order_of_the_operations():
    request = {"cgroups": tuple(V1.items()), "pid_file": "/p", "pidfd_socket": "/s", "console_socket": "/c"}
    block = {"terminal": True, "oomScoreAdj": 1, "noNewPrivileges": True,
             "rlimits": [{"type": "RLIMIT_NOFILE", "soft": 1, "hard": 2}]}  # fmt: skip
    assert kinds(plan(request=request, **block)) == [
        "FindHome", "EnterContainer", "SetOOMScore", "RaiseRlimit", "JoinCgroup", "OpenTerminal", "NewSessionKeyring",
        "ResetCPUAffinity", "ChangeDirectory", "SetUser", "SetCapabilities", "SetNoNewPrivileges", "VerifyDirectory",
        "FindProgram", "VerifyCgroup", "SendConsole", "SendPidfd", "WritePidFile", "PrepareProgram", "SetRlimit",
        "ExecuteProgram",
    ]  # fmt: skip


def test_home_is_looked_up_only_where_the_environment_has_none():
    assert "FindHome" not in kinds(plan(env=["HOME=/x"]))


def test_no_keyring_where_the_container_has_none():
    assert "NewSessionKeyring" not in kinds(plan(request={"keyring": False}))


def test_on_v2_the_process_is_born_in_its_cgroup():
    found = plan(request={"cgroups": (("", "/sys/fs/cgroup/box"),)})
    assert "JoinCgroup" not in kinds(found)
    assert found.operations[kinds(found).index("EnterContainer")].cgroup == "/sys/fs/cgroup/box"


def test_systemd_moves_a_process_that_cannot_be_born_in_its_cgroup():
    group = "/sys/fs/cgroup/user.slice/box.scope"
    found = plan(request={"cgroups": (("", f"{group}/below"),), "unit": "box.scope", "below": "/below"})
    assert found.operations[kinds(found).index("EnterContainer")].cgroup == ""
    names = kinds(found)
    assert names[names.index("EnterContainer") + 1] == "MoveIntoUnit" and "VerifyCgroup" in names
    assert "box.scope/below" in found.operations[names.index("MoveIntoUnit")].describe()


def test_initial_affinity_comes_before_the_cgroup_and_final_one_after():
    found = kinds(plan(execCPUAffinity={"initial": "0", "final": "1"}, request={"cgroups": tuple(V1.items())}))
    assert found.index("SetInitialAffinity") < found.index("EnterContainer") < found.index("JoinCgroup")
    assert found.index("JoinCgroup") < found.index("SetCPUAffinity")
    assert "ResetCPUAffinity" not in found


def test_warnings_of_the_containers_own_process_are_not_repeated():
    own = {"capabilities": {"bounding": ["CAP_NONE"]}}
    assert plan(own, capabilities={"bounding": ["CAP_NONE"]}).warnings == ()
    assert len(plan(own, capabilities={"bounding": ["CAP_OTHER"]}).warnings) == 1


def test_label_of_SELinux_is_refused_where_the_kernel_runs_it():
    facts = HostFacts(cgroup=CgroupFacts(), capabilities=0, modules=("SELinux",))
    process = changed(selinuxLabel="some")
    assert problems(compile_exec, spec(), process, facts, ExecRequest(id="x")) == ["process.selinuxLabel"]


def test_profile_of_AppArmor_is_the_process_s_from_its_birth():
    facts = HostFacts(cgroup=CgroupFacts(), capabilities=0, modules=("AppArmor",))
    made = compile_exec(spec(), changed(apparmorProfile="some"), facts, ExecRequest(id="x"))
    (enter,) = [operation for operation in made.operations if operation.KIND.__name__ == "EnterContainer"]
    assert enter.profile == "some" and "profile some" in enter.describe()


# --- --cgroup


def test_path_without_a_controller_is_for_all():
    assert sub_cgroups(("/a//b/./c/",), V1) == {names: f"{directory}/a/b/c" for names, directory in V1.items()}
    assert sub_cgroups(("/",), V1) == V1 == sub_cgroups((), V1)


def test_path_with_controllers_is_for_their_hierarchies():
    assert sub_cgroups(("cpu:a", "systemd:b"), V1) == {
        "cpu,cpuacct": "/sys/fs/cgroup/cpu,cpuacct/box/a", "name=systemd": "/sys/fs/cgroup/systemd/box/b",
        "": "/sys/fs/cgroup/unified/box",
    }  # fmt: skip


@pytest.mark.parametrize("paths", [
    ("..",), ("a/../b",), ("cpu:../x",), ("a", "b"), ("cpu:a", "b"), ("none:a",), (":a",), ("cpu:a", "cpuacct:b"),
])
def test_path_that_is_none_below_the_containers_is_refused(paths):
    assert problems(sub_cgroups, paths, V1) == ["--cgroup"]
