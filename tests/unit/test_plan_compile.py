"""config.json to the ordered operations of a whole container."""

import json

import pytest

from ocipy.errors import ConfigError
from ocipy.plan.compile import Request, compile_create
from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.spec.default import default
from ocipy.spec.load import load

V1 = CgroupFacts(version=1, hierarchies=(("pids", "/sys/fs/cgroup/pids"), ("memory", "/sys/fs/cgroup/memory")),
                 own=(("pids", "/"), ("memory", "/")))
V2 = CgroupFacts(version=2, unified="/sys/fs/cgroup", own=(("", "/shell"),), available=("memory", "pids"))
HYBRID = CgroupFacts(version=1, hierarchies=V1.hierarchies, unified="/sys/fs/cgroup/unified",
                     own=(*V1.own, ("", "/")))
ALL = (1 << 41) - 1


def plan(change=lambda config: None, cgroup=V1, capabilities=ALL, **request):
    config = default()
    config["linux"]["resources"] = {}
    change(config)
    asked = {"id": "one", "bundle": "/b", "directory": "/run/ocipy/one", **request}
    return compile_create(load(json.dumps(config).encode()), HostFacts(cgroup=cgroup, capabilities=capabilities),
                          Request(**asked))


def kinds(made):
    return [operation.KIND.__name__ for operation in made.operations]


def find(made, kind):
    return [operation for operation in made.operations if operation.KIND.__name__ == kind]


def in_order(names, *wanted):
    places = [names.index(name) for name in wanted]
    assert places == sorted(places), dict(zip(wanted, places, strict=True))


def test_state_is_recorded_before_any_other_side_effect():
    assert kinds(plan())[0] == "RecordCreating"


def test_namespaces_given_by_path_are_opened_before_the_first_side_effect():
    def join(config):
        del config["hostname"]
        config["linux"]["namespaces"] = [{"type": "network", "path": "/run/netns/a"}, {"type": "mount"}]

    assert kinds(plan(join))[:2] == ["OpenNamespace", "RecordCreating"]


def test_steps_come_in_the_order_that_keeps_them_safe():
    in_order(
        kinds(plan(pid_file="/p", cgroup=V1)), "RecordCreating", "CreateInit", "PrepareRoot", "FilesystemMount",
        "CreateCgroup", "RecordInit", "JoinCgroup", "NewCgroupNamespace", "CgroupMount", "MaskPath", "PivotRoot",
        "ChangeDirectory", "SetUser", "SetCapabilities", "SetNoNewPrivileges", "VerifyDirectory", "FindProgram",
        "OutliveCommand", "VerifyCgroup", "WritePidFile",
        "RecordCreated", "PrepareProgram", "AwaitStart", "SetRlimit", "ExecuteProgram",
    )


def test_on_cgroup_v2_init_is_born_in_its_cgroup():
    made = plan(cgroup=V2)
    names = kinds(made)
    assert "JoinCgroup" not in names
    in_order(names, "CreateCgroup", "CreateInit", "AttachDeviceProgram", "NewCgroupNamespace", "VerifyCgroup")
    ((_controllers, directory),) = find(made, "CreateCgroup")[0].directories
    assert find(made, "CreateInit")[0].cgroup == directory == "/sys/fs/cgroup/one"


def test_on_a_hybrid_host_init_is_born_in_one_cgroup_and_joins_the_others():
    made = plan(cgroup=HYBRID)
    first, second = find(made, "CreateCgroup")
    assert first.directories == (("", "/sys/fs/cgroup/unified/one"),)
    assert [controllers for controllers, _directory in second.directories] == ["pids", "memory"]
    born, operations = find(made, "CreateInit")[0], list(made.operations)
    assert born.cgroup == "/sys/fs/cgroup/unified/one"
    assert operations.index(first) < operations.index(born) < operations.index(second)
    in_order(kinds(made), "RecordInit", "JoinCgroup")


def test_init_mounts_while_its_cgroup_is_made_up_to_the_first_mount_that_shows_it():
    made = plan(lambda config: config["mounts"].append({"destination": "/x", "source": "/srv", "options": ["bind"]}))
    operations = list(made.operations)
    created = operations.index(find(made, "CreateCgroup")[0])
    shows = operations.index(find(made, "CgroupMount")[0])
    between = operations[created : operations.index(find(made, "JoinCgroup")[0])]
    assert between and all(operation.alongside for operation in between)
    mounts = [operation for operation in operations if operation.property.startswith("mounts")]
    assert [operation.destination for operation in operations[:created] if operation in mounts] == [
        "/proc", "/dev", "/dev/pts", "/dev/shm", "/dev/mqueue", "/sys"]
    assert created < shows < operations.index(find(made, "BindMount")[0])


@pytest.mark.parametrize("mount", [
    {"destination": "/c", "type": "bind", "source": "/sys/fs/cgroup/pids/one", "options": ["bind"]},
    {"destination": "/c", "type": "cgroup2", "source": "cgroup"},
])
def test_what_shows_the_cgroup_is_mounted_when_that_is_made(mount):
    made = plan(lambda config: config["mounts"].insert(0, mount))
    names = kinds(made)
    assert names.index("PrepareRoot") < names.index("CreateCgroup") < names.index("JoinCgroup")
    assert made.operations[names.index("NewCgroupNamespace") + 1].destination == "/c"


