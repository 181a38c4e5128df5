"""Callers with docker's command line, and the cases that all of them share."""

from __future__ import annotations

from harness import IMAGE, Caller, Failure, Result, memory_limit_of, wait_until

# The command line gives the terminal its size when the container runs, and complains when it has ended by then.
SEES_ITS_TERMINAL = "until stty size 2>/dev/null | grep '^24 80'; do sleep 0.1; done; test -t 1 && echo on a terminal"


class Engine(Caller):
    """A caller that is called as docker is.

    `run_options` are those of every `run`; `rm_options` those that make `rm --force` kill at once.
    """

    run_options: tuple[str, ...] = ()
    rm_options: tuple[str, ...] = ()

    def options(self, *more: str) -> list[str]:
        return ["run", *self.run_options, *more, IMAGE]

    def run_container(self, *command: str, flags: tuple[str, ...] = (), given: str = "") -> Result:
        """A container in the foreground that is removed at its end."""
        return self.call(*self.options("--rm", *flags), *command, given=given)

    def run_detached(self, script: str, *flags: str) -> str:
        """A shell script in a container in the background. Gives the container's name."""
        name = self.container()
        self.call(*self.options("--detach", "--name", name, *flags), "sh", "-c", script).expect(status=0)
        return name

    def inspect(self, name: str, what: str) -> str:
        """What a template of Go says of a container."""
        return self.call("inspect", "--format", what, name).expect(status=0).output.strip()

    def remove(self, name: str) -> None:
        self.call("rm", "--force", *self.rm_options, name).expect(status=0)

    def cgroup(self, name: str) -> str:
        """The path of a container's cgroup below the mount point."""
        id = self.inspect(name, "{{.Id}}")
        return f"{self.parent}/docker-{id}.scope" if self.systemd else f"{self.parent}/{id}"

    def expect_memory_limit(self, name: str, limit: str) -> None:
        if (found := memory_limit_of(self.cgroup(name))) != limit:
            raise Failure(f"the cgroup has {found}")


def add_common_cases(engine: Engine) -> None:
    """The cases that every engine shall pass."""
    run, run_detached = engine.run_container, engine.run_detached

    @engine.case
    def output_and_exit_status_0() -> None:
        run("echo", "hello").expect(status=0, output="hello")

    @engine.case
    def exit_status_comes_back() -> None:
        run("sh", "-c", "exit 7").expect(status=7)

    @engine.case
    def error_output_is_kept_apart() -> None:
        run("sh", "-c", "echo good; echo bad >&2").expect(status=0, output="good", errors="bad")

    @engine.case
    def standard_input_reaches_the_container() -> None:
        run("cat", flags=("--interactive",), given="from outside").expect(status=0, output="from outside")

    @engine.case
    def command_is_PID_1() -> None:
        run("sh", "-c", "echo $$").expect(status=0, output="1")

    @engine.case
    def environment_and_working_directory() -> None:
        flags = ("--env", "WORD=x y", "--workdir", "/tmp")
        run("sh", "-c", "echo $WORD; pwd", flags=flags).expect(0, "x y\n/tmp")

    @engine.case
    def hostname_is_private() -> None:
        run("hostname", flags=("--hostname", "box")).expect(status=0, output="box")

    @engine.case
    def read_only_root() -> None:
        run("touch", "/file", flags=("--read-only",)).expect(status=1, errors="Read-only file system")

    @engine.case
    def bind_mount() -> None:
        with open(engine.path("word"), "w") as shared:
            shared.write("shared")
        run("cat", "/word", flags=("--volume", f"{engine.path('word')}:/word:ro")).expect(status=0, output="shared")

    @engine.case
    def user_by_number() -> None:
        run("id", "-u", flags=("--user", "65534:65534")).expect(status=0, output="65534")

    @engine.case
    def all_capabilities_dropped() -> None:
        script = "grep -c 'Cap[A-Z][a-z]*:.0*$' /proc/self/status"
        run("sh", "-c", script, flags=("--cap-drop", "all")).expect(status=0, output="5")

    @engine.case
    def seccomp_profile_is_the_default() -> None:
        script = "grep Seccomp: /proc/self/status; unshare --mount true 2>&1"
        denied = "Seccomp:\t2\nunshare: unshare(0x20000): Operation not permitted"
        run("sh", "-c", script).expect(status=1, output=denied)

    @engine.case
    def memory_limit() -> None:
        name = run_detached("sleep 1000", "--memory", "64m")
        engine.expect_memory_limit(name, "67108864")
        engine.remove(name)

    @engine.case
    def terminal() -> None:
        flags = engine.options("--rm", "--interactive", "--tty")
        engine.call_on_terminal(*flags, "sh", "-c", SEES_ITS_TERMINAL).expect(status=0, output="24 80\non a terminal")

    @engine.case
    def detached_logs_stop_and_rm() -> None:
        name = run_detached("trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done")
        wait_until(lambda: engine.call("logs", name).output == "ready\n", "the log shows the output")
        engine.call("stop", "--time", "30", name).expect(status=0)
        engine.call("inspect", "--format", "{{.State.Status}} {{.State.ExitCode}}", name).expect(0, "exited 5")
        engine.call("rm", name).expect(status=0)

    @engine.case
    def detached_kill_and_wait() -> None:
        name = run_detached("sleep 1000")
        engine.call("kill", "--signal", "KILL", name).expect(status=0)
        engine.call("wait", name).expect(status=0, output="137")
        engine.call("rm", name).expect(status=0)

    @engine.case
    def update_of_the_memory_limit() -> None:
        name = run_detached("sleep 1000", "--memory", "64m")
        engine.call("update", "--memory", "128m", name).expect(status=0)
        engine.expect_memory_limit(name, "134217728")
        engine.remove(name)

    @engine.case
    def pause_and_unpause() -> None:
        name = run_detached("sleep 1000")
        engine.call("pause", name).expect(status=0)
        engine.call("inspect", "--format", "{{.State.Status}}", name).expect(0, "paused")
        engine.call("unpause", name).expect(status=0)
        engine.call("inspect", "--format", "{{.State.Status}}", name).expect(0, "running")
        engine.remove(name)

    @engine.case
    def force_rm_of_a_running_container() -> None:
        engine.remove(run_detached("sleep 1000"))
        engine.call("ps", "--all", "--quiet").expect(status=0, output="")

    @engine.case
    def missing_program_is_127() -> None:
        run("nosuch").expect(status=127, errors="nosuch").expect(errors="not found in $PATH")

    @engine.case
    def program_that_may_not_run_is_126() -> None:
        run("/etc/passwd").expect(status=126, errors="ermission denied")
