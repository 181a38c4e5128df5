"""--systemd-cgroup: the scope that systemd makes, read back from its cgroup's files and from systemd itself."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
from support import host, requires
from support.named_user import UID
from support.ordinary import with_own_id

pytestmark = [requires.systemd, requires.cgroup_v2]
FLAG = ["--systemd-cgroup"]
SLICE = "ocipytest-inner.slice"
SLICE_PATH = Path("/sys/fs/cgroup/ocipytest.slice") / SLICE
AS_USER = str(Path(__file__).parents[2] / "conformance/vm/as-user")
MANAGER = f"/user.slice/user-{UID}.slice/user@{UID}.service"
ordinary_user = pytest.mark.skipif(
    not Path("/home/someone").is_dir(), reason="needs the user of conformance/vm/run --systemd"
)


def systemctl(*words):
    done = subprocess.run(["systemctl", *words], capture_output=True, text=True, timeout=host.PATIENCE)
    return done.stdout.strip()


def show(unit, *names):
    """Gives the properties of a unit as systemctl shows them."""
    lines = systemctl("show", unit, *(f"-p{name}" for name in names)).splitlines()
    return dict(line.split("=", 1) for line in lines)


def is_there(unit):
    return show(unit, "LoadState", "ActiveState") != {"LoadState": "not-found", "ActiveState": "inactive"}


def scope_of(box):
    return Path(f"/sys/fs/cgroup{Path(f'/proc/{box.pid}/cgroup').read_text().strip().removeprefix('0::')}")


def unit_of(box):
    return scope_of(box).name


@pytest.fixture(autouse=True)
def slice_is_stopped_afterwards():
    yield
    systemctl("stop", SLICE, "ocipytest.slice")


def test_container_is_in_the_scope_of_its_slice(ocipy, bundle):
    """runc 2310, by the real systemd; tests/security/test_systemd_scope.py has one that does not what it says."""
    id = ocipy.new_id()
    bundle.linux["cgroupsPath"] = f"{SLICE}:test:{id}"
    box = ocipy.create(bundle, "true", id=id, flags=FLAG)
    assert scope_of(box) == SLICE_PATH / f"test-{id}.scope"
    assert show(unit_of(box), "Slice", "Delegate", "ActiveState", "Description") == {
        "Slice": SLICE, "Delegate": "yes", "ActiveState": "active", "Description": f"ocipy container {id}",
    }  # fmt: skip


def test_scope_without_a_path_has_the_name_of_the_container(ocipy, bundle):
    box = ocipy.create(bundle, "true", flags=["--cgroup-manager", "systemd"])
    assert scope_of(box) == Path(f"/sys/fs/cgroup/system.slice/ocipy-{box.id}.scope")


def test_scope_is_the_root_of_the_cgroup_namespace(ocipy, bundle):
    assert ocipy.run(bundle, "cat", "/proc/self/cgroup", flags=FLAG).ok().out == "0::/\n"


def test_path_of_cgroupfs_is_refused_before_anything_is_made(ocipy, bundle):
    id = ocipy.new_id()
    bundle.linux["cgroupsPath"] = f"/{id}"
    ocipy.created(bundle, "true", id=id, flags=FLAG).refused("linux.cgroupsPath", "slice:prefix:name")
    assert host.cgsnap(id) == host.statesnap(ocipy.root) == []


def test_limits_and_device_rules_survive_a_reload_of_systemd(ocipy, bundle):
    """runc 3708: of a unit that did not tell of all its devices, a reload took them away."""
    bundle.linux["resources"] = {
        "memory": {"limit": 64 << 20, "swap": 96 << 20, "reservation": 32 << 20}, "pids": {"limit": 50},
        "cpu": {"shares": 512, "quota": 50000, "period": 100000, "burst": 1000, "cpus": "0", "mems": "0"},
        "unified": {"memory.high": str(48 << 20)},
    }  # fmt: skip
    # The kernel's log, which no rule allows.
    bundle.linux["devices"] = [{"path": "/dev/log", "type": "c", "major": 1, "minor": 11}]
    box = ocipy.start(bundle, "sleep", "1000", flags=FLAG)
    expected = {
        "memory.max": str(64 << 20), "memory.swap.max": str(32 << 20), "memory.low": str(32 << 20), "pids.max": "50",
        "cpu.weight": "59", "cpu.max": "50000 100000", "cpu.max.burst": "1000", "cpuset.cpus": "0",
        "cpuset.mems": "0", "memory.high": str(48 << 20),
    }  # fmt: skip
    for _ in range(2):
        assert {file: (scope_of(box) / file).read_text().strip() for file in expected} == expected
        ocipy("exec", box.id, "head", "-c1", "/dev/zero").ok()
        ocipy("exec", box.id, "head", "-c1", "/dev/log").refused("Operation not permitted")
        systemctl("daemon-reload")
    assert show(unit_of(box), "DevicePolicy", "MemoryMax", "TasksMax") == {
        "DevicePolicy": "strict", "MemoryMax": str(64 << 20), "TasksMax": "50",
    }  # fmt: skip


def test_setup_is_not_charged_to_a_small_limit(ocipy, bundle):
    """systemd sets the limit as it makes the scope; what init had before is charged to where it was."""
    bundle.resources["memory"] = {"limit": 1 << 20}
    assert ocipy.run(bundle, "echo", "hello", flags=FLAG).ok().out == "hello\n"


def test_update_survives_a_reload_of_systemd(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "1000", flags=FLAG)
    ocipy("update", "--memory", "64M", "--pids-limit", "30", "--cpu-quota", "33333", box.id).ok()
    assert (scope_of(box) / "cpu.max").read_text() == "33333 100000\n"
    systemctl("daemon-reload")
    assert (scope_of(box) / "memory.max").read_text() == f"{64 << 20}\n"
    assert (scope_of(box) / "pids.max").read_text() == "30\n"
    # systemd counts in whole percents: never less than what was asked for.
    assert (scope_of(box) / "cpu.max").read_text() == "34000 100000\n"


def test_update_that_the_kernel_refuses_changes_neither_systemd_nor_files(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "1000", flags=FLAG)
    before = show(unit_of(box), "TasksMax", "AllowedCPUs"), (scope_of(box) / "pids.max").read_text()
    ocipy("update", "--pids-limit", "30", "--cpuset-cpus", "4000", box.id).refused("cpuset.cpus")
    assert (show(unit_of(box), "TasksMax", "AllowedCPUs"), (scope_of(box) / "pids.max").read_text()) == before


def test_later_verbs_need_no_flag(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "1000", flags=FLAG)
    unit = unit_of(box)
    assert ocipy("exec", box.id, "cat", "/proc/self/cgroup").ok().out == "0::/\n"
    assert ocipy("ps", "--format", "json", box.id).ok().out.strip() == f"[{box.pid}]"
    assert '"pids":{"current":1' in ocipy("events", "--stats", box.id).ok().out
    ocipy("pause", box.id).ok()
    assert box.status() == "paused"
    ocipy("resume", box.id).ok()
    assert box.status() == "running"
    box.kill("KILL").ok()
    box.wait()
    box.delete().ok()
    assert not is_there(unit)


@pytest.mark.parametrize("end", ["delete --force", "state gone"])
def test_delete_force_ends_the_scope(ocipy, bundle, end):
    box = ocipy.start(bundle, "sleep", "1000", flags=FLAG)
    unit = unit_of(box)
    if end == "state gone":
        (ocipy.root / box.id / "state.json").unlink()
    box.delete(force=True).ok()
    assert not is_there(unit) and host.cgsnap(box.id) == []


def test_foreground_run_leaves_no_unit(ocipy, bundle):
    id = ocipy.new_id()
    assert ocipy.run(bundle, "sh", "-c", "exit 7", id=id, flags=FLAG).code == 7
    assert not is_there(f"ocipy-{id}.scope")


def test_failed_create_leaves_no_unit(ocipy, bundle):
    id = ocipy.new_id()
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/false"}]}
    ocipy.created(bundle, "true", id=id, flags=FLAG).refused("hooks.createRuntime")
    assert not is_there(f"ocipy-{id}.scope")
    assert host.cgsnap(id) == host.statesnap(ocipy.root) == []


def test_failed_unit_of_the_same_name_makes_room(ocipy, bundle):
    """runc 3780: what an earlier container left."""
    id = ocipy.new_id()
    unit = f"ocipy-{id}.scope"
    subprocess.run(
        ["systemd-run", "--scope", f"--unit={unit}", "-pRuntimeMaxSec=1", "--quiet", "sleep", "1000"], check=False
    )
    host.wait_for(lambda: show(unit, "ActiveState")["ActiveState"] == "failed", f"the failure of {unit}")
    box = ocipy.create(bundle, "true", id=id, flags=FLAG)
    assert unit_of(box) == unit


def test_unit_that_somebody_else_uses_is_refused_and_left_alone(ocipy, bundle):
    """runc 3780: the error was ignored, and the container ran in its creator's cgroup."""
    id = ocipy.new_id()
    unit = f"ocipy-{id}.scope"
    other = subprocess.Popen(["systemd-run", "--scope", f"--unit={unit}", "--quiet", "sleep", "1000"])
    try:
        host.wait_for(lambda: show(unit, "ActiveState")["ActiveState"] == "active", f"the start of {unit}")
        ocipy.created(bundle, "true", id=id, flags=FLAG).refused("linux.cgroupsPath", unit, "already")
        assert show(unit, "ActiveState") == {"ActiveState": "active"} and other.poll() is None
        assert host.statesnap(ocipy.root) == []
    finally:
        systemctl("stop", unit)
        other.wait()


