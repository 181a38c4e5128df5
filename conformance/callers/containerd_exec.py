"""Cases of `containerd`: further processes in a running container, by `ctr task exec`."""

from __future__ import annotations

import concurrent.futures
import pathlib
from collections.abc import Iterator
from contextlib import contextmanager

from containerd_daemon import (
    await_file,
    caller,
    exec_options,
    execute,
    expect_end,
    expect_running,
    is_alive,
    pid_of,
    processes,
    remove,
    run_detached,
)
from harness import Failure, wait_until

AT_ONCE = 10  # commands in one container
NOBODY = "uid=65534(nobody) gid=65534(nobody) groups=65534(nobody)"


@contextmanager
def container(script: str = "sleep 1000", *flags: str) -> Iterator[str]:
    """A running container, with which nothing is wrong afterwards."""
    name = run_detached(script, *flags)
    yield name
    expect_running(name)
    if len(processes(name)) != 1:
        raise Failure(f"processes: {processes(name)}")
    remove(name)


@caller.case
def exec_gives_output_errors_and_exit_status() -> None:
    with container() as name:
        execute(name, "sh", "-c", "echo good; exit 7").expect(status=7, output="good")
        execute(name, "sh", "-c", "echo bad >&2; exit 8").expect(status=8, output="", errors="bad")


@caller.case
def exec_takes_standard_input() -> None:
    with container() as name:
        execute(name, "head", "-n", "1", given="from outside\n").expect(status=0, output="from outside")


@caller.case
def exec_sees_the_containers_processes_files_and_environment() -> None:
    with container("touch /made; sleep 1000", "--env", "WORD=x y", "--cwd", "/tmp") as name:
        await_file(name, "/made")
        script = "pidof sleep; ls /made; echo $WORD; pwd"
        execute(name, "sh", "-c", script).expect(status=0, output="1\n/made\nx y\n/tmp")


@caller.case
def exec_in_another_directory() -> None:
    with container() as name:
        execute(name, "pwd", flags=("--cwd", "/etc")).expect(status=0, output="/etc")


@caller.case
def exec_as_another_user() -> None:
    with container() as name:
        execute(name, "id", flags=("--user", "nobody")).expect(0, NOBODY)
        execute(name, "id", "-u", flags=("--user", "1000:1000")).expect(status=0, output="1000")


@caller.case
def exec_on_a_terminal() -> None:
    with container() as name:
        script = "until stty size 2>/dev/null | grep '^33 101$'; do sleep 0.1; done; tty; read line; exit 7"
        command = [*exec_options(name, "--tty"), "sh", "-c", script]
        result = caller.call_on_terminal(*command, then=("/dev/pts/0", "\n"), size=(33, 101))
        result.expect(status=7, output="33 101\n/dev/pts/0")


@caller.case
def exec_of_a_missing_program_is_named() -> None:
    with container() as name:
        execute(name, "nosuch").expect(status=1, errors="not found in $PATH")
        execute(name, "/nosuch").expect(status=1, errors="o such file or directory")
        execute(name, "/etc/passwd").expect(status=1, errors="ermission denied")


@caller.case
def exec_detached_is_listed_killed_and_deleted() -> None:
    with container() as name:
        command = exec_options(name, "--detach")
        identifier = command[command.index("--exec-id") + 1]
        caller.call(*command, "sleep", "1001").expect(status=0)
        if len(listed := processes(name)) != 2 or not any(identifier in line for line in listed):
            raise Failure(f"processes: {listed}")
        caller.call("task", "kill", "--exec-id", identifier, "--signal", "KILL", name).expect(status=0)
        wait_until(lambda: len(processes(name)) == 1, "the command is gone")
        caller.call("task", "delete", "--exec-id", identifier, name).expect(status=137)


@caller.case
def exec_ends_with_the_container() -> None:
    name = run_detached("sleep 1000")
    caller.call(*exec_options(name, "--detach"), "sh", "-c", "touch /ready; sleep 1001").expect(status=0)
    await_file(name, "/ready")
    pid, other = pid_of(name), int(processes(name)[-1].split()[0])
    caller.call("task", "kill", "--signal", "KILL", name).expect(status=0)
    expect_end(name, 137)
    if is_alive(pid) or is_alive(other):
        raise Failure("a process is left")


@caller.case
def exec_of_many_at_once() -> None:
    with container() as name, concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        scripts = [f"echo {number}; exit {number}" for number in range(AT_ONCE)]
        for number, result in enumerate(pool.map(lambda script: execute(name, "sh", "-c", script), scripts)):
            result.expect(status=number, output=str(number))


@caller.case
def exec_in_a_user_namespace() -> None:
    mapping = ("--uidmap", "0:100000:65536", "--gidmap", "0:100000:65536")
    with container("sleep 1000", *mapping) as name:
        execute(name, "sh", "-c", "id -u; cat /proc/self/uid_map | tr -s ' '").expect(0, "0\n 0 100000 65536")
        if (owner := pathlib.Path(f"/proc/{pid_of(name)}").stat().st_uid) != 100000:
            raise Failure(f"runs as {owner}")
