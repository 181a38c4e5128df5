"""Running one hook: real programs, no root."""

import os
import stat
import time

import pytest

from ocipy.errors import OcipyError
from ocipy.init.hooks import run_hook, with_pid
from ocipy.linux.proc import start_time


@pytest.fixture
def script(tmp_path):
    def make(text):
        path = tmp_path / "hook"
        path.write_text(f"#!/bin/sh\n{text}\n")
        path.chmod(stat.S_IRWXU)
        return str(path)

    return make


def run(path, *, args=(), env=None, timeout=None, state="{}"):
    run_hook("hooks.poststart[0]", "poststart", path, tuple(args), env, timeout, state=state)


def test_state_is_on_stdin_whole_however_long(script, tmp_path):
    state = '{"a":"' + "x" * 300_000 + '"}'
    run(script(f"cat > {tmp_path}/out"), state=state)
    assert (tmp_path / "out").read_text() == state


def test_hook_need_not_read_its_stdin(script):
    run(script("exit 0"), state="x" * 300_000)


def test_arguments_are_argv_and_the_path_when_absent(script, tmp_path):
    run(script(f'echo "$0 $1" > {tmp_path}/out'), args=["name", "one"])
    assert (tmp_path / "out").read_text().split()[-1] == "one"


def test_given_env_is_the_whole_environment(script, tmp_path, monkeypatch):
    monkeypatch.setenv("LEAK", "yes")
    run(script(f"/usr/bin/env > {tmp_path}/out"), env=("ONLY=1",))
    text = (tmp_path / "out").read_text()
    assert "ONLY=1" in text
    assert "LEAK" not in text


def test_failing_hook_is_named_with_its_output(script):
    path = script("echo why >&2; exit 3")
    with pytest.raises(OcipyError) as caught:
        run(path)
    assert str(caught.value) == f"hooks.poststart[0]: poststart hook {path}: exit status 3, output: why"


def test_hook_that_was_killed_is_named_with_the_signal(script):
    with pytest.raises(OcipyError, match="signal 9"):
        run(script("kill -9 $$"))


def test_missing_hook_is_an_error_that_names_it(tmp_path):
    with pytest.raises(OcipyError, match="No such file"):
        run(str(tmp_path / "absent"))


def test_timeout_kills_the_whole_process_group(script, tmp_path):
    path = script(f"sleep 1000 & echo $! > {tmp_path}/pid; wait")
    with pytest.raises(OcipyError, match="did not end within 1 s") as caught:
        run(path, timeout=1)
    assert caught.value.property == "hooks.poststart[0].timeout"
    pid = int((tmp_path / "pid").read_text())
    for _ in range(100):
        if start_time(pid) is None:
            return
        time.sleep(0.02)
    raise AssertionError(f"process {pid} survived its group")


def test_grandchild_that_keeps_the_output_open_is_not_waited_for(script, tmp_path):
    begun = time.monotonic()
    run(script(f"setsid sleep 5 & echo $! > {tmp_path}/pid; echo some output; exit 0"))
    try:
        os.kill(int((tmp_path / "pid").read_text()), 9)
    except ProcessLookupError:
        raise AssertionError("the hook's end was not noticed before its grandchild's") from None
    assert begun


def test_descriptors_are_not_left_open(script):
    before = set(os.listdir("/proc/self/fd"))
    run(script("cat"), state="x")
    assert set(os.listdir("/proc/self/fd")) == before


def test_pid_is_added_to_the_state():
    assert with_pid('{"id":"a"}', 7) == '{"id":"a","pid":7}'
