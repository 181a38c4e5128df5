"""delete: nothing of a container is left, whatever state it is in."""

import os
import subprocess

import pytest
from support import host, requires


def remains(ocipy, id):
    """What is left of a container on the host."""
    return host.processes_of(id), host.cgsnap(id), (ocipy.root / id).exists()


GONE = ([], [], False)


def test_delete_of_a_stopped_container_leaves_nothing(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    box.delete().ok()
    assert remains(ocipy, box.id) == GONE


def test_delete_of_a_running_container_is_refused_and_changes_nothing(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    assert box.delete().refused("stopped", "running").code == 1
    assert box.status() == "running"
    assert host.alive(box.pid)


def test_delete_of_a_created_container_ends_its_init(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    box.delete().ok()
    assert host.exited(box.pid)
    assert remains(ocipy, box.id) == GONE


def test_delete_of_a_missing_container_says_does_not_exist(ocipy):
    assert ocipy("delete", ocipy.new_id()).refused("does not exist").code == 1


def test_delete_force_of_a_missing_container_succeeds_silently(ocipy):
    result = ocipy("delete", "--force", ocipy.new_id()).ok()
    assert (result.out, result.err) == ("", "")


def test_delete_force_without_a_state_directory_succeeds(ocipy):
    ocipy("delete", "-f", ocipy.new_id(), flags=("--root", ocipy.root / "absent")).ok()
    assert not (ocipy.root / "absent").exists()


@pytest.mark.parametrize("status", ["created", "running", "stopped"])
def test_delete_force_finishes_from_every_status(ocipy, bundle, status):
    box = ocipy.create(bundle, "true" if status == "stopped" else "sleep", "100")
    if status != "created":
        box.start()
    if status == "stopped":
        box.wait()
    box.delete(force=True).ok()
    assert host.exited(box.pid)
    assert remains(ocipy, box.id) == GONE


def test_delete_force_ends_what_is_left_in_the_hosts_pid_namespace(ocipy, bundle):
    bundle.share("pid")
    box = ocipy.start(bundle, "sh", "-c", "setsid sleep 1000 & setsid sleep 1000 & echo ready; sleep 1000")
    host.wait_for(lambda: "ready" in box.output() and len(host.processes_of(box.id)) == 4 - 1, "the processes")
    pids = host.processes_of(box.id)
    box.delete(force=True).ok()
    assert all(host.exited(pid) for pid in pids)
    assert remains(ocipy, box.id) == GONE


@requires.ocipy_itself
@requires.cgroupfs
def test_delete_leaves_a_cgroup_that_was_there_before(ocipy, bundle):
    id = ocipy.new_id()
    probe = ocipy.create(bundle, "true", id=id)
    directories = host.cgsnap(id)
    probe.delete().ok()
    for directory in directories:
        directory.mkdir()
        for file in ("cpuset.cpus", "cpuset.mems"):
            # A new cpuset of v1 is empty: nothing could run in it.
            if not host.CGROUP_V2 and (directory / file).exists():
                (directory / file).write_text((directory.parent / file).read_text())
    try:
        box = ocipy.start(bundle, "sleep", "100", id=id)
        (host.cgroup(box.pid, "pids") / "below").mkdir()
        box.delete(force=True).ok()
        assert sorted(host.cgsnap(id)) == sorted(directories)
        ocipy.created(bundle, "no-such-program", id=id).refused()
        assert sorted(host.cgsnap(id)) == sorted(directories)
    finally:
        for directory in reversed(host.cgsnap(id)):
            directory.rmdir()


def test_delete_removes_cgroups_that_the_container_made_below_its_own(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    below = host.cgroup(box.pid, "pids") / "below" / "deeper"
    below.mkdir(parents=True)
    box.delete(force=True).ok()
    assert remains(ocipy, box.id) == GONE


def test_delete_force_finishes_when_the_container_is_frozen(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    directory = host.cgroup(box.pid, "freezer")
    if host.CGROUP_V2:
        (directory / "cgroup.freeze").write_text("1")
        host.wait_for(lambda: "frozen 1" in (directory / "cgroup.events").read_text(), "the freeze")
    else:
        (directory / "freezer.state").write_text("FROZEN")
        host.wait_for(lambda: (directory / "freezer.state").read_text() == "FROZEN\n", "the freeze")
    assert box.status() == "paused"
    box.delete(force=True).ok()
    assert remains(ocipy, box.id) == GONE


@requires.ocipy_itself
def test_process_that_somebody_put_into_the_cgroup_is_ended_by_force_alone(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    stranger = subprocess.Popen(["sleep", "1000"])
    try:
        for directory in host.cgsnap(box.id):
            (directory / "cgroup.procs").write_text(str(stranger.pid))
        box.start().wait()  # not before: systemd removes a scope that is empty
        box.delete().refused(f"process {stranger.pid}")
        assert stranger.poll() is None
        box.delete(force=True).ok()
        assert stranger.wait(host.PATIENCE) == -9
    finally:
        stranger.kill()
        stranger.wait()
    assert remains(ocipy, box.id) == GONE


@requires.ocipy_itself
def test_delete_force_finishes_when_the_state_file_is_gone(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    (ocipy.root / box.id / "state.json").unlink()
    box.delete().refused(box.id)
    box.delete(force=True).ok()
    assert host.exited(box.pid)
    assert remains(ocipy, box.id) == GONE


@requires.ocipy_itself
@pytest.mark.parametrize("text", ["", "{", "[]", "null", '{"id": "other"}', "\0" * 100, '{"id": 1, "pid": []}'])
def test_delete_force_finishes_when_the_state_file_is_broken(ocipy, bundle, text):
    box = ocipy.start(bundle, "sleep", "100")
    (ocipy.root / box.id / "state.json").write_text(text)
    box.delete(force=True).ok()
    assert host.exited(box.pid)
    assert remains(ocipy, box.id) == GONE


@requires.ocipy_itself
def test_delete_force_finishes_when_the_directory_is_empty(ocipy):
    id = ocipy.new_id()
    (ocipy.root / id).mkdir()
    ocipy("delete", "--force", id).ok()
    assert not (ocipy.root / id).exists()


@requires.ocipy_itself
def test_delete_force_finishes_when_only_the_record_is_left(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    for path in (ocipy.root / box.id).iterdir():
        if path.name != "state.json":
            path.unlink()
    box.delete(force=True).ok()
    assert remains(ocipy, box.id) == GONE


def test_delete_finishes_when_the_cgroup_is_gone(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    for directory in reversed(host.cgsnap(box.id)):
        directory.rmdir()
    box.delete().ok()
    assert remains(ocipy, box.id) == GONE


def test_delete_finishes_when_the_bundle_is_gone(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    os.rename(bundle.path, bundle.path.with_name("away"))
    box.delete().ok()
    assert remains(ocipy, box.id) == GONE


@requires.ocipy_itself
def test_delete_force_ends_a_create_that_is_still_at_work(ocipy, bundle, scratch):
    hook = scratch / "hook"
    hook.write_text(f"#!/bin/sh\n: > {scratch}/reached\nexec sleep 1000\n")
    hook.chmod(0o755)
    bundle.config["hooks"] = {"createRuntime": [{"path": str(hook)}]}
    bundle.args("true").write()
    id = ocipy.new_id()
    creating = ocipy.spawn("create", "--bundle", bundle.path, id)
    host.wait_for((scratch / "reached").exists, "the hook")
    ocipy("delete", id).refused("creating")
    hooks = [pid for pid in host.children(creating.pid) if host.status(pid)["Name"] == "sleep"]
    ocipy("delete", "--force", id).ok()
    assert creating.wait(host.PATIENCE) != 0
    assert remains(ocipy, id) == GONE
    # A hook is the caller's program: nobody but the command that ran it knows of it.
    for pid in hooks:
        ocipy.signal(pid)
        host.wait_for(lambda pid=pid: host.exited(pid), "the hook's end")


def test_an_id_can_be_used_again_after_delete(ocipy, bundle):
    id = ocipy.new_id()
    for _ in range(3):
        box = ocipy.start(bundle, "true", id=id)
        box.wait()
        box.delete().ok()


def test_delete_of_one_container_leaves_the_others_alone(ocipy, bundle, make_bundle):
    first = ocipy.start(bundle, "sleep", "100")
    second = ocipy.start(make_bundle(), "sleep", "100")
    first.delete(force=True).ok()
    assert second.status() == "running"
    assert host.processes_of(second.id) == [second.pid]


@requires.ocipy_itself
def test_delete_refuses_an_id_that_is_a_path(ocipy, scratch):
    (scratch / "precious").mkdir()
    for id in ("..", ".", f"../..{scratch}/precious"):
        ocipy("delete", "--force", id).refused("invalid container ID format")
    assert (scratch / "precious").exists()
