"""Containers in the background, from create to rm."""

from __future__ import annotations

import json

from harness import IMAGE, wait_until
from podman_caller import expect, podman

READY = "echo ready; while :; do sleep 0.1; done"


@podman.case
def detached_logs_stop_and_rm() -> None:
    name = podman.container()
    words = ["run", "--detach", "--name", name, *podman.options(), "sh", "-c", f"trap 'exit 5' TERM; {READY}"]
    podman.call(*words).expect(status=0)
    podman.wait_for_log(name, "ready\n")
    podman.call("stop", "--time", "30", name).expect(status=0)
    expect(podman.inspect(name, "{{.State.Status}} {{.State.ExitCode}}") == "exited 5", "not exited with 5")
    podman.call("rm", name).expect(status=0)


@podman.case
def large_output_is_in_the_log_whole() -> None:
    with podman.running("seq 1 200000; echo end >&2") as name:
        podman.call("wait", name).expect(0, "0")
        result = podman.call("logs", name)
        expect(result.output.splitlines() == [str(number) for number in range(1, 200001)], f"{len(result.output)}")
        expect(result.errors == "end\n", result.errors)


@podman.case
def last_lines_of_the_log() -> None:
    with podman.running("seq 1 100") as name:
        podman.call("wait", name).expect(0, "0")
        podman.call("logs", "--tail", "2", name).expect(0, "99\n100")


@podman.case
def created_then_started() -> None:
    name = podman.container()
    podman.call("create", "--name", name, *podman.options(), "echo", "hello").expect(status=0)
    expect(podman.inspect(name, "{{.State.Status}}") == "created", "not created")
    podman.call("start", "--attach", name).expect(0, "hello")
    podman.remove(name)


@podman.case
def initialised_then_started() -> None:
    name = podman.container()
    podman.call("create", "--name", name, *podman.options(), "echo", "hello").expect(status=0)
    podman.call("init", name).expect(status=0)
    expect(podman.inspect(name, "{{.State.Status}}") == "initialized", "not initialized")
    podman.call("start", "--attach", name).expect(0, "hello")
    podman.remove(name)


@podman.case
def initialised_then_removed() -> None:
    name = podman.container()
    podman.call("create", "--name", name, *podman.options(), "echo", "hello").expect(status=0)
    podman.call("init", name).expect(status=0)
    podman.remove(name)
    podman.call("ps", "--all", "--quiet").expect(0, "")


@podman.case
def stopped_container_is_started_again() -> None:
    with podman.running("echo run >> /runs; wc -l < /runs") as name:
        podman.call("wait", name).expect(0, "0")
        podman.call("start", "--attach", name).expect(0, "2")


@podman.case
def restart_makes_a_new_process() -> None:
    with podman.running("sleep 1000") as name:
        before = podman.inspect(name, "{{.State.Pid}}")
        podman.call("restart", "--time", "0", name).expect(status=0)
        status, pid = podman.inspect(name, "{{.State.Status}} {{.State.Pid}}").split()
        expect(status == "running" and pid != before, f"{status} {before} {pid}")


@podman.case
def restart_policy_restarts() -> None:
    with podman.running("echo run; exit 1", "--restart", "on-failure:2") as name:
        wait_until(lambda: podman.call("logs", name).output == "run\n" * 3, "three runs are in the log")


@podman.case
def stop_kills_what_ignores_TERM() -> None:
    with podman.running(f"trap '' TERM; {READY}") as name:
        podman.wait_for_log(name, "ready\n")
        podman.call("stop", "--time", "1", name).expect(status=0)
        expect(podman.inspect(name, "{{.State.ExitCode}}") == "137", podman.inspect(name, "{{.State.ExitCode}}"))


@podman.case
def stop_signal() -> None:
    with podman.running(f"trap 'exit 6' USR1; {READY}", "--stop-signal", "USR1") as name:
        podman.wait_for_log(name, "ready\n")
        podman.call("stop", "--time", "30", name).expect(status=0)
        expect(podman.inspect(name, "{{.State.ExitCode}}") == "6", podman.inspect(name, "{{.State.ExitCode}}"))


@podman.case
def kill_with_a_signal() -> None:
    with podman.running(f"trap 'echo got HUP' HUP; {READY}") as name:
        podman.wait_for_log(name, "ready\n")
        podman.call("kill", "--signal", "HUP", name).expect(status=0)
        podman.wait_for_log(name, "got HUP\n")


@podman.case
def kill_and_wait() -> None:
    with podman.running("sleep 1000") as name:
        podman.call("kill", name).expect(status=0)
        podman.call("wait", name).expect(0, "137")


@podman.case
def kill_of_a_stopped_container_is_refused() -> None:
    with podman.running("exit 0") as name:
        podman.call("wait", name).expect(0, "0")
        podman.call("kill", name).expect(125, errors="can only kill running containers")