def test_no_mount_shows_the_cgroup():
    made = plan(lambda config: config.update(mounts=[]))
    in_order(kinds(made), "CreateDevice", "CreateCgroup", "JoinCgroup", "PivotRoot")


def test_hooks_are_at_their_points():
    def hook(config):
        config["hooks"] = {kind: [{"path": f"/{kind}"}] for kind in (
            "poststop", "poststart", "startContainer", "createContainer", "createRuntime", "prestart")}

    made = plan(hook)
    names = [getattr(operation, "kind", operation.KIND.__name__) for operation in made.operations]
    in_order(names, "FilesystemMount", "prestart", "createRuntime", "createContainer", "PivotRoot", "AwaitStart",
             "startContainer", "ExecuteProgram", "poststart")
    sides = {operation.kind: operation.side for operation in made.operations if hasattr(operation, "kind")}
    assert sides == {"prestart": "host", "createRuntime": "host", "createContainer": "container",
                     "startContainer": "container", "poststart": "host"}


def test_program_is_prepared_before_start_unless_a_hook_comes_between():
    in_order(kinds(plan()), "PrepareProgram", "AwaitStart", "SetRlimit", "ExecuteProgram")

    def hook(config):
        config["hooks"] = {"startContainer": [{"path": "/h"}]}

    in_order(kinds(plan(hook)), "AwaitStart", "RunHook", "PrepareProgram", "SetRlimit", "ExecuteProgram")


def test_start_container_hook_without_env_gets_the_containers():
    def hook(config):
        config["process"]["env"] = ["A=1"]
        config["hooks"] = {"startContainer": [{"path": "/h"}], "createContainer": [{"path": "/h"}]}

    first, second = find(plan(hook), "RunHook")
    assert (first.kind, first.env) == ("createContainer", None)
    assert (second.kind, second.env) == ("startContainer", ("A=1",))


def test_sysctls_come_after_the_hooks_that_may_plug_in_an_interface():
    def change(config):
        config["hooks"] = {"createRuntime": [{"path": "/h"}]}
        config["linux"]["sysctl"] = {"net.ipv4.ip_forward": "1"}

    in_order(kinds(plan(change)), "RunHostHook", "WriteSysctl", "PivotRoot")


def test_all_problems_are_told_at_once():
    def change(config):
        config["linux"]["seccomp"] = {"defaultAction": "SCMP_ACT_NOTIFY"}
        config["linux"]["sysctl"] = {"kernel.core_pattern": "|/x"}
        config["mounts"].append({"destination": "/proc/sys", "type": "tmpfs", "source": "t"})
        config["linux"]["resources"] = {"unified": {"memory.max": "1"}}

    with pytest.raises(ConfigError) as caught:
        plan(change)
    paths = [path for path, _text in caught.value.problems]
    assert len(paths) == 4
    for part in ("linux.seccomp", "core_pattern", "mounts[7]", "linux.resources.unified"):
        assert any(part in path for path in paths), (part, paths)


def test_without_a_process_init_only_waits():
    names = kinds(plan(lambda config: config.pop("process")))
    assert names[-1] == "AwaitStart"
    assert "SetUser" not in names


def test_callers_get_what_they_asked_for_before_the_container_counts_as_created():
    names = kinds(plan(lambda config: config["process"].update(terminal=True), pid_file="/p", console_socket="/c",
                       pidfd_socket="/f"))
    in_order(names, "OpenConsole", "SendConsole", "SendPidfd", "WritePidFile", "RecordCreated", "AwaitStart")


def test_passed_sockets_are_announced_to_the_program():
    program = find(plan(listen_env=("LISTEN_FDS=1", "LISTEN_PID=1")), "PrepareProgram")[0]
    assert program.env[-2:] == ("LISTEN_FDS=1", "LISTEN_PID=1")


def test_no_new_keyring_leaves_the_callers():
    assert "NewSessionKeyring" in kinds(plan())
    assert "NewSessionKeyring" not in kinds(plan(no_new_keyring=True))


def test_every_operation_describes_itself_in_one_line_and_crosses_as_plain_data():
    import marshal

    for operation in plan(pid_file="/p", cgroup=V2).operations:
        assert operation.describe()
        assert "\n" not in operation.describe()
        assert marshal.loads(marshal.dumps(operation.wire())) == operation.wire()


@pytest.mark.parametrize(("resources", "own"), [
    ({}, False),
    ({"memory": {"limit": 64 << 20}}, False),
    ({"memory": {"limit": -1}}, False),
    ({"memory": {"limit": 512 << 10}}, True),
    ({"unified": {"memory.max": "1048576"}}, True),
    ({"unified": {"memory.max": "max"}}, False),
])
def test_init_has_memory_of_its_own_where_the_limit_is_low(resources, own):
    """Copies of the command's memory would be charged to the container, and kill it; so would all that its birth takes,
    were it born there."""
    made = plan(lambda config: config["linux"].update(resources=resources), cgroup=V2)
    assert find(made, "CreateInit")[0].ownMemory is own
    assert bool(find(made, "JoinCgroup")) is own
