"""An ordinary user makes and runs containers; root has given it nothing, a range of ids, or cgroups."""

import json
import os
import stat
import subprocess
from pathlib import Path

import pytest
from support import host, requires
from support.named_user import AS_NAMED_USER, AS_USER, COUNT, FIRST, NAME, UID
from support.ordinary import with_own_id
from support.runtime import LAUNCHER
from support.users import mapped

from ocipy.spec.default import default

pytestmark = [requires.ocipy_itself, requires.program("setpriv")]
RANGE = [(0, UID, 1), (1, FIRST, COUNT)]
named = [requires.program("newuidmap"), requires.program("newgidmap")]


@pytest.fixture
def ocipy(user):
    return user()


@pytest.fixture
def bundle(make_bundle):
    return with_own_id(make_bundle())


def id_map(pid, kind):
    return [tuple(map(int, line.split())) for line in Path(f"/proc/{pid}/{kind}_map").read_text().splitlines()]


# --- who may do what


def test_configuration_of_spec_rootless_runs(ocipy, bundle):
    """All but the terminal is as it was written."""
    os.chown(bundle.path, UID, UID)
    ocipy("spec", "--rootless", "--bundle", bundle.path).ok()
    config = json.loads((bundle.path / "config.json").read_text())
    config["process"].update(terminal=False, args=["sh", "-c", "id -u; hostname; mount | grep -c ' /sys '"])
    bundle.config = config
    assert ocipy.run(bundle).ok().out == "0\nocipy\n1\n"


def test_bundle_that_a_user_makes_runs(ocipy, scratch):
    home = scratch / "home"
    home.mkdir()
    os.chown(home, UID, UID)
    ocipy("bundle", home / "box", "--args", "id -u").ok()
    assert ocipy("run", "--bundle", home / "box", ocipy.new_id()).ok().out == "0\n"


