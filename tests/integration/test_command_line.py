"""The command line as callers use it: flags, logs, environment, exit codes."""

import json
import re
import subprocess

import pytest
from support import host, requires
from support.runtime import command

VERBS = [
    "create", "start", "run", "state", "kill", "delete", "pause", "resume", "update", "ps", "events", "list", "spec",
    "features",
]  # fmt: skip
OWN_VERBS = [*VERBS, "wait", "mounts", "plan", "validate", "bundle", "doctor"]


@pytest.mark.parametrize("flag", ["--help", "-h"])
@pytest.mark.parametrize("verb", OWN_VERBS)
@requires.ocipy_itself
def test_every_verb_has_help(ocipy, verb, flag):
    result = ocipy(verb, flag).ok()
    assert verb in result.out
    assert result.err == ""


@requires.ocipy_itself
def test_help_names_every_verb_and_global_flag(ocipy):
    text = ocipy("--help").ok().out
    for word in (*OWN_VERBS, "--root", "--log", "--log-format", "--debug", "--systemd-cgroup"):
        assert word in text


@requires.ocipy_itself
def test_version_is_on_the_first_line_and_the_specification_below(ocipy):
    first, *rest = ocipy("--version").ok().out.splitlines()
    assert re.fullmatch(r"ocipy version \d+\.\d+\.\d+\S*", first)
    assert "spec: 1.3.0" in rest


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["state", "--frobnicate", "x"], "frobnicate"),
        (["--frobnicate", "list"], "frobnicate"),
        (["state"], "argument"),
        (["start"], "argument"),
        (["delete"], "argument"),
        (["create"], "argument"),
        (["kill"], "takes 1 to 2 argument(s), 0 given"),
        (["kill", "one", "9", "x"], "takes 1 to 2 argument(s), 3 given"),
        (["create", "--pid-file"], "flag needs an argument"),
        (["list", "--format"], "flag needs an argument"),
        (["create", "--preserve-fds", "many", "x"], "invalid value"),
        (["create", "--preserve-fds", "-1", "x"], "invalid"),
        (["--log-format", "yaml", "list"], "yaml"),
    ],
)
@requires.ocipy_itself
def test_wrong_usage_is_one_line_and_exit_code_1(ocipy, words, said):
    result = ocipy(*words).refused(said)
    assert result.code == 1
    assert len(result.err.strip().splitlines()) == 1


@requires.ocipy_itself
def test_unknown_verb_is_exit_code_3(ocipy):
    assert ocipy("frobnicate").refused("frobnicate").code == 3


@pytest.mark.parametrize("words", [
    ["checkpoint", "--help"], ["restore", "--help"], ["checkpoint", "one"], ["checkpoint", "--image-path", "/x", "one"],
    ["restore", "--lsm-mount-context"], ["restore", "-b", ".", "-no-subreaper", "one"],
])  # fmt: skip
@requires.ocipy_itself
def test_checkpoint_and_restore_are_known_and_not_supported(ocipy, words):
    """podman asks for `checkpoint --help`, and looks for the words "needs an argument" after --lsm-mount-context."""
    result = ocipy(*words).refused(f"{words[0]} is not supported")
    assert (result.code, result.out) == (1, "")
    assert len(result.err.splitlines()) == 1
    assert "argument" not in result.err


@pytest.mark.parametrize("form", [["-bundle", "B"], ["--bundle", "B"], ["--bundle=B"], ["-bundle=B"], ["-b", "B"]])
def test_flags_take_one_dash_or_two_and_a_value_either_way(ocipy, bundle, form):
    bundle.args("echo", "hi").write()
    words = [word.replace("B", str(bundle.path)) for word in form]
    assert ocipy("run", *words, ocipy.new_id()).ok().out == "hi\n"


def test_log_in_json_has_one_record_for_a_failure(ocipy, scratch):
    log = scratch / "log.json"
    result = ocipy("state", ocipy.new_id(), flags=("--log", log, "--log-format", "json")).refused("does not exist")
    (line,) = log.read_text().splitlines()
    record = json.loads(line)
    assert set(record) == {"level", "msg", "time"}
    assert record["level"] == "error"
    assert "does not exist" in record["msg"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)", record["time"])
    assert record["msg"] in result.err


