"""The measurements: time and peak memory of each verb, memory of a container that waits for `start`."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import time
from dataclasses import dataclass, field

from runtimes import ENVIRONMENT, INTERPRETER, Runtime

RUNS = ("run", "run, seccomp")
VERBS = ("create", "start", "state", "kill", "delete")
BARE = "interpreter"
SAMPLES_PER_ROUND = 5

# A process counts as its own the peak of the memory it was forked from, up to its execve. This program's is larger
# than some runtimes', a shell's is not; and whatever the shell leaves behind becomes this program's child.
SMALL_PARENT = ["/bin/busybox", "sh", "-c", '"$@" >/dev/null 2>&1 & echo $!', "sh"]


@dataclass
class Figures:
    """Samples in order: `milliseconds[verb][name][round]`, `peak_kib[verb][name]`, `waiting_kib[name]`.

    The same index means the same moment: ratios are taken round by round, so that drift of the machine hits all alike.
    """

    milliseconds: dict[str, dict[str, list[float]]] = field(default_factory=dict)
    peak_kib: dict[str, dict[str, int]] = field(default_factory=dict)
    waiting_kib: dict[str, dict[str, int]] = field(default_factory=dict)

    def add_time(self, verb: str, name: str, milliseconds: float) -> None:
        self.milliseconds.setdefault(verb, {}).setdefault(name, []).append(milliseconds)

    def add_peak(self, verb: str, name: str, kib: int) -> None:
        seen = self.peak_kib.setdefault(verb, {})
        seen[name] = max(kib, seen.get(name, 0))


class Failed(Exception):
    """A command that is to be measured did not succeed."""


def succeed(command: list[str], status: int) -> None:
    """Raise Failed for the wait status of a command that did not exit with 0."""
    if status:
        raise Failed(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")


class Bench:
    """One bundle for `run`, one for the lifecycle, and the containers that exist at the moment."""

    def __init__(self, runtimes: list[Runtime], directory: str) -> None:
        self.runtimes = runtimes
        self.directory = directory
        self.figures = Figures()
        self.containers: dict[str, tuple[Runtime, int]] = {}
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.null = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]

    def identifier(self, runtime: Runtime) -> str:
        return f"ocipy-bench-{os.getpid()}-{runtime.name}"

    def commands(self, runtime: Runtime) -> dict[str, list[str]]:
        """The command line of each verb."""
        name = self.identifier(runtime)
        return {
            "run": runtime.command("run", "--bundle", f"{self.directory}/true", name),
            "run, seccomp": runtime.command("run", "--bundle", f"{self.directory}/seccomp", name),
            "create": runtime.command(
                "create", "--bundle", f"{self.directory}/sleep", "--pid-file", f"{self.directory}/pid", name
            ),
            "start": runtime.command("start", name),
            "state": runtime.command("state", name),
            "kill": runtime.command("kill", name, "KILL"),
            "delete": runtime.command("delete", name),
        }

    def timed(self, command: list[str]) -> float:
        """Milliseconds from before the spawn of a command until it has been waited for."""
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        pid = os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=self.null)
        _, status = os.waitpid(pid, 0)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        succeed(command, status)
        return (after - before) / 1e6

    def peak(self, command: list[str]) -> int:
        """The peak resident memory of a command and of the processes it waited for, in KiB."""
        with subprocess.Popen([*SMALL_PARENT, *command], stdout=subprocess.PIPE, env=ENVIRONMENT) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.read())
        _, status, usage = os.wait4(pid, 0)
        succeed(command, status)
        return usage.ru_maxrss

    def settle(self, verb: str, runtime: Runtime) -> None:
        """What has to be over before the next verb is measured."""
        name = self.identifier(runtime)
        if verb == "create":
            with open(f"{self.directory}/pid") as pid_file:
                self.containers[name] = runtime, int(pid_file.read())
        elif verb == "kill":
            os.waitpid(self.containers[name][1], 0)
        elif verb == "delete":
            del self.containers[name]

    def cycle(self, number: int, record: bool = True) -> None:
        """Take one container of each runtime through its life, verb by verb in turn."""
        turn = number % len(self.runtimes)
        order = self.runtimes[turn:] + self.runtimes[:turn]
        total = dict.fromkeys((runtime.name for runtime in order), 0.0)
        for verb in VERBS:
            bare = self.timed(INTERPRETER)
            for runtime in order:
                with runtime.at_home():
                    spent = self.timed(self.commands(runtime)[verb])
                self.settle(verb, runtime)
                total[runtime.name] += spent
                if record:
                    self.figures.add_time(verb, runtime.name, spent)
            if record:
                self.figures.add_time(verb, BARE, bare)
        if record:
            for name, spent in total.items():
                self.figures.add_time("sum", name, spent)

    def run_round(self, number: int) -> None:
        """One round of `run`: a few samples of each runtime by hyperfine; their median is the round's figure."""
        commands: list[tuple[str, str, Runtime | None, list[str]]] = [("run", BARE, None, INTERPRETER)]
        for verb in RUNS:
            commands += [(verb, runtime.name, runtime, self.commands(runtime)[verb]) for runtime in self.runtimes]
        turn = number % len(commands)
        for verb, name, runtime, command in commands[turn:] + commands[:turn]:
            if runtime is None:
                self.figures.add_time(verb, name, self.hyperfine(command))
                continue
            with runtime.at_home():
                self.figures.add_time(verb, name, self.hyperfine(command))

    def hyperfine(self, command: list[str]) -> float:
        """The median of a few samples, in milliseconds."""
        export = f"{self.directory}/hyperfine.json"
        options = ["-N", "--style", "none", "--warmup", "1", "--runs", str(SAMPLES_PER_ROUND), "--export-json", export]
        done = subprocess.run(
            ["hyperfine", *options, " ".join(command)],
            env=ENVIRONMENT, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
        )  # fmt: skip
        if done.returncode:
            raise Failed(f"hyperfine: {done.stderr.strip()}")
        with open(export) as results:
            times: list[float] = json.load(results)["results"][0]["times"]
        return statistics.median(times) * 1e3

    def memory(self) -> None:
        """Peak memory of each verb's process, and what a container holds between `create` and `start`."""
        self.figures.add_peak("run", BARE, self.peak(INTERPRETER))
        for runtime in self.runtimes:
            for verb, command in self.commands(runtime).items():
                with runtime.at_home():
                    self.figures.add_peak(verb, runtime.name, self.peak(command))
                self.settle(verb, runtime)
                if verb == "create":
                    pid = self.containers[self.identifier(runtime)][1]
                    self.figures.waiting_kib[runtime.name] = resident(pid)

    def remove(self) -> None:
        """Remove the containers that a measurement left behind, also those of a runtime that does not work."""
        names = {self.identifier(runtime) for runtime in self.runtimes}
        for name, (runtime, pid) in self.containers.items():
            with runtime.at_home():
                subprocess.run(
                    runtime.command("delete", "--force", name), env=ENVIRONMENT,
                    stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                )  # fmt: skip
            try:  # Our child, so the id cannot be another process's.
                os.kill(pid, 9)
                os.waitpid(pid, 0)
            except (ProcessLookupError, ChildProcessError):
                pass
        for path, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if os.path.basename(path) in names:
                os.rmdir(path)


def resident(pid: int) -> dict[str, int]:
    """VmRSS and RssAnon of a process, in KiB (proc_pid_status(5))."""
    with open(f"/proc/{pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    return {name: int(lines[name].split()[0]) for name in ("VmRSS", "RssAnon")}
