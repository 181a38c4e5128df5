"""The rows of many containers: beside one that is made, in a list, at the same moment."""

from __future__ import annotations

import os
import time

from bench import SUBJECT, Bench, Failed, Row, Target
from mounts import NONE
from runtimes import Runtime


def alive(bench: Bench) -> list[Row]:
    """`create` beside 500 containers that run; alone before and after, since the machine may drift."""
    row = Row("alive-500", (Target(1.1, NONE),))
    runtimes = bench.named(SUBJECT)
    rounds = max(5, bench.samples // 2)
    alone = {NONE: lambda: bench.create(runtimes[0], bench.sleep)}
    if not runtimes:
        return []
    bench.in_turn(row, alone, rounds - rounds // 2)
    ids = [bench.new_id(runtimes[0]) for _ in range(500)]
    bench.at_once(runtimes[0], 2, ids, "run", "--detach", "--bundle", bench.sleep, "ID")
    bench.in_turn(row, {SUBJECT: lambda: bench.create(runtimes[0], bench.sleep)}, rounds)
    bench.delete(ids)
    bench.in_turn(row, alone, rounds // 2)
    return [row]


def listing(bench: Bench) -> list[Row]:
    """`list` of one real container whose state directory is copied: what `list` reads is there a thousand times."""
    row = Row("list-1000", (Target(2.0, "runc"),))
    roots = {}
    runtimes = bench.named(SUBJECT, "runc")
    ids = []
    for runtime in runtimes:
        ids.append(bench.new_id(runtime))
        with runtime.at_home():
            bench.timed(runtime.command("run", "--detach", "--bundle", bench.sleep, ids[-1]))
        roots[runtime.name] = _copies(bench, runtime, ids[-1])

    def measure(runtime: Runtime) -> float:
        command = [runtime.path, "--root", roots[runtime.name], "list", "--format", "json"]
        return bench.timed(command)

    ways = {runtime.name: lambda runtime=runtime: measure(runtime) for runtime in runtimes}
    bench.in_turn(row, ways, max(5, bench.samples // 5))
    bench.delete(ids)
    return [row]


def _copies(bench: Bench, runtime: Runtime, id: str) -> str:
    """Gives a root directory with 1,000 copies of the state of a container, each with its own id."""
    root = f"{bench.directory}/list-{runtime.name}"
    with open(f"{runtime.root}/{id}/state.json") as file:
        state = file.read()
    for number in range(1000):
        copy = f"copy-{number}"
        os.makedirs(f"{root}/{copy}")
        with open(f"{root}/{copy}/state.json", "w") as file:
            file.write(state.replace(f'"id":"{id}"', f'"id":"{copy}"'))
    return root


def parallel(bench: Bench) -> list[Row]:
    """50 `create` that begin together on two processors, until the last one is done."""
    row = Row("parallel-50", (Target(1.0, "runc"),))
    allowed = os.sched_getaffinity(0)
    os.sched_setaffinity(0, sorted(allowed)[:2])
    try:
        ways = bench.each(lambda runtime: _together(bench, runtime))
        return [bench.in_turn(row, ways, bench.few)]
    finally:
        os.sched_setaffinity(0, allowed)


def _together(bench: Bench, runtime: Runtime) -> float:
    ids = [bench.new_id(runtime) for _ in range(50)]
    commands = [runtime.command("create", "--bundle", bench.sleep, id) for id in ids]
    with runtime.at_home():
        before = time.monotonic()
        pids = [bench.spawn(command) for command in commands]
        statuses = [os.waitpid(pid, 0)[1] for pid in pids]
        spent = time.monotonic() - before
    if any(statuses):
        raise Failed(f"{runtime.name}: {sum(map(bool, statuses))} of 50 creates failed")
    bench.delete(ids)
    return spent * 1e3