@pytest.mark.parametrize("verb", ["create", "run"])
def test_log_of_a_failed_create_names_the_cause_in_one_record(ocipy, bundle, scratch, verb):
    log = scratch / "log.json"
    bundle.args("no-such-program").write()
    ocipy(verb, "-b", bundle.path, ocipy.new_id(), flags=("--log", log, "--log-format=json")).refused()
    (record,) = [json.loads(line) for line in log.read_text().splitlines()]
    assert "executable file not found in $PATH" in record["msg"]


def test_log_is_appended_to(ocipy, scratch):
    log = scratch / "log"
    log.write_text("before\n")
    for _ in range(2):
        ocipy("state", ocipy.new_id(), flags=("--log", log)).refused()
    before, *lines = log.read_text().splitlines()
    assert before == "before"
    assert [re.search(r"level=(\w+)", line)[1] for line in lines] == ["error", "error"]


def test_log_of_a_success_is_empty_or_absent(ocipy, bundle, scratch):
    log = scratch / "log.json"
    bundle.args("true").write()
    ocipy("run", "-b", bundle.path, ocipy.new_id(), flags=("--log", log, "--log-format", "json")).ok()
    assert not log.exists() or log.read_text() == ""


@requires.ocipy_itself
def test_log_that_cannot_be_written_does_not_stop_the_work(ocipy, bundle, scratch):
    bundle.args("true").write()
    result = ocipy("state", ocipy.new_id(), flags=("--log", scratch / "no" / "log")).refused("does not exist")
    assert "--log" in result.err


def test_empty_environment_is_enough(ocipy, bundle):
    box = ocipy.create(bundle, "sleep", "100", env={})
    for verb in (["start"], ["state"], ["kill"]):
        ocipy(*verb, box.id, *(["KILL"] if verb == ["kill"] else []), env={}).ok()
    box.wait()
    ocipy("delete", box.id, env={}).ok()


@requires.ocipy_itself
def test_python_variables_have_no_effect(ocipy, bundle, scratch):
    (scratch / "json.py").write_text("raise SystemExit('planted')")
    (scratch / "os.py").write_text("raise SystemExit('planted')")
    env = {"PYTHONPATH": str(scratch), "PYTHONHOME": "/nonexistent", "PYTHONSTARTUP": str(scratch / "os.py"),
           "PYTHONINSPECT": "1", "PYTHONVERBOSE": "1"}  # fmt: skip
    result = ocipy.run(bundle, "echo", "fine", env=env, cwd=scratch).ok()
    assert (result.out, result.err) == ("fine\n", "")


def test_works_from_a_directory_that_is_gone(ocipy, bundle, scratch):
    gone = scratch / "gone"
    gone.mkdir()
    prefix = ["sh", "-c", f'cd {gone} && rmdir {gone} && exec "$@"', "sh"]
    assert ocipy.run(bundle, "echo", "hi", prefix=prefix).ok().out == "hi\n"


@requires.ocipy_itself
def test_module_is_the_same_command(ocipy, bundle):
    root = host.Path(command()).parents[2]
    done = subprocess.run(
        ["/usr/bin/python3", "-m", "ocipy", "--version"], cwd=root, capture_output=True, text=True, check=False
    )
    assert done.stdout == ocipy("--version").out


def test_an_error_is_written_to_stderr_even_with_a_log(ocipy, scratch):
    result = ocipy("state", ocipy.new_id(), flags=("--log", scratch / "log"))
    assert "does not exist" in result.err


def test_features_is_json_and_nothing_else(ocipy):
    result = ocipy("features").ok()
    assert json.loads(result.out)["ociVersionMax"]
    assert result.err == ""


@pytest.mark.parametrize("name", ["ociVersionMin", "ociVersionMax"])
def test_config_of_the_versions_that_features_names_runs(ocipy, bundle, name):
    bundle.config["ociVersion"] = json.loads(ocipy("features").ok().out)[name]
    ocipy.run(bundle, "true").ok()


def test_spec_writes_a_config_that_runs(ocipy, bundle):
    ocipy("spec", "--bundle", bundle.path).ok()
    config = json.loads((bundle.path / "config.json").read_text())
    config["process"]["terminal"] = False
    config["process"]["args"] = ["hostname"]
    (bundle.path / "config.json").write_text(json.dumps(config))
    assert ocipy("run", "-b", bundle.path, ocipy.new_id()).ok().out.strip() == config["hostname"]


def test_spec_does_not_overwrite(ocipy, bundle):
    bundle.write()
    before = (bundle.path / "config.json").read_bytes()
    ocipy("spec", cwd=bundle.path).refused("config.json")
    assert (bundle.path / "config.json").read_bytes() == before
