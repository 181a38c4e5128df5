"""run: create, start, wait and delete in one command."""

import os
import signal
import subprocess

import pytest
from support import host, requires
from support.runtime import reap


@pytest.mark.parametrize("code", [0, 1, 7, 126, 255])
def test_exit_code_is_the_programs(ocipy, bundle, code):
    assert ocipy.run(bundle, "sh", "-c", f"exit {code}").code == code


def test_exit_code_is_128_and_the_signal_that_ended_the_program(ocipy, bundle, scratch):
    bundle.write()
    id = ocipy.new_id()
    running = ocipy.spawn("run", "-b", bundle.args("sleep", "100").write().path, "--pid-file", scratch / "pid", id)
    host.wait_for(lambda: host.processes_of(id), "the container")
    host.wait_for(lambda: host.status(host.processes_of(id)[0])["Name"] == "sleep", "the program")
    ocipy("kill", id, "KILL").ok()
    assert running.wait(host.PATIENCE) == 137


def test_run_leaves_nothing(ocipy, bundle):
    id = ocipy.new_id()
    ocipy.run(bundle, "true", id=id).ok()
    assert host.cgsnap(id) == []
    assert host.statesnap(ocipy.root) == []
    assert reap() == []


def test_run_keep_leaves_a_stopped_container(ocipy, bundle):
    id = ocipy.new_id()
    assert ocipy.run(bundle, "sh", "-c", "exit 3", id=id, options=("--keep",)).code == 3
    assert '"status": "stopped"' in ocipy("state", id).ok().out
    ocipy("delete", id).ok()
    assert host.cgsnap(id) == []


@pytest.mark.parametrize("flag", ["--detach", "-d", "-detach", "--detach=true"])
def test_run_detach_returns_while_the_program_runs(ocipy, bundle, scratch, flag):
    id = ocipy.new_id()
    ocipy.run(bundle, "sleep", "100", id=id, options=(flag, "--pid-file", scratch / "pid")).ok()
    pid = int((scratch / "pid").read_text())
    assert host.status(pid)["Name"] == "sleep"
    assert host.status(pid)["PPid"] == str(os.getpid())
    assert '"status": "running"' in ocipy("state", id).ok().out


def test_standard_streams_are_the_callers(ocipy, bundle):
    result = ocipy.run(bundle, "sh", "-c", "tr a-z A-Z; echo problem >&2", input=b"text\n").ok()
    assert result.out == "TEXT\n"
    assert "problem" in result.err


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH])
def test_foreground_run_passes_signals_on(ocipy, bundle, number):
    script = f"trap 'echo got {number:d}; exit 9' {number:d}; echo ready; while :; do sleep 0.01; done"
    running = ocipy.spawn(
        "run", "-b", bundle.shell(script).write().path, ocipy.new_id(), stdout=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "ready\n"
    running.send_signal(number)
    assert running.stdout.read() == f"got {number:d}\n"
    assert running.wait(host.PATIENCE) == 9


def test_run_does_not_wait_for_processes_that_hold_the_output(ocipy, bundle):
    bundle.share("pid")
    result = ocipy.run(bundle, "sh", "-c", "setsid sleep 1000 & exit 4")
    assert result.code == 4
    # What is killed leaves its cgroup a moment before it is a zombie.
    host.wait_for(lambda: reap() == [], "the end of the other process")


def test_run_of_a_missing_program_fails_with_1_and_leaves_nothing(ocipy, bundle):
    assert ocipy.run(bundle, "no-such-program").refused("executable file not found").code == 1
    assert host.statesnap(ocipy.root) == []


def test_run_with_an_id_in_use_is_refused(ocipy, bundle):
    box = ocipy.create(bundle, "sleep", "100")
    ocipy.run(bundle, "true", id=box.id).refused("already exists")
    assert box.status() == "created"


@requires.ocipy_itself
def test_container_is_not_left_when_run_itself_is_told_to_end_during_a_hook(ocipy, bundle, scratch):
    hook = scratch / "hook"
    hook.write_text(f"#!/bin/sh\n: > {scratch}/reached\nsleep 0.5\n")
    hook.chmod(0o755)
    bundle.config["hooks"] = {"createRuntime": [{"path": str(hook)}]}
    id = ocipy.new_id()
    running = ocipy.spawn("run", "-b", bundle.args("true").write().path, id)
    host.wait_for((scratch / "reached").exists, "the hook")
    running.send_signal(signal.SIGINT)
    running.wait(host.PATIENCE)
    assert host.statesnap(ocipy.root) == []
    assert host.cgsnap(id) == []


def test_output_of_any_size_arrives_whole(ocipy, bundle):
    result = ocipy.run(bundle, "sh", "-c", "dd if=/dev/zero bs=1000 count=3000 2>/dev/null").ok()
    assert result.out == "\0" * 3_000_000


def test_closed_standard_streams_are_null_in_the_container(ocipy, bundle):
    """Else the first file that is opened would become the program's output."""
    closed = ["sh", "-c", 'exec "$@" 0<&- 1>&- 2>&-', "sh"]
    ocipy.run(bundle, "sh", "-c", "ls -l /proc/self/fd > /fds; echo lost", prefix=closed).ok()
    assert (bundle.rootfs / "fds").read_text().count("/dev/null") >= 2
