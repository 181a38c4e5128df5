"""The rows of memory and limits: what a container holds, what a verb takes, how little is enough."""

from __future__ import annotations

import functools
from typing import Any

from bench import BARE, Bench, Failed, Row, Target
from runtimes import INTERPRETER, Runtime

ROUNDS = 3


def waiting(bench: Bench) -> list[Row]:
    """What the first process of a created container holds until `start`."""
    rows = [Row("waiting-memory", (Target(1.0, "runc"),), "KiB"), Row("waiting-memory-own", (), "KiB")]
    for _ in range(ROUNDS):
        for runtime in bench.runtimes:
            with bench.container(runtime, bench.sleep) as (_id, pid):
                for row, figure in zip(rows, _resident(pid), strict=True):
                    row.add(runtime.name, figure)
    return rows


def _resident(pid: int) -> tuple[int, int]:
    """VmRSS and RssAnon of a process, in KiB (proc_pid_status(5))."""
    with open(f"/proc/{pid}/status") as status:
        lines = dict(line.split(":", 1) for line in status)
    resident, anonymous = (int(lines[name].split()[0]) for name in ("VmRSS", "RssAnon"))
    return resident, anonymous


def peak(bench: Bench) -> list[Row]:
    """The peak of each verb's process and of those that it waited for."""
    rows: dict[str, Row] = {}

    def measure(verb: str, runtime: Runtime, *words: str) -> None:
        row = rows.setdefault(verb, Row(f"peak-{verb}", (Target(1.0, "runc"),), "KiB"))
        with runtime.at_home():
            row.add(runtime.name, bench.peak(runtime.command(*words)))

    for _ in range(ROUNDS):
        for runtime in bench.runtimes:
            measure("run", runtime, "run", "--bundle", bench.true, bench.new_id(runtime))
            id = bench.new_id(runtime)
            measure("create", runtime, "create", "--bundle", bench.sleep, id)
            measure("start", runtime, "start", id)
            measure("state", runtime, "state", id)
            measure("exec", runtime, "exec", id, "/bin/true")
            measure("kill", runtime, "kill", id, "KILL")
            measure("delete", runtime, "delete", "--force", id)
        rows["run"].add(BARE, bench.peak(INTERPRETER))
    return list(rows.values())


def memory_limit(bench: Bench) -> list[Row]:
    """The smallest power of two, as memory limit, with which /bin/true runs three times in a row."""
    sizes = [128 << power for power in range(10)]
    return [_smallest(bench, Row("memory-limit", (Target(512),), "KiB"), sizes, _limit_memory)]


def pids_limit(bench: Bench) -> list[Row]:
    """The smallest limit of processes with which /bin/true runs."""
    return [_smallest(bench, Row("pids-limit", (Target(1),), ""), list(range(1, 9)), _limit_pids)]


def _limit_memory(config: dict[str, Any], kib: int) -> None:
    config["linux"]["resources"]["memory"] = {"limit": kib << 10}


def _limit_pids(config: dict[str, Any], limit: int) -> None:
    config["linux"]["resources"]["pids"] = {"limit": limit}


def _smallest(bench: Bench, row: Row, values: list[int], change: Any) -> Row:
    for runtime in bench.runtimes:
        for value in values:
            bundle = bench.bundle(f"{row.name}-{value}", ["/bin/true"], functools.partial(_changed, change, value))
            if all(_works(bench, runtime, bundle) for _ in range(ROUNDS)):
                row.add(runtime.name, value)
                break
        else:
            raise Failed(f"{row.name}: {runtime.name} does not run with {values[-1]}")
    return row


def _changed(change: Any, value: int, config: dict[str, Any]) -> None:
    change(config, value)


def _works(bench: Bench, runtime: Runtime, bundle: str) -> bool:
    try:
        bench.run(runtime, bundle)
    except Failed:
        bench.delete(list(bench.containers))
        return False
    return True