@podman.case
def pause_and_unpause() -> None:
    with podman.running("sleep 1000") as name:
        podman.call("pause", name).expect(status=0)
        expect(podman.inspect(name, "{{.State.Status}}") == "paused", "not paused")
        podman.exec(name, "true").expect(255)
        podman.call("unpause", name).expect(status=0)
        expect(podman.inspect(name, "{{.State.Status}}") == "running", "not running")
        podman.exec(name, "true").expect(status=0)


@podman.case
def rm_of_a_running_container_needs_force() -> None:
    with podman.running("sleep 1000") as name:
        podman.call("rm", name).expect(2, errors="running")
    podman.call("ps", "--all", "--quiet").expect(0, "")


@podman.case
def rm_of_a_paused_container() -> None:
    with podman.running("sleep 1000") as name:
        podman.call("pause", name).expect(status=0)


@podman.case
def rm_ends_the_whole_container_that_shares_pids() -> None:
    with podman.running("sleep 4321 & setsid sleep 4321 & wait", "--pid", "host") as name:
        group = podman.cgroup(name)
        wait_until(lambda: len(podman.processes(group)) == 3, "three processes are in the cgroup")
    expect(not podman.processes(group), podman.processes(group))


@podman.case
def top_lists_the_processes() -> None:
    with podman.running("sleep 1234 & sleep 5678") as name:

        def programs() -> list[str]:
            lines = podman.call("top", name, "pid", "args").expect(status=0).output.splitlines()
            return sorted(line.split(None, 1)[1].strip() for line in lines[1:])

        # Until each is executed it is a shell, whose words are all of the script.
        wait_until(lambda: programs() == ["sleep 1234", "sleep 5678"], "the programs are listed")


@podman.case
def stats_once() -> None:
    with podman.running("sleep 1000") as name:
        line = podman.call("stats", "--no-stream", "--format", "{{.Name}} {{.PIDs}} {{.MemUsage}}", name)
        words = line.expect(status=0).output.split()
        expect(words[:2] == [name, "1"] and words[2] != "0B", words)


@podman.case
def ps_tells_names_and_status() -> None:
    with podman.running("sleep 1000") as name:
        line = podman.call("ps", "--format", "{{.Names}} {{.Image}} {{.Status}}").expect(status=0).output
        expect(line.startswith(f"{name} {IMAGE} Up"), line)


@podman.case
def inspect_tells_the_state() -> None:
    with podman.running("sleep 1000") as name:
        state = json.loads(podman.call("inspect", name).expect(status=0).output)[0]["State"]
        with open(f"/proc/{state['Pid']}/cmdline") as words:
            command = words.read()
        expect(state["Running"] and not state["Paused"] and "sleep" in command, f"{state} {command}")


@podman.case
def attach_gives_and_takes() -> None:
    name = podman.container()
    words = ["run", "--detach", "--interactive", "--name", name, *podman.options(), "sh", "-c", "read a; echo got $a"]
    podman.call(*words).expect(status=0)
    podman.call("attach", name, given="word\n").expect(0, "got word")
    podman.remove(name)


@podman.case
def healthcheck() -> None:
    flags = ("--health-cmd", "test -e /well", "--health-interval", "disable", "--health-retries", "1")
    with podman.running("sleep 1000", *flags) as name:
        podman.call("healthcheck", "run", name).expect(status=1)
        expect(podman.inspect(name, "{{.State.Health.Status}}") == "unhealthy", "not unhealthy")
        podman.exec(name, "touch", "/well").expect(status=0)
        podman.call("healthcheck", "run", name).expect(status=0)
        expect(podman.inspect(name, "{{.State.Health.Status}}") == "healthy", "not healthy")


@podman.case
def events_tell_of_the_life() -> None:
    with podman.running("exit 0") as name:
        podman.call("wait", name).expect(0, "0")
        words = ("events", "--stream=false", "--filter", f"container={name}", "--format", "{{.Status}}")
        told = podman.call(*words).expect(status=0).output.split()
        expect([word for word in told if word in ("create", "start", "died")] == ["create", "start", "died"], told)


@podman.case
def checkpoint_is_refused_clearly() -> None:
    with podman.running("sleep 1000") as name:
        podman.call("container", "checkpoint", name).expect(125, errors="heckpoint")
        expect(podman.inspect(name, "{{.State.Status}}") == "running", "not running")


@podman.case
def runtime_is_named_by_info() -> None:
    words = podman.call("info", "--format", "{{.Host.OCIRuntime.Path}} {{.Host.OCIRuntime.Version}}").expect(status=0)
    expect(podman.runtime in words.output and "version" in words.output, words.output)
