"""What the rows are measured with: timed commands in turn, containers that are remembered, and their removal."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from runtimes import ENVIRONMENT, INTERPRETER, Runtime

SUBJECT = "ocipy"
BARE = "interpreter"

# A process counts as its own the peak of the memory it was forked from, up to its execve. This program's is larger
# than some runtimes', a shell's is not; and whatever the shell leaves behind becomes this program's child.
SMALL_PARENT = ["/bin/busybox", "sh", "-c", '"$@" >/dev/null 2>&1 & echo $!', "sh"]


class Failed(Exception):
    """A command that is to be measured did not succeed."""


@dataclass(frozen=True)
class Target:
    """The largest ratio of the subject to a series that is allowed; without one, the largest figure."""

    at_most: float
    to: str = ""


@dataclass
class Row:
    """One line of the table. series: samples by name, of which the same index means the same moment.

    Ratios are taken round by round, so that drift of the machine hits all alike.
    """

    name: str
    targets: tuple[Target, ...] = ()
    unit: str = "ms"
    series: dict[str, list[float]] = field(default_factory=dict)

    def add(self, name: str, figure: float) -> None:
        self.series.setdefault(name, []).append(figure)


class Bench:
    """The runtimes under measurement, bundles, and the containers that exist at the moment.

    samples: how often a quick command is measured; few: how often one is that takes a second.
    """

    def __init__(self, runtimes: list[Runtime], directory: str, samples: int) -> None:
        self.runtimes = runtimes
        self.directory = directory
        self.samples = samples
        self.few = max(2, samples // 10)
        self.containers: dict[str, Runtime] = {}
        self.count = 0
        null = os.open("/dev/null", os.O_RDWR | os.O_CLOEXEC)
        self.null = [(os.POSIX_SPAWN_DUP2, null, descriptor) for descriptor in (0, 1, 2)]

    @property
    def prefix(self) -> str:
        return f"ocipy-bench-{os.getpid()}-"

    def new_id(self, runtime: Runtime) -> str:
        """An id whose container is removed at the end, whatever happens."""
        self.count += 1
        id = f"{self.prefix}{self.count}"
        self.containers[id] = runtime
        return id

    def bundle(self, name: str, command: Sequence[str], change: Callable[[dict[str, Any]], object] = len) -> str:
        """Makes a bundle, once: the config of `runc spec` on busybox, with a command instead of the shell.

        change: called with the config. Gives the path.
        """
        path = f"{self.directory}/{name}"
        if os.path.exists(f"{path}/config.json"):
            return path
        os.makedirs(f"{path}/rootfs/bin")
        shutil.copy("/bin/busybox", f"{path}/rootfs/bin/busybox")
        for program in "true", "sleep":
            os.symlink("busybox", f"{path}/rootfs/bin/{program}")
        subprocess.run(["runc", "spec", "--bundle", path], check=True, env=ENVIRONMENT)
        with open(f"{path}/config.json") as source:
            config = json.load(source)
        config["process"].update(terminal=False, args=list(command))
        change(config)
        with open(f"{path}/config.json", "w") as target:
            json.dump(config, target)
        return path

    @property
    def true(self) -> str:
        return self.bundle("true", ["/bin/true"])

    @property
    def sleep(self) -> str:
        return self.bundle("sleep", ["/bin/sleep", "1000"])

    # --- commands

    def spawn(self, command: list[str]) -> int:
        return os.posix_spawn(command[0], command, ENVIRONMENT, file_actions=self.null)

    def timed(self, command: list[str]) -> float:
        """Milliseconds from before the spawn of a command until it has been waited for."""
        before = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        _, status = os.waitpid(self.spawn(command), 0)
        after = time.clock_gettime_ns(time.CLOCK_MONOTONIC)
        succeed(command, status)
        return (after - before) / 1e6

    def bare(self) -> float:
        return self.timed(INTERPRETER)

    def run(self, runtime: Runtime, bundle: str) -> float:
        """Milliseconds of a foreground `run`."""
        with runtime.at_home():
            return self.timed(runtime.command("run", "--bundle", bundle, self.new_id(runtime)))

    def create(self, runtime: Runtime, bundle: str) -> float:
        """Milliseconds of `create`; the container is deleted afterwards."""
        id = self.new_id(runtime)
        with runtime.at_home():
            spent = self.timed(runtime.command("create", "--bundle", bundle, id))
        self.delete([id])
        return spent

    @contextmanager
    def container(self, runtime: Runtime, bundle: str, verb: str = "create") -> Iterator[tuple[str, int]]:
        """A container that exists while the body runs: its id and the pid of its init."""
        id, pid_file = self.new_id(runtime), f"{self.directory}/pid"
        words = [verb, *(["--detach"] if verb == "run" else []), "--bundle", bundle, "--pid-file", pid_file, id]
        try:
            with runtime.at_home():
                self.timed(runtime.command(*words))
            with open(pid_file) as file:
                yield id, int(file.read())
        finally:
            self.delete([id])

    def peak(self, command: list[str]) -> int:
        """The peak resident memory of a command and of the processes it waited for, in KiB."""
        with subprocess.Popen([*SMALL_PARENT, *command], stdout=subprocess.PIPE, env=ENVIRONMENT) as parent:
            assert parent.stdout is not None
            pid = int(parent.stdout.read())
        _, status, usage = os.wait4(pid, 0)
        succeed(command, status)
        return usage.ru_maxrss

    # --- in turn

    def in_turn(self, row: Row, ways: dict[str, Callable[[], float]], rounds: int) -> Row:
        """Measures each way once in a round, in changing order, after one round that does not count.

        What fails in that one is left out, but for the subject.
        """
        ways = dict(ways)
        for number in range(-1, rounds):
            turn = number % len(ways)
            names = list(ways)
            for name in names[turn:] + names[:turn]:
                try:
                    figure = ways[name]()
                except Failed as error:
                    if number >= 0 or name == SUBJECT:
                        raise
                    print(f"{row.name}: {name} left out: {error}", file=sys.stderr)
                    del ways[name]
                    continue
                if number >= 0:
                    row.add(name, figure)
        return row

    def each(self, measure: Callable[[Runtime], float]) -> dict[str, Callable[[], float]]:
        """The ways of `in_turn`: the same with each runtime."""
        return {runtime.name: lambda runtime=runtime: measure(runtime) for runtime in self.runtimes}

    def named(self, *names: str) -> list[Runtime]:
        """The runtimes of these names, as far as there are any."""
        return [runtime for runtime in self.runtimes if runtime.name in names]

    # --- many

    def at_once(self, runtime: Runtime, workers: int, ids: list[str], *words: str) -> None:
        """Runs a command once for each id, which replaces the word ID, several at a time."""
        command = ["xargs", "-P", str(workers), "-I", "ID", *runtime.command(*words)]
        with runtime.at_home():
            done = subprocess.run(
                command, input="\n".join(ids), env=ENVIRONMENT, text=True,
                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
        if done.returncode:
            raise Failed(f"{' '.join(command)}: exit status {done.returncode}")

    def delete(self, ids: list[str]) -> None:
        """Deletes containers by force, also those of a runtime that does not work, and reaps their processes."""
        for runtime in self.runtimes:
            own = [id for id in ids if self.containers.get(id) is runtime]
            # The second time for one whose command was killed.
            for _ in range(2):
                own = [id for id in own if os.path.exists(f"{runtime.root}/{id}")]
                try:
                    if own:
                        self.at_once(runtime, 2, own, "delete", "--force", "ID")
                except Failed as error:
                    print(f"delete: {error}", file=sys.stderr)
        for id in ids:
            self.containers.pop(id, None)
        reap()

    def remove(self) -> None:
        """Removes what the measurements left behind."""
        self.delete(list(self.containers))
        for path, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
            if os.path.basename(path).startswith(self.prefix):
                try:
                    os.rmdir(path)
                except OSError as error:
                    print(f"left behind: {error}", file=sys.stderr)


def succeed(command: list[str], status: int) -> None:
    """Raise Failed for the wait status of a command that did not exit with 0."""
    if status:
        raise Failed(f"{' '.join(command)}: exit status {os.waitstatus_to_exitcode(status)}")


def reap() -> None:
    """Reaps the children that have ended."""
    try:
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass
    except ChildProcessError:
        pass