def test_own_id_is_root_inside_and_the_user_on_the_host(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    assert id_map(box.pid, "uid") == id_map(box.pid, "gid") == [(0, UID, 1)]
    assert host.status(box.pid)["Uid"].split() == host.status(box.pid)["Gid"].split() == [str(UID)] * 4
    for kind in ("pid", "net", "mnt", "ipc", "uts", "cgroup", "user"):
        assert host.namespace(box.pid, kind) != host.namespace("self", kind)


def test_every_capability_can_be_had_inside(ocipy, bundle):
    bundle.capabilities("CAP_SYS_ADMIN", "CAP_NET_ADMIN")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9000"}
    script = "mount -t tmpfs none /tmp && hostname other && cat /proc/sys/net/ipv4/ip_forward && ping -c 1 127.0.0.1"
    assert ocipy.run(bundle, "sh", "-c", script).out.startswith("1\nPING 127.0.0.1")


def test_devices_are_bound_from_the_host(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "head -c 3 /dev/zero | wc -c; echo >/dev/null; sleep 100")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        assert host.mount_at(box.pid, f"/dev/{name}").root == f"/{name}"
    host.wait_for(lambda: box.output() == "3\n", "the output")


def test_life_in_single_steps(ocipy, bundle):
    box = ocipy.create(bundle, "sh", "-c", "trap 'exit 3' TERM; echo ready; while :; do sleep 0.1; done")
    assert box.status() == "created"
    box.start()
    host.wait_for(lambda: box.output() == "ready\n", "the trap")
    assert box.status() == "running" and box.state()["pid"] == box.pid
    assert ocipy("exec", box.id, "id", "-u").ok().out == "0\n"
    assert ocipy("list", "--quiet").ok().out == f"{box.id}\n"
    assert ocipy("list").ok().out.splitlines()[1].split()[-1] in (f"#{UID}", "someone")
    box.kill("TERM").ok()
    assert os.waitstatus_to_exitcode(box.wait()) == 3
    assert box.status() == "stopped"
    box.delete().ok()
    ocipy("state", box.id).refused("does not exist")


def test_exit_code_of_run_is_that_of_the_program(ocipy, bundle):
    assert ocipy.run(bundle, "sh", "-c", "exit 7").code == 7


def test_terminal(ocipy, bundle):
    bundle.process["terminal"] = True
    result = ocipy.run(bundle, "sh", "-c", "test -t 0 && stat -c %u /dev/console").ok()
    assert result.out.strip() == "0"


def test_hooks_run_as_the_user(ocipy, bundle, scratch):
    told = scratch / "told"
    told.mkdir()
    os.chown(told, UID, UID)
    hook = [{"path": "/bin/sh", "args": ["sh", "-c", f"id -u >{told}/who"]}]
    bundle.config["hooks"] = {"createRuntime": hook}
    ocipy.run(bundle, "true").ok()
    assert (told / "who").read_text() == f"{UID}\n"


def test_clocks_with_offsets(ocipy, bundle):
    bundle.namespace("time").linux["timeOffsets"] = {"monotonic": {"secs": 1000, "nanosecs": 0}}
    assert ocipy.run(bundle, "cat", "/proc/self/timens_offsets").ok().out.split()[:2] == ["monotonic", "1000"]


def test_sysfs_is_the_hosts_where_the_network_is(ocipy, bundle):
    box = ocipy.start(bundle.share("network"), "sleep", "100")
    assert host.mount_at(box.pid, "/sys").type == "sysfs" and "ro" in host.mount_at(box.pid, "/sys").options
    # The host's network is one more namespace that may not be entered, not even by who is in it.
    assert ocipy("exec", box.id, "id", "-u").ok().out == "0\n"


def test_second_container_joins_the_namespaces_of_the_first(ocipy, bundle, make_bundle):
    first = ocipy.start(bundle, "sleep", "100")
    second = with_own_id(make_bundle(bundle.rootfs))
    for kind in ("user", "network", "ipc"):
        second.namespace(kind, f"/proc/{first.pid}/ns/{'net' if kind == 'network' else kind}")
    for name in ("uidMappings", "gidMappings"):
        del second.linux[name]
    second.process["oomScoreAdj"] = 700
    box = ocipy.start(second, "sleep", "100")
    for kind in ("user", "net", "ipc"):
        assert host.namespace(box.pid, kind) == host.namespace(first.pid, kind)
    assert Path(f"/proc/{box.pid}/oom_score_adj").read_text() == "700\n"


def test_second_process_has_the_oom_score_of_its_container(ocipy, bundle):
    bundle.process["oomScoreAdj"] = 600
    box = ocipy.start(bundle, "sleep", "100")
    assert Path(f"/proc/{box.pid}/oom_score_adj").read_text() == "600\n"
    assert ocipy("exec", box.id, "cat", "/proc/self/oom_score_adj").ok().out == "600\n"


@pytest.mark.parametrize(("property", "block"), [
    ("process.oomScoreAdj", {"oomScoreAdj": -500}),
    ("process.rlimits[0].hard", {"rlimits": [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": 1 << 30}]}),
])
def test_what_needs_the_hosts_root_is_refused_by_name(ocipy, bundle, property, block):
    bundle.process.update(block)
    ocipy.created(bundle, "true").refused(property, "ermi")
    assert host.statesnap(ocipy.root) == []


def test_user_namespace_is_required(ocipy, bundle):
    ocipy.created(bundle.share("user"), "true").refused("linux.namespaces", "requires user namespaces")
    assert host.statesnap(ocipy.root) == []


def test_group_of_terminals_that_is_not_mapped_is_refused_by_name(ocipy, bundle):
    index = next(i for i, mount in enumerate(bundle.mounts) if mount["destination"] == "/dev/pts")
    bundle.mounts[index]["options"].insert(0, "gid=5")
    ocipy.created(bundle, "true").refused(f"mounts[{index}].options[0]", "unmapped gid")


def test_exec_before_start_is_refused(ocipy, bundle):
    box = ocipy.create(bundle, "sleep", "100")
    ocipy("exec", box.id, "true").refused("has not been started")


def test_bind_of_a_directory_with_mounts_below_tells_of_rbind(user, bundle, scratch):
    (scratch / "above/below").mkdir(parents=True)
    script = f"mount -t tmpfs none {scratch}/above/below && exec \"$@\""
    ocipy = user("unshare", "--mount", "sh", "-c", script, "sh", *AS_USER)
    bundle.mount("/mnt", "bind", scratch / "above", "bind")
    ocipy.created(bundle, "true").refused("mounts[", "rbind")


def test_proc_that_may_not_be_mounted_is_told_with_the_reason(user, bundle):
    """As in a container, where parts of /proc are hidden."""
    script = 'mount -t tmpfs none /proc/irq && exec "$@"'
    ocipy = user("unshare", "--mount", "sh", "-c", script, "sh", *AS_USER)
    ocipy.created(bundle, "true").refused("mounts[0]", "cannot mount proc", "nothing is covered")


# --- more ids


@pytest.fixture
def named_user(user):
    return user(*AS_NAMED_USER)


@pytest.mark.usefixtures("named_user")
class TestRange:
    pytestmark = named

    def test_more_ids_are_mapped_by_the_helpers_of_the_host(self, named_user, make_bundle):
        bundle = mapped(make_bundle(), *RANGE)
        bundle.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7, 8]}
        box = named_user.start(bundle, "sleep", "100")
        assert id_map(box.pid, "uid") == id_map(box.pid, "gid") == RANGE
        assert host.status(box.pid)["Uid"].split()[0] == str(FIRST + 999)
        assert host.status(box.pid)["Groups"].split() == [str(FIRST + 6), str(FIRST + 7)]
        assert named_user("exec", "--user", "5:6", box.id, "id", "-u").ok().out == "5\n"
        named_user("kill", box.id, "KILL").ok()
        box.wait()

    @pytest.mark.parametrize("kind", ["uid", "gid"])
    def test_range_that_the_user_has_not_is_refused_with_the_remedy(self, named_user, make_bundle, kind):
        bundle = mapped(make_bundle(), *RANGE)
        bundle.linux[f"{kind}Mappings"] = [{"containerID": 0, "hostID": FIRST, "size": COUNT + 1}]
        named_user.created(bundle, "true").refused(f"linux.{kind}Mappings", "not allowed", f"/etc/sub{kind}")
        assert host.statesnap(named_user.root) == []


@pytest.mark.parametrize("program", ["newuidmap", "newgidmap"])
def test_missing_helper_is_told_before_anything_is_done(user, make_bundle, program):
    covers = " && ".join(
        f"mount --bind /dev/null {path}"
        for path in (f"/usr/bin/{program}", f"/usr/local/bin/{program}", f"/run/wrappers/bin/{program}")
        if os.path.exists(path)
    )
    ocipy = user("unshare", "--mount", "sh", "-c", f"{covers or 'true'} && exec \"$@\"", "sh", *AS_USER)
    kind = program[3:6]
    ocipy.created(mapped(make_bundle(), *RANGE), "true").refused(f"linux.{kind}Mappings", program, "not installed")
    assert host.statesnap(ocipy.root) == []


# --- state


def runtime_directory(scratch):
    directory = scratch / "xdg"
    directory.mkdir(mode=0o700)
    os.chown(directory, UID, UID)
    return directory


@requires.bare_user
def test_state_is_kept_in_the_runtime_directory_of_the_user(ocipy, bundle, scratch):
    xdg = runtime_directory(scratch)
    bundle.args("true").write()
    assert ocipy.without_root("create", "--bundle", bundle.path, "box", XDG_RUNTIME_DIR=str(xdg)) == (0, "")
    # Sticky, or it might be cleaned up: XDG Base Directory Specification.
    assert stat.S_IMODE((xdg / "ocipy").stat().st_mode) == 0o1700
    assert (xdg / "ocipy/box/state.json").exists()
    assert ocipy.without_root("delete", "--force", "box", XDG_RUNTIME_DIR=str(xdg)) == (0, "")
    assert not (xdg / "ocipy/box").exists()


@requires.bare_user
def test_without_a_runtime_directory_the_error_tells_what_to_do(ocipy, bundle):
    bundle.args("true").write()
    before = os.path.isdir("/run/ocipy")
    os.makedirs("/run/ocipy", 0o700, exist_ok=True)
    code, said = ocipy.without_root("create", "--bundle", bundle.path, "box")
    assert code == 1 and "XDG_RUNTIME_DIR" in said and "--root" in said
    if not before:
        os.rmdir("/run/ocipy")


@requires.bare_user
def test_plan_tells_who_makes_the_container(ocipy, bundle):
    bundle.args("true").write()
    text = ocipy("plan", "--bundle", bundle.path).ok().out
    assert text.startswith(f"rootless: by user {UID}; without a cgroup")
    document = json.loads(ocipy("plan", "--format", "json", "--bundle", bundle.path).ok().out)
    assert document["rootless"] == {"uid": UID, "gid": UID}


def test_features_need_no_rights(ocipy):
    assert json.loads(ocipy("features").ok().out)["ociVersionMin"]


# --- cgroups


@requires.bare_user
def test_nothing_is_asked_of_cgroups_that_the_user_does_not_have(ocipy, bundle):
    """The rules for devices of the default configuration are no limit: a user can make none anyway."""
    bundle.resources["devices"] = [{"allow": False, "access": "rwm"}]
    box = ocipy.start(bundle, "sleep", "100")
    assert host.cgsnap(box.id) == []
    ocipy("exec", "--detach", box.id, "sleep", "100").ok()
    pids = json.loads(ocipy("ps", "--format", "json", box.id).ok().out)
    assert {host.namespace(pid, "pid") for pid in pids} == {host.namespace(box.pid, "pid")}
    pids.remove(box.pid)
    # Init ends only after all others of its namespace, and this one is our child.
    ocipy.signal(*pids)
    os.waitpid(*pids, 0)
    for words in ("pause",), ("update", "--pids-limit", "5"), ("events", "--stats"):
        ocipy(*words, box.id).refused("has no cgroup", "delegated")


@requires.bare_user
@requires.controller("pids")
def test_limit_without_permission_is_refused_by_name(ocipy, bundle):
    bundle.resources["pids"] = {"limit": 5}
    ocipy.created(bundle, "true").refused(
        "linux.resources.pids.limit", "rootless needs no limits + no cgrouppath when no permission is granted"
    )
    assert host.statesnap(ocipy.root) == []


def test_path_without_permission_is_refused_by_name(ocipy, bundle):
    bundle.linux["cgroupsPath"] = "/ocipy-test-nobody/x"
    ocipy.created(bundle, "true").refused("linux.cgroupsPath", "permission denied")


@pytest.fixture
def delegated(user):
    """Cgroups that root has given to the user; gives their path, and the command line within them."""
    name = f"ocipy-test-delegated-{os.getpid()}"
    if host.CGROUP_V2:
        tops = [host.CGROUP_ROOT / name]
    else:
        tops = [path / name for path in host.CGROUP_ROOT.iterdir() if path.is_dir() and not path.is_symlink()]
    enter = ""
    for top in tops:
        top.mkdir()
        for path in (top, *(top / file for file in ("cgroup.procs", "tasks", "cgroup.subtree_control"))):
            if path.exists():
                os.chown(path, UID, UID)
        if (top / "cpuset.cpus").exists() and not host.CGROUP_V2:
            for file in ("cpuset.cpus", "cpuset.mems"):
                (top / file).write_text((top.parent / file).read_text())
        if (top / "cgroup.subtree_control").exists():
            # Who enters is not alone there: a process of v2 can only be moved within what is delegated.
            (top / "own").mkdir()
            enter = f"echo $$ >{top}/own/cgroup.procs && "
    ocipy = user("sh", "-c", f'{enter}exec "$@"', "sh", *AS_USER)
    yield f"/{name}", ocipy
    for id in ocipy.ids:
        ocipy("delete", "--force", id)
    ocipy.user = AS_USER
    for top in tops:
        for path in (top / "own", top):
            if path.exists():
                host.wait_for(lambda path=path: not (path / "cgroup.procs").read_text(), "the end of the processes")
                path.rmdir()


@requires.bare_user
@requires.controller("memory")
@requires.controller("pids")
def test_limits_in_delegated_cgroups(delegated, bundle):
    path, ocipy = delegated
    bundle.linux["cgroupsPath"] = f"{path}/box"
    bundle.resources.update(memory={"limit": 64 << 20}, pids={"limit": 9})
    box = ocipy.start(bundle, "sleep", "100")
    memory = "memory.max" if host.CGROUP_V2 else "memory.limit_in_bytes"
    assert host.read_cgroup(box.pid, "memory", memory) == str(64 << 20)
    assert host.read_cgroup(box.pid, "pids", "pids.max") == "9"
    ocipy("update", "--pids-limit", "7", box.id).ok()
    assert host.read_cgroup(box.pid, "pids", "pids.max") == "7"
    assert json.loads(ocipy("ps", "--format", "json", box.id).ok().out) == [box.pid]
    assert json.loads(ocipy("events", "--stats", box.id).ok().out)["data"]["pids"]["limit"] == 7
    inside = ocipy("exec", box.id, "cat", "/proc/1/cgroup", "/proc/self/cgroup").ok().out.splitlines()
    assert inside[: len(inside) // 2] == inside[len(inside) // 2 :]
    assert host.cgroup(box.pid, "pids").name == "box"
    directory = host.cgroup(box.pid, "pids")
    ocipy("delete", "--force", box.id).ok()
    assert not directory.exists()


@requires.bare_user
@requires.controller("freezer")
def test_pause_and_kill_all_in_delegated_cgroups(delegated, bundle):
    path, ocipy = delegated
    bundle.linux["cgroupsPath"] = f"{path}/box"
    box = ocipy.start(bundle, "sh", "-c", "sleep 100 & sleep 100")
    ocipy("pause", box.id).ok()
    assert box.status() == "paused"
    ocipy("resume", box.id).ok()
    ocipy("kill", "--all", box.id, "KILL").ok()
    box.wait()


@requires.cgroup_v1
@requires.controller("memory")
def test_cgroup_of_one_controller_is_enough_for_its_limits(ocipy, bundle):
    top = host.CGROUP_ROOT / f"memory/ocipy-test-one-{os.getpid()}"
    top.mkdir()
    os.chown(top, UID, UID)
    bundle.linux["cgroupsPath"] = f"/{top.name}/box"
    bundle.resources["memory"] = {"limit": 64 << 20}
    try:
        box = ocipy.start(bundle, "sleep", "100")
        assert host.cgroup(box.pid, "memory") == top / "box"
        ocipy("delete", "--force", box.id).ok()
        bundle.resources["pids"] = {"limit": 5}
        ocipy.created(bundle, "true").refused("linux.resources.pids.limit", "no permission is granted")
    finally:
        top.rmdir()


# --- root of a user namespace, as podman calls it


AS_ROOT_INSIDE = (*AS_USER, "unshare", "--user", "--map-root-user", "--mount", "--")


def test_root_of_a_user_namespace_needs_no_further_one(user, make_bundle, scratch):
    ocipy = user(*AS_ROOT_INSIDE)
    bundle = with_own_id(make_bundle()).share("user")
    for name in ("uidMappings", "gidMappings"):
        del bundle.linux[name]
    assert ocipy.run(bundle, "id", "-u").ok().out == "0\n"
    bundle.args("true").write()
    assert ocipy("plan", "--bundle", bundle.path).ok().out.startswith("rootless: by root of a user namespace")


@requires.bare_user
@pytest.mark.parametrize(("variables", "used"), [({}, True), ({"USER": NAME}, True), ({"USER": "root"}, False)])
def test_root_of_a_user_namespace_keeps_the_state_of_the_user(user, scratch, variables, used):
    """As runc: who says that it is root in earnest has /run to itself."""
    ocipy = user(*AS_ROOT_INSIDE)
    xdg = runtime_directory(scratch)
    (xdg / "ocipy/box").mkdir(parents=True)
    for path in (xdg / "ocipy", xdg / "ocipy/box"):
        os.chown(path, UID, UID)
    code, said = ocipy.without_root("state", "box", XDG_RUNTIME_DIR=str(xdg), **variables)
    assert code == 1 and ("no state.json" in said) is used


def test_root_of_the_host_does_not_look_at_the_runtime_directory(scratch):
    xdg = runtime_directory(scratch)
    (xdg / "ocipy/ocipy-test-planted").mkdir(parents=True)
    done = subprocess.run(
        [LAUNCHER, "state", "ocipy-test-planted"], env={"XDG_RUNTIME_DIR": str(xdg), "USER": NAME},
        capture_output=True, text=True,
    )  # fmt: skip
    assert done.returncode == 1 and "does not exist" in done.stderr


# --- the interpreter


def test_interpreter_of_the_hosts_root_needs_no_seal(user, bundle):
    ocipy = user("unshare", "--mount", "sh", "-c", 'umount -l /run/ocipy.* 2>/dev/null; exec "$@"', "sh", *AS_USER)
    box = ocipy.create(bundle, "true")
    assert os.path.samefile(f"/proc/{box.pid}/exe", "/usr/bin/python3")


@pytest.mark.usefixtures("user_interpreter")
def test_interpreter_of_the_user_runs_from_a_sealed_copy(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert os.readlink(f"/proc/{box.pid}/exe").startswith("/memfd:")


def test_default_configuration_has_nothing_that_a_user_may_not():
    assert not default(rootless=True)["linux"].get("resources")
