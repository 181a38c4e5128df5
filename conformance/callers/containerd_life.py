"""Cases of `containerd`: the life of a task, from `ctr run` to its removal, and what is told about it."""

from __future__ import annotations

import concurrent.futures
import contextlib
import json
import pathlib
import subprocess

from containerd_daemon import (
    await_file,
    caller,
    exec_options,
    execute,
    expect_end,
    expect_nothing_left,
    expect_running,
    in_root,
    is_task,
    options,
    pid_of,
    processes,
    remove,
    run,
    run_detached,
    tasks,
)
from harness import IMAGE, TWICE_TOO_MUCH, VERSION_2, Failure, let_go, run_out_of_memory, wait_until

MANY = 20  # containers at once
STAYS = "trap 'touch /term' TERM; trap 'touch /usr1' USR1; touch /ready; while :; do sleep 0.1; done"


@caller.case
def output_and_exit_status_0() -> None:
    run("echo", "hello").expect(status=0, output="hello")


@caller.case
def exit_status_comes_back() -> None:
    run("sh", "-c", "exit 7").expect(status=7)


@caller.case
def error_output_is_kept_apart() -> None:
    run("sh", "-c", "echo good; echo bad >&2").expect(status=0, output="good", errors="bad")


@caller.case
def standard_input_reaches_the_container() -> None:
    # One line: this ctr does not tell the container of the end of its input.
    run("head", "-n", "1", given="from outside\n").expect(status=0, output="from outside")


@caller.case
def command_is_PID_1() -> None:
    run("sh", "-c", "echo $$").expect(status=0, output="1")


@caller.case
def missing_program_is_named() -> None:
    run("nosuch").expect(status=1, errors="not found in $PATH")


@caller.case
def terminal() -> None:
    script = "test -t 0 && test -t 1 && echo on a terminal && read line"
    command = [*options(caller.container(), "--rm", "--tty"), "sh", "-c", script]
    caller.call_on_terminal(*command, then=("on a terminal", "\n")).expect(status=0, output="on a terminal")


@caller.case
def terminal_has_the_size_of_the_callers() -> None:
    script = "until stty size 2>/dev/null | grep '^33 101$'; do sleep 0.1; done; read line"
    command = [*options(caller.container(), "--rm", "--tty"), "sh", "-c", script]
    caller.call_on_terminal(*command, then=("33 101", "\n"), size=(33, 101)).expect(status=0, output="33 101")


@caller.case
def attach_gives_the_output_and_the_exit_status() -> None:
    name = run_detached("until test -e /go; do echo waiting; sleep 0.1; done; echo late; exit 6")
    with subprocess.Popen([*caller.base, "task", "attach", name], stdout=subprocess.PIPE, text=True) as attached:
        assert attached.stdout
        first = attached.stdout.readline()
        let_go(pid_of(name))
        rest = attached.stdout.read()
    caller.call("container", "delete", name).expect(status=0)  # attach has deleted the task
    if first != "waiting\n" or not rest.endswith("late\n") or attached.returncode != 6:
        raise Failure(f"{first!r}, then {rest!r}, exit status {attached.returncode}")


@caller.case
def attach_to_a_terminal() -> None:
    name = caller.container()
    script = "read line; echo got $line; read line; exit 6"
    caller.call_on_terminal(*options(name, "--detach", "--tty"), "sh", "-c", script).expect(status=0)
    result = caller.call_on_terminal("task", "attach", name, typed="a word\n", then=("got a word", "\n"))
    caller.call("container", "delete", name).expect(status=0)
    if result.status != 6 or "got a word" not in result.output:
        raise Failure(f"exit status {result.status}, output {result.output!r}")


@caller.case
def detached_kill_and_delete() -> None:
    name = run_detached("sleep 1000")
    pid = pid_of(name)
    caller.call("task", "kill", "--signal", "SIGKILL", name).expect(status=0)
    expect_end(name, 137)
    expect_nothing_left(name, pid)


