"""state and list: what callers read."""

import json
import re

import pytest
from support import host, requires
from support.runtime import command

from ocipy.spec.schema import schema_problems

RFC3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")


def test_state_of_a_created_container(ocipy, bundle):
    box = ocipy.create(bundle, "sleep", "100")
    state = box.state()
    assert state["id"] == box.id
    assert state["status"] == "created"
    assert state["pid"] == box.pid
    assert host.alive(box.pid)
    assert state["bundle"] == str(bundle.path)
    assert state["rootfs"] == str(bundle.rootfs)
    assert re.fullmatch(r"1\.\d+\.\d+(-.*)?", state["ociVersion"])
    assert RFC3339.fullmatch(state["created"])
    assert state["owner"] == ""


def test_state_of_a_running_container_differs_in_the_status_alone(ocipy, bundle):
    box = ocipy.create(bundle, "sleep", "100")
    before = box.state()
    box.start()
    assert box.state() == {**before, "status": "running"}


def test_state_of_a_stopped_container_has_pid_0(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    state = box.state()
    assert (state["status"], state["pid"]) == ("stopped", 0)


def test_a_zombie_counts_as_stopped(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    host.wait_for(lambda: host.status(box.pid)["State"].startswith("Z"), "the zombie")
    assert box.status() == "stopped"


def test_state_is_indented_json_without_a_newline_at_the_end(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    text = ocipy("state", box.id).ok().out
    assert text.startswith('{\n  "ociVersion"')
    assert text.endswith("}")


def test_state_of_a_missing_container_says_does_not_exist(ocipy):
    result = ocipy("state", ocipy.new_id()).refused("container does not exist")
    assert result.code == 1
    assert result.out == ""


@requires.ocipy_itself
def test_state_shows_the_container_while_it_is_creating(ocipy, bundle, scratch):
    hook = bundle.file("../hook", f"#!/bin/sh\n: > {scratch}/reached\nexec sleep 60\n", 0o755)
    bundle.config["hooks"] = {"createRuntime": [{"path": str(hook)}]}
    bundle.args("true").write()
    id = ocipy.new_id()
    creating = ocipy.spawn("create", "--bundle", bundle.path, id)
    try:
        host.wait_for((scratch / "reached").exists, "the hook")
        state = json.loads(ocipy("state", id).ok().out)
        assert (state["status"], state["id"], state["bundle"]) == ("creating", id, str(bundle.path))
        assert state["ociVersion"] == "1.3.0"
        ocipy("start", id).refused("creating")
        assert json.loads(ocipy("state", id).ok().out)["status"] == "creating"
    finally:
        for pid in host.children(creating.pid):
            if host.status(pid)["Name"] == "sleep":
                ocipy.signal(pid)
        creating.wait(host.PATIENCE)
    assert creating.returncode == 1


@pytest.fixture
def follows_the_schema():
    """A function that checks a state document."""
    pytest.importorskip("jsonschema")

    def check(state, status):
        assert schema_problems("state", state) == []
        assert state["status"] == status

    return check


def test_state_document_follows_the_schema_in_every_phase(ocipy, bundle, scratch, follows_the_schema):
    """While it is creating, the hook asks itself."""
    note = scratch / "state"
    id = ocipy.new_id()
    script = f"exec {command()} --root {ocipy.root} state {id} > {note}"
    hook = bundle.file("../hook", f"#!/bin/sh\n{script}\n", 0o755)
    bundle.config["hooks"] = {"createContainer": [], "createRuntime": [{"path": str(hook)}]}
    box = ocipy.create(bundle, "sleep", "100", id=id)
    follows_the_schema(json.loads(note.read_text()), "creating")
    follows_the_schema(box.state(), "created")
    follows_the_schema(box.start().state(), "running")
    box.kill("KILL").ok()
    box.wait()
    follows_the_schema(box.state(), "stopped")


def test_state_without_annotations_has_no_empty_map(ocipy, bundle):
    assert "annotations" not in ocipy.create(bundle, "true").state()


def test_list_as_table_has_a_line_for_each_container(ocipy, bundle, make_bundle):
    created = ocipy.create(bundle, "true")
    running = ocipy.start(make_bundle(), "sleep", "100")
    header, *rows = ocipy("list").ok().out.splitlines()
    assert header.split() == ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]
    found = {row.split()[0]: row.split() for row in rows}
    assert found[created.id][:4] == [created.id, str(created.pid), "created", str(bundle.path)]
    assert found[running.id][2] == "running"
    assert found[running.id][5] == "root"
    assert len({row.index(found[row.split()[0]][2]) for row in rows}) == 1


def test_list_as_json_is_one_line_with_the_states(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    text = ocipy("list", "--format", "json").ok().out
    assert text.count("\n") == 1 and text.endswith("\n")
    (entry,) = json.loads(text)
    assert entry == {**box.state(), "owner": "root"}


def test_list_as_json_of_nothing_is_null(ocipy):
    assert ocipy("list", "-f", "json").ok().out.strip() == "null"


def test_list_as_table_of_nothing_is_the_header(ocipy):
    assert len(ocipy("list").ok().out.splitlines()) == 1


def test_list_quiet_gives_ids_alone(ocipy, bundle, make_bundle):
    boxes = [ocipy.create(bundle, "true"), ocipy.create(make_bundle(), "true")]
    assert ocipy("list", "-q").ok().out.split() == sorted(box.id for box in boxes)


def test_list_refuses_an_unknown_format(ocipy):
    ocipy("list", "--format", "xml").refused("format")


def test_list_of_a_given_root_that_is_absent_fails(ocipy):
    ocipy("list", flags=("--root", ocipy.root / "absent")).refused("absent")


@pytest.mark.parametrize("broken", ["", "{", "[]", '{"id": 7}', "null"])
@requires.ocipy_itself
def test_list_notes_a_broken_container_and_goes_on_with_the_rest(ocipy, bundle, broken):
    box = ocipy.create(bundle, "true")
    id = ocipy.new_id()
    (ocipy.root / id).mkdir()
    (ocipy.root / id / "state.json").write_text(broken)
    result = ocipy("list", "--quiet").ok()
    assert result.out.split() == [box.id]
    assert id in result.err
    assert "Traceback" not in result.err


@requires.ocipy_itself
def test_list_notes_a_directory_without_state(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    id = ocipy.new_id()
    (ocipy.root / id).mkdir()
    result = ocipy("list", "--format=json").ok()
    assert [entry["id"] for entry in json.loads(result.out)] == [box.id]
    assert id in result.err


@requires.ocipy_itself
@pytest.mark.parametrize("broken", ["", "{", "[]", '{"id": 7}', "null"])
@pytest.mark.parametrize(
    "verb", ["state", "start", "kill", "delete", "pause", "resume", "ps", "events", "update"]
)
def test_a_broken_state_file_is_named_in_one_line(ocipy, verb, broken):
    id = ocipy.new_id()
    (ocipy.root / id).mkdir()
    (ocipy.root / id / "state.json").write_text(broken)
    result = ocipy(verb, id).refused(id)
    assert len(result.err.splitlines()) == 1
    assert "internal error" not in result.err
