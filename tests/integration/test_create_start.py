"""create makes a container that waits; start begins its program: runtime.md, Lifecycle."""

import json
import os
import re

import pytest
from support import host, requires
from support.hostile import Trace


def test_create_does_not_run_the_program(ocipy, bundle):
    box = ocipy.create(bundle, "touch", "/ran")
    assert box.status() == "created"
    assert not (bundle.rootfs / "ran").exists()
    box.start()
    assert box.wait() == 0
    assert (bundle.rootfs / "ran").exists()


def test_start_runs_the_program_as_the_process_that_create_made(ocipy, bundle):
    box = ocipy.create(bundle, "sleep", "100")
    before = host.status(box.pid)["Name"]
    box.start()
    assert host.status(box.pid)["Name"] == "sleep" != before


@requires.ocipy_itself
@requires.program("strace")
def test_container_is_running_before_start_waits_for_the_program(ocipy, bundle, scratch, monkeypatch):
    """A start that is killed leaves no container that runs and is said to be created."""
    box = ocipy.create(bundle, "true")
    trace = Trace(scratch, "connect,unlink,recvmsg")
    monkeypatch.setenv("OCIPY_RUNTIME", str(trace.command))
    box.start()
    calls = [name for name, _arguments, _result in trace.calls("connect")]
    assert calls[:3] == ["connect", "unlink", "recvmsg"]