def test_annotations_are_properties_of_the_scope(ocipy, bundle):
    bundle.config["annotations"] = {
        "org.systemd.property.TimeoutStopSec": "7", "org.systemd.property.CollectMode": "'inactive-or-failed'",
        "org.systemd.property.Documentation": "['man:a(1)', 'man:b(1)']",
    }  # fmt: skip
    box = ocipy.create(bundle, "true", flags=FLAG)
    assert show(unit_of(box), "TimeoutStopUSec", "CollectMode", "Documentation") == {
        "TimeoutStopUSec": "7s", "CollectMode": "inactive-or-failed", "Documentation": '"man:a(1)" "man:b(1)"',
    }  # fmt: skip


def test_property_that_systemd_does_not_know_is_named(ocipy, bundle):
    id = ocipy.new_id()
    bundle.config["annotations"] = {"org.systemd.property.NoSuchThing": "true"}
    ocipy.created(bundle, "true", id=id, flags=FLAG).refused("NoSuchThing")
    assert host.cgsnap(id) == host.statesnap(ocipy.root) == []


def test_bus_that_is_not_there_is_told_with_a_remedy(ocipy, bundle):
    id = ocipy.new_id()
    env = {**os.environ, "DBUS_SYSTEM_BUS_ADDRESS": "unix:path=/nonexistent/bus"}
    ocipy.created(bundle, "true", id=id, flags=FLAG, env=env).refused("system bus", "start the service dbus")
    assert host.cgsnap(id) == host.statesnap(ocipy.root) == []