@caller.case
def signal_reaches_the_command() -> None:
    name = run_detached("trap 'exit 5' TERM; touch /ready; while :; do sleep 0.1; done")
    await_file(name, "/ready")
    caller.call("task", "kill", name).expect(status=0)
    expect_end(name, 5)


@caller.case
def signals_by_name_and_number() -> None:
    name = run_detached(STAYS)
    await_file(name, "/ready")
    for given in "SIGUSR1", "USR1", "10", "SIGTERM", "TERM", "15":
        made = pathlib.Path(in_root(name, "/term" if given in ("SIGTERM", "TERM", "15") else "/usr1"))
        caller.call("task", "kill", "--signal", given, name).expect(status=0)
        wait_until(made.exists, f"the trap of {given}")
        made.unlink()
    caller.call("task", "kill", "--signal", "9", name).expect(status=0)
    expect_end(name, 137)


@caller.case
def kill_all_reaches_every_process() -> None:
    name = run_detached("trap : TERM; sleep 1000 & sleep 1001 & wait; wait; exec sleep 1002")
    wait_until(lambda: programs(name) == ["sh", "sleep", "sleep"], "three programs")
    caller.call("task", "kill", "--all", name).expect(status=0)
    wait_until(lambda: programs(name) == ["sleep"], "the children are gone")
    remove(name)


def programs(name: str) -> list[str]:
    """The programs that a container's processes run, sorted."""
    found = []
    for line in processes(name):
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):  # It has ended meanwhile.
            found.append(pathlib.Path("/proc", line.split()[0], "comm").read_text().strip())
    return sorted(found)


@caller.case
def kill_of_a_stopped_task_says_so() -> None:
    name = run_detached("exit 3")
    wait_until(lambda: is_task(name, "STOPPED"), "the task is stopped")
    caller.call("task", "kill", name).expect(status=1, errors="process already finished: not found")
    expect_end(name, 3)


@caller.case
def children_end_with_the_command_in_anothers_PID_namespace() -> None:
    other = run_detached("sleep 1000")
    shared = ("--with-ns", f"pid:/proc/{pid_of(other)}/ns/pid")
    name = run_detached("sleep 1001 & sleep 1002 & wait", *shared)
    wait_until(lambda: programs(name) == ["sh", "sleep", "sleep"], "three programs")
    pids = [int(line.split()[0]) for line in processes(name)]
    caller.call("task", "kill", "--signal", "KILL", name).expect(status=0)
    expect_end(name, 137)
    expect_nothing_left(name, *pids)
    expect_running(other)
    remove(other)


@caller.case
def pause_and_resume() -> None:
    name = run_detached("sleep 1000")
    caller.call("task", "pause", name).expect(status=0)
    wait_until(lambda: is_task(name, "PAUSED"), "the task is paused")
    caller.call("task", "pause", name).expect(status=1, errors="paused")
    execute(name, "true").expect(status=1, errors="paused")
    caller.call("task", "resume", name).expect(status=0)
    expect_running(name)
    caller.call("task", "resume", name).expect(status=1, errors="running")
    remove(name)


@caller.case
def processes_of_a_task() -> None:
    name = run_detached("sleep 1000 & sleep 1001 & wait")
    wait_until(lambda: len(processes(name)) == 3, "three processes")
    remove(name)


@caller.case
def metrics_are_those_of_the_containers_cgroup() -> None:
    name = run_detached("touch /ready; sleep 1000", "--memory-limit", "67108864")
    await_file(name, "/ready")
    told = json.loads(caller.call("task", "metrics", "--format", "json", name).expect(status=0).output)
    memory, pids = told["memory"], told["pids"]
    limit = memory["usage_limit"] if VERSION_2 else memory["usage"]["limit"]
    remove(name)
    if int(limit) != 67108864 or not 1 <= int(pids["current"]) <= 2:
        raise Failure(f"limit {limit}, pids {pids}")