def test_start_of_a_running_container_is_refused_and_changes_nothing(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    ocipy("start", box.id).refused("cannot start an already running container")
    assert box.status() == "running"
    assert host.alive(box.pid)


def test_start_of_a_stopped_container_is_refused_and_changes_nothing(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    ocipy("start", box.id).refused("cannot start a container that has stopped")
    assert box.status() == "stopped"


def test_start_of_a_missing_container_says_does_not_exist(ocipy):
    ocipy("start", ocipy.new_id()).refused("container does not exist")


def test_second_create_with_an_id_in_use_is_refused_and_the_first_lives_on(ocipy, bundle, make_bundle):
    box = ocipy.create(bundle, "sleep", "100")
    before = box.state()
    ocipy.created(make_bundle(), "true", id=box.id).refused("container with given ID already exists")
    assert box.state() == before
    box.start()
    assert host.status(box.pid)["Name"] == "sleep"


@requires.ocipy_itself
@pytest.mark.parametrize("id", ["", ".", "..", "a/b", "../x", "a b", "a\nb", "ä", "a%b", "x" * 256])
def test_an_id_that_is_no_plain_name_is_refused(ocipy, bundle, id):
    ocipy.created(bundle, "true", id=id).refused("invalid container ID format")
    assert host.statesnap(ocipy.root) == []


@pytest.mark.parametrize("mark", ["A", "_", "+", ".", "...", "0"])
def test_letters_digits_and_some_marks_are_good_in_an_id(ocipy, bundle, mark):
    box = ocipy.create(bundle, "true", id=ocipy.adopt(mark + ocipy.new_id() + mark))
    assert box.state()["id"] == box.id


def test_config_changed_after_create_has_no_effect(ocipy, bundle):
    box = ocipy.create(bundle, "sh", "-c", "echo first; hostname")
    bundle.config["hostname"] = "changed"
    bundle.args("echo", "second").write()
    box.start().wait()
    assert box.output() == "first\nocipy\n"


def test_config_removed_after_create_has_no_effect(ocipy, bundle):
    box = ocipy.create(bundle, "echo", "done")
    (bundle.path / "config.json").unlink()
    box.start().wait()
    assert box.output() == "done\n"
    box.delete().ok()


@requires.ocipy_itself
def test_container_without_process_can_be_created_but_not_started(ocipy, bundle):
    del bundle.config["process"]
    box = ocipy.create(bundle)
    assert box.status() == "created"
    ocipy("start", box.id).refused("process")
    assert box.status() == "created"
    box.delete().ok()


def test_unknown_properties_are_ignored_at_every_level(ocipy, bundle):
    unknown = {"org.example.unknown": {"deep": [1, 2.5, None, {"path": 7}]}, "Path": "other case"}

    def add(value):
        children = list(value.values()) if isinstance(value, dict) else value
        for child in children:
            if isinstance(child, (dict, list)):
                add(child)
        if isinstance(value, dict):
            value.update(unknown)

    annotations, sysctl = {"a.b": "c"}, {"net.ipv4.ip_forward": "1"}
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/true"}]}
    bundle.resources["pids"] = {"limit": 100}
    bundle.process["rlimits"] = [{"type": "RLIMIT_CORE", "soft": 0, "hard": 0}]
    bundle.args("echo", "fine")
    add(bundle.config)
    # These two are free maps of strings: no name in them is unknown.
    bundle.config["annotations"] = annotations
    bundle.linux["sysctl"] = sysctl
    result = ocipy.run(bundle).ok()
    assert (result.out, result.err) == ("fine\n", "")


def test_blocks_of_other_platforms_are_ignored(ocipy, bundle):
    bundle.config.update({name: {"anything": ["at", "all"]} for name in ("vm", "solaris", "windows", "zos", "freebsd")})
    bundle.process["commandLine"] = "cmd.exe /c exit 1"
    assert ocipy.run(bundle, "echo", "fine").ok().out == "fine\n"


def test_unknown_annotations_are_no_error(ocipy, bundle):
    bundle.config["annotations"] = {"org.opencontainers.unheard": "x", "nobody.knows": "", "no-domain": "y"}
    assert ocipy.create(bundle, "true").state()["annotations"] == bundle.config["annotations"]


def test_no_process_of_the_runtime_stays_beside_init(ocipy, bundle):
    before = set(host.children("self"))
    box = ocipy.create(bundle, "sleep", "100")
    assert set(host.children("self")) - before == {box.pid}
    assert host.children(box.pid) == []
    assert set(host.processes_of(box.id)) == {box.pid}


def test_init_is_reparented_to_the_subreaper(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert host.status(box.pid)["PPid"] == str(os.getpid())


def test_pid_file_holds_the_digits_alone(ocipy, bundle, scratch):
    box = ocipy.create(bundle, "true", options=("--pid-file", scratch / "pid"))
    text = (scratch / "pid").read_text()
    assert re.fullmatch("[0-9]+", text)
    assert int(text) == box.state()["pid"]
    assert [path.name for path in scratch.glob("*pid*")] == ["pid"]


def test_pid_file_is_relative_to_the_working_directory(ocipy, bundle, scratch):
    here = scratch / "here"
    here.mkdir()
    bundle.args("true").write()
    ocipy("create", "-b", "../bundle0", "--pid-file", "pid", ocipy.new_id(), cwd=here).ok()
    assert (here / "pid").read_text().isdigit()


def test_pid_file_is_absent_after_a_failure(ocipy, bundle, scratch):
    bundle.mount("/x", "bind", "/no/such/source", "bind")
    ocipy.created(bundle, "true", options=("--pid-file", scratch / "pid")).refused()
    assert not list(scratch.glob("*pid*"))


def test_bundle_is_the_working_directory_by_default(ocipy, bundle):
    bundle.args("echo", "here").write()
    assert ocipy("run", ocipy.new_id(), cwd=bundle.path).ok().out == "here\n"


def test_bundle_without_config_says_config_json_not_found(ocipy, scratch):
    ocipy("create", "--bundle", scratch, ocipy.new_id()).refused("config.json not found")


def test_program_is_found_on_the_path_of_the_container(ocipy, bundle):
    bundle.file("opt/tool", "#!/bin/sh\necho tool $0\n", 0o755)
    bundle.process["env"] = ["PATH=/nowhere:/opt"]
    assert ocipy.run(bundle, "tool").ok().out == "tool /opt/tool\n"


def test_missing_program_fails_create_and_not_start(ocipy, bundle):
    ocipy.created(bundle, "no-such-program").refused(
        'exec: "no-such-program": executable file not found in $PATH'
    )
    assert host.statesnap(ocipy.root) == []


@requires.ocipy_itself
def test_program_that_is_a_directory_is_refused_in_the_words_of_old_and_new_callers(ocipy, bundle):
    ocipy.created(bundle, "/etc").refused('exec: "/etc": is a directory: permission denied')


def test_program_that_may_not_be_executed_says_permission_denied(ocipy, bundle):
    bundle.file("tool", "#!/bin/sh\n", 0o644)
    ocipy.created(bundle, "/tool").refused('"/tool"', "permission denied")


def test_state_is_private_to_root(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    for path in (ocipy.root / box.id).rglob("*"):
        if path.suffix == ".json":
            assert path.stat().st_mode & 0o077 == 0
    assert (ocipy.root / box.id).stat().st_mode & 0o006 == 0


def test_annotations_are_part_of_the_state(ocipy, bundle):
    bundle.config["annotations"] = {"org.example.colour": "blue", "empty": ""}
    state = ocipy.create(bundle, "true").state()
    assert state["annotations"].items() >= {"org.example.colour": "blue", "empty": ""}.items()


def test_create_in_a_state_directory_that_does_not_exist_makes_it_private(ocipy, bundle):
    bundle.args("true").write()
    root = ocipy.root / "deep" / "er"
    id = ocipy.new_id()
    ocipy("create", "-b", bundle.path, id, flags=("--root", root)).ok()
    assert root.stat().st_mode & 0o777 & ~0o1000 == 0o700
    assert json.loads(ocipy("state", id, flags=("--root", root)).out)["status"] == "created"
    ocipy("delete", "--force", id, flags=("--root", root)).ok()
    root.rmdir()
    root.parent.rmdir()
