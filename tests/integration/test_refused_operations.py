"""An operation that is refused changes nothing: runtime.md, Errors."""

import contextlib
import hashlib

import pytest
from support import host, requires
from support.runtime import reap


def fingerprint(directory):
    """What lies below a directory, with the contents of the files."""
    return {
        str(path.relative_to(directory)): hashlib.sha256(path.read_bytes()).hexdigest() if path.is_file() else ""
        for path in directory.rglob("*")
    }


@pytest.fixture
def unchanged(ocipy, bundle):
    """A context in which nothing of the host or of the containers may change."""

    def look(boxes):
        return {
            "state directory": fingerprint(ocipy.root),
            "bundle": fingerprint(bundle.path),
            "cgroups": {box.id: (host.cgsnap(box.id), host.processes_of(box.id)) for box in boxes},
            "mounts": host.mntsnap(str(bundle.path)),
            "children": reap(),
            "state": [box.state() for box in boxes],
            "init": [host.status(box.pid)["Name"] for box in boxes if host.alive(box.pid)],
        }

    @contextlib.contextmanager
    def context(*boxes):
        before = look(boxes)
        yield
        now = look(boxes)
        for what, value in before.items():
            assert now[what] == value, what

    return context


@pytest.fixture
def created(ocipy, bundle):
    return ocipy.create(bundle, "sleep", "100")


@pytest.fixture
def running(created):
    return created.start()


@pytest.fixture
def stopped(running):
    running.kill("KILL").ok()
    running.wait()
    return running


def test_start_of_a_running_container_changes_nothing(ocipy, running, unchanged):
    with unchanged(running):
        ocipy("start", running.id).refused("already running")


def test_start_of_a_stopped_container_changes_nothing(ocipy, stopped, unchanged):
    with unchanged(stopped):
        ocipy("start", stopped.id).refused("stopped")


def test_start_of_a_missing_container_changes_nothing(ocipy, running, unchanged):
    with unchanged(running):
        ocipy("start", ocipy.new_id()).refused("does not exist")


@requires.ocipy_itself
def test_start_of_a_container_without_process_changes_nothing(ocipy, bundle, unchanged):
    del bundle.config["process"]
    box = ocipy.create(bundle)
    with unchanged(box):
        ocipy("start", box.id).refused("process")


def test_kill_of_a_stopped_container_changes_nothing(stopped, unchanged):
    with unchanged(stopped):
        stopped.kill("KILL").refused("not running")


@requires.ocipy_itself
def test_kill_with_an_unknown_signal_changes_nothing(running, unchanged):
    with unchanged(running):
        running.kill("MAGIC").refused("signal")


@requires.ocipy_itself
@pytest.mark.parametrize("words", [("KILL",), ("--all", "KILL")])
def test_kill_and_delete_while_it_is_creating_change_nothing(ocipy, bundle, scratch, words):
    script = f": > {scratch}/reached\nuntil [ -e {scratch}/go ]; do sleep 0.01; done"
    hook = bundle.file("../hook", f"#!/bin/sh\n{script}\n", 0o755)
    bundle.config["hooks"] = {"createContainer": [{"path": str(hook)}]}
    bundle.args("true").write()
    id = ocipy.new_id()
    creating = ocipy.spawn("create", "--bundle", bundle.path, id)
    host.wait_for((scratch / "reached").exists, "the hook")
    ocipy("kill", *words[:-1], id, words[-1]).refused("not running")
    ocipy("delete", id).refused("creating")
    (scratch / "go").touch()
    assert creating.wait(host.PATIENCE) == 0
    assert '"status": "created"' in ocipy("state", id).ok().out


def test_kill_of_a_missing_container_changes_nothing(ocipy, running, unchanged):
    with unchanged(running):
        ocipy("kill", ocipy.new_id(), "KILL").refused("does not exist")


def test_delete_of_a_running_container_changes_nothing(running, unchanged):
    with unchanged(running):
        running.delete().refused("stopped")


def test_delete_of_a_missing_container_changes_nothing(ocipy, running, unchanged):
    with unchanged(running):
        ocipy("delete", ocipy.new_id()).refused("does not exist")


def test_state_of_a_missing_container_changes_nothing(ocipy, running, unchanged):
    with unchanged(running):
        ocipy("state", ocipy.new_id()).refused("does not exist")


@pytest.mark.parametrize("status", ["created", "running", "stopped"])
def test_create_with_an_id_in_use_changes_nothing(ocipy, make_bundle, request, unchanged, status):
    box = request.getfixturevalue(status)
    other = make_bundle()
    with unchanged(box):
        ocipy.created(other, "true", id=box.id).refused("already exists")


@requires.ocipy_itself
def test_create_with_a_bad_id_changes_nothing(ocipy, make_bundle, running, unchanged):
    other = make_bundle()
    with unchanged(running):
        ocipy.created(other, "true", id="a/b").refused("invalid container ID")


def test_create_with_a_bad_config_changes_nothing(ocipy, make_bundle, running, unchanged):
    other = make_bundle()
    other.process["cwd"] = "relative"
    with unchanged(running):
        ocipy.created(other, "true").refused()


def test_create_without_a_bundle_changes_nothing(ocipy, running, scratch, unchanged):
    with unchanged(running):
        ocipy("create", "--bundle", scratch / "absent", ocipy.new_id()).refused("config.json")


@requires.ocipy_itself
def test_operation_without_an_id_changes_nothing(ocipy, running, unchanged):
    with unchanged(running):
        for verb in ("state", "create", "start", "kill", "delete"):
            ocipy(verb).refused("argument")


@requires.ocipy_itself
def test_unknown_operation_changes_nothing(ocipy, running, unchanged):
    with unchanged(running):
        assert ocipy("levitate", running.id).refused("levitate").code == 3