@ordinary_user
@pytest.mark.parametrize("prefix", [[], ["unshare", "--user", "--map-root-user"]], ids=["plain", "user namespace"])
def test_ordinary_user_has_a_scope_of_the_own_systemd(prefix):
    """The root of a user namespace is that user, too, as podman calls a runtime."""
    code = """
import os, signal, sys
sys.path.append(sys.argv[1])
from ocipy.cgroup import systemd
pid = os.fork()
if not pid:
    signal.pause()
try:
    root = systemd.instance_cgroup()
    systemd.start_scope("ocipy-test.scope", (("Slice", "s", "user.slice"),), pid)
    print(root, open(f"/proc/{pid}/cgroup").read().strip())
    systemd.stop_unit("ocipy-test.scope")
finally:
    os.kill(pid, signal.SIGKILL)
"""
    done = subprocess.run(
        [AS_USER, *prefix, sys.executable, "-IS", "-c", code, Path(__file__).parents[2]],
        capture_output=True, text=True, timeout=5 * host.PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [MANAGER, f"0::{MANAGER}/user.slice/ocipy-test.scope"]


@pytest.fixture
def scope():
    """A scope of the user's that stays: systemd takes controllers away from where no unit of its own needs them."""
    holder = subprocess.Popen([AS_USER, "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE)
    holder.stdout.readline()
    yield
    holder.kill()
    holder.wait()
    holder.stdout.close()


@ordinary_user
@pytest.mark.usefixtures("scope")
@pytest.mark.parametrize(("flags", "place"), [(FLAG, "user.slice/ocipy-{}.scope"), ([], "app.slice/{}")])
def test_container_of_an_ordinary_user_has_its_limits_in_what_is_delegated(user, make_bundle, flags, place):
    """Made by the systemd of the user or, beside the scope that the command runs in, by ocipy."""
    ocipy = user(AS_USER)
    bundle = with_own_id(make_bundle())
    bundle.linux["resources"] = {
        "memory": {"limit": 64 << 20}, "pids": {"limit": 50}, "cpu": {"quota": 50000, "period": 100000, "cpus": "0"},
        "blockIO": {"weight": 500},
    }  # fmt: skip
    box = ocipy.start(bundle, "sleep", "1000", flags=flags)
    directory = scope_of(box)
    assert directory == Path(f"/sys/fs/cgroup{MANAGER}/{place.format(box.id)}")
    expected = {
        "memory.max": str(64 << 20), "pids.max": "50", "cpu.max": "50000 100000", "cpuset.cpus": "0",
        "io.weight": "default 4950",
    }  # fmt: skip
    assert {file: (directory / file).read_text().strip() for file in expected} == expected
    ocipy("update", "--memory", "32M", box.id).ok()
    assert (directory / "memory.max").read_text() == f"{32 << 20}\n"
    ocipy("pause", box.id).ok()
    assert "frozen 1" in (directory / "cgroup.events").read_text()
    ocipy("resume", box.id).ok()
    assert ocipy("exec", box.id, "cat", "/proc/self/cgroup").ok().out == "0::/\n"
    box.delete(force=True).ok()
    assert not directory.exists()


@pytest.fixture
def session(user):
    """The command line where the user has logged in: in a cgroup of which nothing is delegated."""
    subprocess.run([AS_USER, "true"], check=True)
    directory = Path(f"/sys/fs/cgroup/user.slice/user-{UID}.slice/session-1.scope")
    directory.mkdir()
    enter = f'echo 0 >{directory}/cgroup.procs && exec setpriv --reuid={UID} --regid={UID} --clear-groups -- "$@"'
    ocipy = user("sh", "-c", enter, "sh", "env", f"XDG_RUNTIME_DIR=/run/user/{UID}")
    yield ocipy
    ocipy.user = (AS_USER,)
    host.wait_for(lambda: not (directory / "cgroup.procs").read_text(), "the end of the session")
    directory.rmdir()


@ordinary_user
def test_exec_from_a_login_session_is_in_the_scope(session, make_bundle):
    """Where runc leaves it in the session, without the container's limits."""
    box = session.start(with_own_id(make_bundle()), "sleep", "1000", flags=FLAG)
    assert session("exec", box.id, "cat", "/proc/self/cgroup").ok().out == "0::/\n"
    (scope_of(box) / "below").mkdir()
    assert session("exec", "--cgroup", "below", box.id, "cat", "/proc/self/cgroup").ok().out == "0::/below\n"
    box.delete(force=True).ok()


@ordinary_user
def test_exec_that_nobody_can_move_is_refused(session, user, make_bundle):
    delegated = user(AS_USER)
    box = delegated.start(with_own_id(make_bundle()), "sleep", "1000")
    assert scope_of(box).name == box.id
    session("exec", box.id, "true", flags=["--root", delegated.root]).refused("no permission", "delegated")
    box.delete(force=True).ok()
