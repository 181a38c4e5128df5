"""--cgroup-manager disabled: no cgroup is made, joined or written to; what needs one says so."""

import json
import os
from pathlib import Path

import pytest
from support import host, requires

pytestmark = requires.ocipy_itself
DISABLED = ("--cgroup-manager", "disabled")


@pytest.fixture
def box(ocipy, bundle):
    return ocipy.start(bundle, "sleep", "1000", flags=DISABLED)


def own_cgroups(pid="self"):
    return Path(f"/proc/{pid}/cgroup").read_text()


def test_container_stays_in_the_cgroup_of_its_creator(ocipy, box):
    assert own_cgroups(box.pid) == own_cgroups()
    assert host.cgsnap(box.id) == []


def test_cgroups_path_is_not_used(ocipy, bundle):
    bundle.linux["cgroupsPath"] = f"/{ocipy.new_id()}"
    box = ocipy.start(bundle, "sleep", "1000", flags=DISABLED)
    assert own_cgroups(box.pid) == own_cgroups()
    assert host.cgsnap(bundle.linux["cgroupsPath"][1:]) == []


def test_limits_are_left_out_with_a_warning(ocipy, bundle):
    bundle.resources["pids"] = {"limit": 1}
    result = ocipy.run(bundle, "sh", "-c", "true & wait", flags=DISABLED).ok()
    assert "linux.resources.pids: not applied" in result.err


def test_cgroup_mount_is_read_only_without_a_cgroup_of_its_own(ocipy, bundle):
    (mount,) = [mount for mount in bundle.mounts if mount["type"] == "cgroup"]
    mount["options"] = ["rw"]
    box = ocipy.start(bundle, "sleep", "1000", flags=DISABLED)
    views = [mount for mount in host.mounts(box.pid) if mount.target.startswith("/sys/fs/cgroup")]
    assert views and all("ro" in view.options for view in views)


def test_plan_tells_of_no_cgroup(ocipy, bundle):
    bundle.args("true").write()
    plan = json.loads(ocipy("plan", "--format", "json", "--bundle", bundle.path, flags=DISABLED).ok().out)
    kinds = {operation["operation"] for operation in plan["operations"]}
    assert not kinds & {"CreateCgroup", "EnableControllers", "JoinCgroup", "VerifyCgroup", "WriteDeviceRules"}


@pytest.mark.parametrize(
    "words", [("pause",), ("update", "--pids-limit", "5"), ("events", "--stats"), ("events",)]
)
def test_verb_that_needs_a_cgroup_is_refused(ocipy, box, words):
    verb, *options = words
    ocipy(verb, *options, box.id).refused("has no cgroup")
    assert box.status() == "running"


def test_exec_works_without_a_cgroup(ocipy, box):
    assert ocipy("exec", box.id, "echo", "here").ok().out == "here\n"


def test_exec_below_the_cgroup_is_refused(ocipy, box):
    ocipy("exec", "--cgroup", "below", box.id, "true").refused("has no cgroup")


@pytest.mark.parametrize("flags", [(), ("--all",)])
def test_kill_reaches_init(ocipy, box, flags):
    ocipy("kill", *flags, box.id, "KILL").ok()
    assert os.WTERMSIG(box.wait()) == 9
    box.delete().ok()


def test_delete_force_ends_a_running_container(ocipy, box):
    box.delete(force=True).ok()
    assert host.exited(box.pid)


def test_delete_force_without_record_leaves_the_cgroup_of_the_config_alone(ocipy, bundle, machines_cgroup):
    directory, stranger = machines_cgroup
    bundle.linux["cgroupsPath"] = f"/{directory.name}"
    box = ocipy.start(bundle, "true", flags=DISABLED)
    box.wait()
    (ocipy.root / box.id / "state.json").unlink()
    box.delete(force=True).ok()
    assert host.alive(stranger) and directory.exists()


@pytest.fixture
def machines_cgroup(subreaper):
    """A cgroup of somebody else with a process in it: its directory in one hierarchy, and the pid."""
    base = host.CGROUP_ROOT if host.CGROUP_V2 else host.CGROUP_ROOT / "pids"
    directory = base / f"ocipy-test-stranger-{os.getpid()}"
    directory.mkdir()
    pid = os.posix_spawn("/bin/sleep", ["sleep", "1000"], {})
    (directory / "cgroup.procs").write_text(str(pid))
    yield directory, pid
    os.kill(pid, 9)
    os.waitpid(pid, 0)
    host.wait_for(lambda: not (directory / "cgroup.procs").read_text(), "the cgroup to be empty")
    directory.rmdir()


def test_unknown_manager_is_refused(ocipy):
    ocipy("list", flags=("--cgroup-manager", "nosuch")).refused("invalid cgroup-manager", "disabled")
