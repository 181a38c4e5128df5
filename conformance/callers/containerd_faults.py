"""Cases of `containerd`: what breaks in the life of a container, and must leave nothing broken behind."""

from __future__ import annotations

import os
import signal

from containerd_daemon import (
    await_file,
    caller,
    expect_end,
    expect_nothing_left,
    expect_running,
    is_alive,
    is_task,
    pid_of,
    processes,
    remove,
    run_detached,
    shim_socket,
    shims,
    start_daemon,
    stop_daemon,
    tasks,
)
from harness import Failure, let_go, wait_until


def kill_shim(name: str) -> None:
    (shim,) = shims({name})
    os.kill(shim, signal.SIGKILL)


def expect_cleaned_up(name: str, *pids: int) -> None:
    """Raise Failure unless containerd, whose shim is dead, has removed all of the task with the runtime's help."""
    wait_until(lambda: name not in tasks(), "containerd knows of no task")
    expect_nothing_left(name, *pids)
    for pid in pids:
        reap(pid)
    caller.call("container", "delete", name).expect(status=0)
    shim_socket(name).unlink(missing_ok=True)


def reap(pid: int) -> None:
    """Wait for a dead process: the children of a shim that was killed are ours, as far as they are no one else's."""
    try:
        os.waitpid(pid, 0)
    except ChildProcessError:
        pass


@caller.case
def checkpoint_is_refused_and_the_container_runs_on() -> None:
    name = run_detached("sleep 1000")
    for flags in (), ("--image-path", caller.path("images")):
        refused = caller.call("task", "checkpoint", *flags, name).expect(status=1)
        if not any(word in refused.errors for word in ("CRIU", "command checkpoint", "checkpoint is not supported")):
            raise Failure(f"errors {refused.errors!r}")
        expect_running(name)
    remove(name)
    expect_nothing_left(name)


@caller.case
def container_whose_shim_is_killed_is_removed() -> None:
    name = run_detached("sleep 1000 & sleep 1001 & wait")
    pid = pid_of(name)
    kill_shim(name)
    expect_cleaned_up(name, pid)


@caller.case
def paused_container_whose_shim_is_killed_is_removed() -> None:
    name = run_detached("sleep 1000")
    pid = pid_of(name)
    caller.call("task", "pause", name).expect(status=0)
    kill_shim(name)
    expect_cleaned_up(name, pid)


@caller.case
def container_in_anothers_PID_namespace_whose_shim_is_killed_is_removed() -> None:
    other = run_detached("sleep 1000")
    shared = ("--with-ns", f"pid:/proc/{pid_of(other)}/ns/pid")
    name = run_detached("sleep 1001 & touch /ready; wait", *shared)
    await_file(name, "/ready")
    pids = [int(line.split()[0]) for line in processes(name)]
    kill_shim(name)
    expect_cleaned_up(name, *pids)
    expect_running(other)
    remove(other)


@caller.case
def shim_killed_while_containerd_is_down() -> None:
    name = run_detached("sleep 1000")
    pid = pid_of(name)
    stop_daemon()
    kill_shim(name)
    start_daemon()
    expect_cleaned_up(name, pid)


@caller.case
def containers_outlive_containerd() -> None:
    running = run_detached("trap 'exit 5' TERM; touch /ready; while :; do sleep 0.1; done")
    paused = run_detached("sleep 1000")
    ended = run_detached("until test -e /go; do sleep 0.1; done; exit 6")
    await_file(running, "/ready")
    caller.call("task", "pause", paused).expect(status=0)
    before = {name: pid for name, (pid, _) in tasks().items()}
    stop_daemon()
    let_go(before[ended])
    wait_until(lambda: not is_alive(before[ended]), "the command has ended")
    start_daemon()
    if {name: pid for name, (pid, _) in tasks().items()} != before or not is_task(paused, "PAUSED"):
        raise Failure(f"before {before}, now {tasks()}")
    expect_end(ended, 6)
    expect_running(running)
    caller.call("task", "kill", running).expect(status=0)
    expect_end(running, 5)
    caller.call("task", "resume", paused).expect(status=0)
    expect_running(paused)
    remove(paused)
    for name, pid in before.items():
        expect_nothing_left(name, pid)