@caller.case
def events_of_a_task() -> None:
    with Events() as events:
        name = run_detached("sleep 1000")
        caller.call(*exec_options(name), "true").expect(status=0)
        caller.call("task", "pause", name).expect(status=0)
        caller.call("task", "resume", name).expect(status=0)
        caller.call("task", "kill", "--signal", "SIGKILL", name).expect(status=0)
        expect_end(name, 137)
        wanted = ["create", "start", "exec-added", "exec-started", "exit", "paused", "resumed", "exit", "delete"]
        wait_until(lambda: "delete" in events.of(name), "the event of the deletion")
        if events.of(name) != wanted:
            raise Failure(f"events {events.of(name)}")


@caller.case
def lack_of_memory_is_an_event() -> None:
    with Events() as events:
        name = run_detached(TWICE_TOO_MUCH, "--memory-limit", "16777216")
        run_out_of_memory(pid_of(name), lambda: "oom" in events.of(name))
        expect_end(name, 137)


class Events:
    """`ctr events` in the background."""

    def __enter__(self) -> Events:
        self.path = pathlib.Path(caller.path("events"))
        with open(self.path, "w") as file:
            self.process = subprocess.Popen([*caller.base, "events"], stdout=file)
        name = caller.container()
        caller.call("container", "create", "--snapshotter", "native", IMAGE, name).expect(status=0)

        def is_heard() -> bool:
            caller.call("container", "label", name, "listening=yes").expect(status=0)
            return self.path.stat().st_size > 0

        wait_until(is_heard, "ctr events listens")
        caller.call("container", "delete", name).expect(status=0)
        return self

    def __exit__(self, *_: object) -> None:
        self.process.kill()
        self.process.wait()

    def of(self, name: str) -> list[str]:
        """The events of one task until now, in order, without /tasks/."""
        lines = [line.split(maxsplit=6) for line in self.path.read_text().splitlines() if name in line]
        topics = [next(word for word in line if word.startswith("/")) for line in lines]
        return [topic.removeprefix("/tasks/") for topic in topics if topic.startswith("/tasks/")]


@caller.case
def force_delete_of_a_running_task() -> None:
    name = run_detached("sleep 1000")
    pid = pid_of(name)
    caller.call("task", "delete", "--force", name)
    if name in tasks():
        raise Failure("the task is still there")
    caller.call("container", "delete", name).expect(status=0)
    expect_nothing_left(name, pid)


@caller.case
def container_is_started_again() -> None:
    name = run_detached("echo x >> /file; exit $(grep -c x /file)")
    wait_until(lambda: is_task(name, "STOPPED"), "the task is stopped")
    caller.call("task", "delete", name).expect(errors="exit code 1")
    caller.call("task", "start", "--fifo-dir", caller.path("fifo"), name).expect(status=2)
    caller.call("container", "delete", name).expect(status=0)
    expect_nothing_left(name)


@caller.case
def many_containers_at_once() -> None:
    scripts = [f"trap 'exit {number}' TERM; touch /ready; while :; do sleep 1; done" for number in range(1, MANY + 1)]
    with concurrent.futures.ThreadPoolExecutor(MANY) as pool:
        names = list(pool.map(run_detached, scripts))
        for name in names:
            await_file(name, "/ready")
        running = {name: pid for name, (pid, status) in tasks().items() if name in names and status == "RUNNING"}
        list(pool.map(lambda name: caller.call("task", "kill", name).expect(status=0), names))
        wait_until(lambda: {tasks()[name][1] for name in names} == {"STOPPED"}, "all are stopped")
        list(pool.map(expect_end, names, range(1, MANY + 1)))
    if sorted(running) != sorted(names):
        raise Failure(f"running: {len(running)}")
    for name, pid in running.items():
        expect_nothing_left(name, pid)
