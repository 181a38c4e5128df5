"""podman exec."""

from __future__ import annotations

from harness import wait_until
from podman_caller import expect, podman

SLEEP = "sleep 1000"


@podman.case
def exec_output_and_exit_status() -> None:
    with podman.running(SLEEP) as name:
        podman.exec(name, "sh", "-c", "echo out; echo err >&2; exit 9").expect(9, "out", "err")


@podman.case
def exec_ended_by_a_signal() -> None:
    with podman.running(SLEEP) as name:
        podman.exec(name, "sh", "-c", "kill -KILL $$").expect(status=137)


@podman.case
def exec_input_of_4_MiB() -> None:
    with podman.running(SLEEP) as name:
        podman.exec(name, "wc", "-c", flags=("--interactive",), given="x" * (4 << 20)).expect(0, str(4 << 20))


@podman.case
def exec_on_a_terminal() -> None:
    with podman.running(SLEEP) as name:
        words = ("--interactive", "--tty", name, "sh", "-c", "test -t 0 && tty")
        podman.call_on_terminal("exec", *words).expect(0, "/dev/pts/0")


@podman.case
def exec_user_directory_and_environment() -> None:
    with podman.running(SLEEP, "--env", "ONE=1") as name:
        flags = ("--user", "65534", "--workdir", "/tmp", "--env", "TWO=2")
        podman.exec(name, "sh", "-c", "id -u; pwd; echo $ONE $TWO", flags=flags).expect(0, "65534\n/tmp\n1 2")


@podman.case
def exec_has_the_containers_capabilities() -> None:
    with podman.running(SLEEP, "--cap-drop", "all", "--cap-add", "chown") as name:
        script = "grep -E 'CapEff|CapBnd|NoNewPrivs|Seccomp:' /proc/{}/status"
        first = podman.exec(name, "sh", "-c", script.format(1)).expect(status=0).output
        podman.exec(name, "sh", "-c", script.format("self")).expect(0, first.strip())
        expect("CapEff:\t0000000000000001" in first, first)


@podman.case
def exec_privileged() -> None:
    with podman.running(SLEEP, "--cap-drop", "all") as name:
        privileged = podman.exec(name, "grep", "CapEff", "/proc/self/status", flags=("--privileged",)).expect(status=0)
        expect(int(privileged.output.split()[1], 16).bit_count() > 30, privileged.output)


@podman.case
def exec_detached() -> None:
    with podman.running(SLEEP) as name:
        podman.exec(name, "sh", "-c", "echo done > /file", flags=("--detach",)).expect(status=0)
        wait_until(lambda: podman.exec(name, "cat", "/file").output == "done\n", "the file is there")


@podman.case
def exec_of_a_missing_program_is_127() -> None:
    with podman.running(SLEEP) as name:
        podman.exec(name, "nosuch").expect(127, errors="not found in $PATH")
        podman.exec(name, "true").expect(status=0)


@podman.case
def exec_of_a_program_that_may_not_run_is_126() -> None:
    with podman.running(SLEEP) as name:
        podman.exec(name, "/etc/passwd").expect(126, errors="ermission denied")


@podman.case
def exec_in_a_missing_directory_is_refused() -> None:
    with podman.running(SLEEP) as name:
        result = podman.exec(name, "true", flags=("--workdir", "/nosuch"))
        expect(result.status in (126, 127), f"{result.status} {result.errors}")


@podman.case
def exec_in_a_stopped_container_is_refused() -> None:
    with podman.running("exit 0") as name:
        podman.call("wait", name).expect(0, "0")
        podman.exec(name, "true").expect(255, errors="can only create exec sessions on running containers")


@podman.case
def exec_further_descriptors() -> None:
    path = podman.write("preserved-exec", "kept open")
    with podman.running(SLEEP) as name:
        command = [*podman.base, "exec", "--preserve-fds", "1", name, "sh", "-c", "cat <&3"]
        script = 'file=$1; shift; exec 3<"$file"; exec "$@"'
        podman.command("sh", "-c", script, "sh", path, *command).expect(0, "kept open")


@podman.case
def exec_joins_the_cgroup() -> None:
    with podman.running(SLEEP, "--cgroupns", "host") as name:
        podman.exec(name, "cmp", "/proc/1/cgroup", "/proc/self/cgroup").expect(0, "")


@podman.case
def exec_many_one_after_the_other() -> None:
    with podman.running(SLEEP) as name:
        for number in range(5):
            podman.exec(name, "echo", str(number)).expect(0, str(number))
