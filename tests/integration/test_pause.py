"""pause and resume: the processes stand still, and go on where they were."""

import json

import pytest
from support import host, requires

pytestmark = requires.controller("freezer")
# Counts, and sees whether it was stopped by a signal: the freezer is none.
COUNTER = "trap 'echo continued' CONT; n=0; while :; do n=$((n+1)); echo $n > /run/n; sleep 0.01; done"


@pytest.fixture
def counter(ocipy, bundle, scratch):
    """A running container that goes on counting in a file; `count()` reads it."""
    place = scratch / "shared"
    place.mkdir()
    bundle.mount("/run", "bind", place, "rbind", "rw")
    box = ocipy.start(bundle, "sh", "-c", COUNTER)

    def count():
        text = (place / "n").read_text() if (place / "n").exists() else ""
        return int(text or 0)

    box.count = count
    host.wait_for(count, "the first count")
    return box


def frozen(box):
    """What the kernel says of the container's cgroup."""
    if host.CGROUP_V2:
        return "frozen 1" in host.read_cgroup(box.pid, "freezer", "cgroup.events")
    return host.read_cgroup(box.pid, "freezer", "freezer.state") == "FROZEN"


def test_pause_stops_the_processes_and_resume_lets_them_go_on(ocipy, counter):
    ocipy("pause", counter.id).ok()
    assert frozen(counter)
    before = counter.count()
    assert counter.status() == "paused"
    # The command above took ten of its rounds at least.
    assert counter.count() == before
    ocipy("resume", counter.id).ok()
    assert not frozen(counter)
    assert counter.status() == "running"
    host.wait_for(lambda: counter.count() > before, "the counter to go on")
    assert counter.output() == ""


def test_pause_and_resume_print_nothing(ocipy, counter):
    for verb in ("pause", "resume"):
        result = ocipy(verb, counter.id).ok()
        assert (result.out, result.err) == ("", "")


def test_all_processes_of_the_container_are_paused(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "sleep 1000 & setsid sleep 1000 & echo ready; wait")
    host.wait_for(lambda: "ready" in box.output() and len(host.processes_of(box.id)) == 3, "three processes")
    ocipy("pause", box.id).ok()
    assert len(host.processes_of(box.id)) == 3
    assert frozen(box)
    ocipy("resume", box.id).ok()


def test_list_shows_paused(ocipy, counter):
    ocipy("pause", counter.id).ok()
    (entry,) = json.loads(ocipy("list", "--format", "json").ok().out)
    assert (entry["status"], entry["pid"]) == ("paused", counter.pid)
    assert ocipy("list").ok().out.splitlines()[1].split()[2] == "paused"


def test_pause_of_a_paused_container_says_container_not_running(ocipy, counter):
    ocipy("pause", counter.id).ok()
    assert ocipy("pause", counter.id).refused("container not running").code == 1
    assert counter.status() == "paused"


def test_resume_of_a_running_container_says_container_not_paused(ocipy, counter):
    assert ocipy("resume", counter.id).refused("container not paused").code == 1
    assert counter.status() == "running"


@pytest.mark.parametrize(("verb", "words"), [("pause", "container not running"), ("resume", "container not paused")])
def test_stopped_container_is_neither_paused_nor_resumed(ocipy, bundle, verb, words):
    box = ocipy.start(bundle, "true")
    box.wait()
    assert ocipy(verb, box.id).refused(words).code == 1
    assert box.status() == "stopped"


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_missing_container_is_said_not_to_exist(ocipy, verb):
    assert ocipy(verb, ocipy.new_id()).refused("container does not exist").code == 1


@pytest.mark.parametrize("verb", ["pause", "resume"])
def test_exactly_one_id_is_taken(ocipy, counter, verb):
    assert ocipy(verb).refused("argument").code == 1
    assert ocipy(verb, counter.id, counter.id).refused("argument").code == 1
    assert counter.status() == "running"


def test_created_container_can_be_paused_and_is_created_again_when_resumed(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    ocipy("pause", box.id).ok()
    assert box.status() == "paused"
    ocipy("start", box.id).refused("cannot start a container in the paused state")
    ocipy("resume", box.id).ok()
    assert box.status() == "created"
    box.start()
    assert box.wait() == 0


def test_pause_needs_no_environment(ocipy, counter):
    ocipy("pause", counter.id, env={}).ok()
    ocipy("resume", counter.id, env={}).ok()


def test_kill_ends_a_paused_container(ocipy, counter):
    ocipy("pause", counter.id).ok()
    counter.kill("KILL").ok()
    assert counter.wait() == 9


def test_signal_to_a_paused_container_arrives_when_it_is_resumed(ocipy, counter):
    ocipy("pause", counter.id).ok()
    counter.kill("CONT").ok()
    assert counter.output() == ""
    ocipy("resume", counter.id).ok()
    host.wait_for(lambda: counter.output() == "continued\n", "the signal")


def test_paused_container_is_deleted_by_force_alone(ocipy, counter):
    ocipy("pause", counter.id).ok()
    counter.delete().refused("paused")
    counter.delete(force=True).ok()
    assert host.cgsnap(counter.id) == []


@requires.ocipy_itself
def test_resume_tells_when_a_cgroup_above_keeps_the_container_frozen(ocipy, bundle):
    id = ocipy.new_id()
    bundle.linux["cgroupsPath"] = f"/{id}-above/{id}"
    box = ocipy.start(bundle, "sleep", "1000", id=id)
    above = host.cgroup(box.pid, "freezer").parent
    file, on, off = ("cgroup.freeze", "1", "0") if host.CGROUP_V2 else ("freezer.state", "FROZEN", "THAWED")
    ocipy("pause", id).ok()
    (above / file).write_text(on)
    try:
        ocipy("resume", id).refused("stays paused", "above")
        assert box.status() == "paused"
    finally:
        (above / file).write_text(off)
        box.delete(force=True).ok()
        for directory in reversed(host.cgsnap(f"{id}-above")):
            directory.rmdir()
