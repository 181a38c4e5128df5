"""The creating command may be killed at any moment (callers set a death signal): delete --force puts it right."""

import random
import time

import pytest
from support import host, requires
from support.runtime import reap

pytestmark = requires.ocipy_itself


@pytest.fixture
def duration(ocipy, bundle):
    """Seconds that an undisturbed create takes."""
    seconds = []
    for _ in range(3):
        box = ocipy.create(bundle, "sleep", "100")
        box.delete(force=True).ok()
        seconds.append(box.result.seconds)
    return min(seconds)


@pytest.mark.parametrize("part", [number / 20 for number in range(1, 24)])
def test_delete_force_finishes_when_create_was_killed(ocipy, bundle, duration, part):
    id = ocipy.new_id()
    creating = ocipy.spawn("create", "-b", bundle.args("sleep", "100").write().path, id)
    time.sleep(duration * part * random.uniform(0.95, 1.05))
    creating.kill()
    creating.wait()
    ocipy("delete", "--force", id).ok()
    assert not (ocipy.root / id).exists()
    host.wait_for(lambda: reap() == [], "the end of all processes")
    # A scope that was made, and not recorded any more, is systemd's to remove.
    host.wait_for(lambda: host.cgsnap(id) == [], "the end of all cgroups")
    # The id is free again.
    box = ocipy.start(bundle, "sleep", "100", id=id)
    assert host.processes_of(id) == [box.pid]
    box.delete(force=True).ok()


@pytest.mark.parametrize("part", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7])
def test_init_ends_by_itself_when_create_was_killed_before_it_was_done(ocipy, bundle, duration, part):
    delay = duration * part
    while True:
        id = ocipy.new_id()
        creating = ocipy.spawn("create", "-b", bundle.args("sleep", "100").write().path, id)
        time.sleep(delay)
        creating.kill()
        creating.wait()
        state = ocipy("state", id)
        if state.code != 0 or '"status": "created"' not in state.out:
            break
        # It was quicker this time.
        ocipy("delete", "--force", id).ok()
        delay /= 2
    host.wait_for(lambda: reap() == [], "the end of all processes")


@pytest.fixture
def killed_in_hook(ocipy, bundle, scratch):
    """The id of a container whose `create` was killed while init waited for a hook."""
    hook = scratch / "hook"
    hook.write_text(f"#!/bin/sh\n: > {scratch}/reached\nexec sleep 1000\n")
    hook.chmod(0o755)
    bundle.config["hooks"] = {"createContainer": [{"path": str(hook)}]}
    id = ocipy.new_id()
    creating = ocipy.spawn("create", "-b", bundle.args("true").write().path, id)
    host.wait_for((scratch / "reached").exists, "the hook")
    creating.kill()
    creating.wait()
    return id


def test_init_ends_with_create_whatever_it_is_doing(ocipy, killed_in_hook):
    host.wait_for(lambda: reap() == [], "the end of all processes")
    ocipy("delete", "--force", killed_in_hook).ok()
    assert host.cgsnap(killed_in_hook) == []


def test_killed_create_shows_as_stopped_and_can_be_deleted_without_force(ocipy, killed_in_hook):
    id = killed_in_hook
    assert '"status": "stopped"' in ocipy("state", id).ok().out
    ocipy("start", id).refused()
    ocipy("delete", id).ok()
    host.wait_for(lambda: reap() == [], "the end of all processes")


def test_two_creates_of_one_id_at_once_make_one_container(ocipy, bundle):
    bundle.args("sleep", "100").write()
    id = ocipy.new_id()
    both = [ocipy.spawn("create", "-b", bundle.path, id) for _ in range(2)]
    assert sorted(process.wait(host.PATIENCE) for process in both) == [0, 1]
    assert len(host.processes_of(id)) == 1
    assert '"status": "created"' in ocipy("state", id).ok().out


def test_two_starts_at_once_start_the_program_once(ocipy, bundle):
    box = ocipy.create(bundle, "sh", "-c", "echo begun; exec sleep 100")
    both = [ocipy.spawn("start", box.id) for _ in range(2)]
    assert sorted(process.wait(host.PATIENCE) for process in both) == [0, 1]
    host.wait_for(lambda: box.output() == "begun\n", "the program")


def test_two_deletes_at_once_leave_nothing(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    both = [ocipy.spawn("delete", "--force", box.id) for _ in range(2)]
    assert [process.wait(host.PATIENCE) for process in both] == [0, 0]
    assert host.cgsnap(box.id) == []
    assert host.statesnap(ocipy.root) == []
