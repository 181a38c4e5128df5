"""The rows of a container's life: `run`, the lifecycle in single steps, `exec`."""

from __future__ import annotations

import os
from typing import Any

from bench import BARE, SUBJECT, Bench, Row, Target
from runtimes import Runtime
from support import profiles

VERBS = ("create", "start", "state", "kill", "delete")
OWN_RUN = "its run"

# What docker gives a container (moby, profiles of capabilities and of paths).
CAPABILITIES = (
    "CHOWN", "DAC_OVERRIDE", "FSETID", "FOWNER", "MKNOD", "NET_RAW", "SETGID", "SETUID", "SETFCAP", "SETPCAP",
    "NET_BIND_SERVICE", "SYS_CHROOT", "KILL", "AUDIT_WRITE",
)  # fmt: skip
MASKED = (
    "asound", "acpi", "interrupts", "kcore", "keys", "latency_stats", "timer_list", "timer_stats", "sched_debug", "scsi"
)


def as_engines_do(config: dict[str, Any]) -> None:
    """Turns a config into what the engines write by default: their seccomp profile, capabilities and paths."""
    names = [f"CAP_{name}" for name in CAPABILITIES]
    config["process"]["capabilities"] = dict.fromkeys(("bounding", "effective", "permitted"), names)
    config["linux"].update(
        seccomp=profiles.of_the_engines(),
        maskedPaths=[*(f"/proc/{name}" for name in MASKED), "/sys/firmware", "/sys/devices/virtual/powercap"],
        readonlyPaths=[f"/proc/{name}" for name in ("bus", "fs", "irq", "sys", "sysrq-trigger")],
    )


def run(bench: Bench) -> list[Row]:
    ways = {BARE: bench.bare, **bench.each(lambda runtime: bench.run(runtime, bench.true))}
    row = Row("run", (Target(0.8, "runc"), Target(2.5, "crun")))
    return [bench.in_turn(row, ways, bench.samples)]


def run_engines(bench: Bench) -> list[Row]:
    """The profile is compiled in the round that does not count."""
    bundle = bench.bundle("engines", ["/bin/true"], as_engines_do)
    ways = bench.each(lambda runtime: bench.run(runtime, bundle))
    for subject in bench.named(SUBJECT):
        ways[OWN_RUN] = lambda subject=subject: bench.run(subject, bench.true)
    return [bench.in_turn(Row("run-engines", (Target(1.1, OWN_RUN),)), ways, bench.samples)]


def lifecycle(bench: Bench) -> list[Row]:
    """One container of each runtime is taken through its life, verb by verb in turn."""
    rows = {verb: Row(verb, () if verb == "create" else (Target(1.15, BARE),)) for verb in VERBS}
    rows["sum"] = Row("sum", (Target(0.9, "runc"),))
    for number in range(-1, bench.samples):
        _cycle(bench, number, rows if number >= 0 else None)
    return list(rows.values())


def _cycle(bench: Bench, number: int, rows: dict[str, Row] | None) -> None:
    turn = number % len(bench.runtimes)
    order = bench.runtimes[turn:] + bench.runtimes[:turn]
    commands = {runtime.name: _commands(bench, runtime) for runtime in order}
    total = dict.fromkeys(commands, 0.0)
    for verb in VERBS:
        bare = bench.bare()
        if rows:
            rows[verb].add(BARE, bare)
        for runtime in order:
            with runtime.at_home():
                spent = bench.timed(commands[runtime.name][verb])
            if verb == "kill":
                with open(_pid_file(bench, runtime)) as file:
                    os.waitpid(int(file.read()), 0)
            total[runtime.name] += spent
            if rows:
                rows[verb].add(runtime.name, spent)
    if rows:
        for name, spent in total.items():
            rows["sum"].add(name, spent)


def _pid_file(bench: Bench, runtime: Runtime) -> str:
    return f"{bench.directory}/pid-{runtime.name}"


def _commands(bench: Bench, runtime: Runtime) -> dict[str, list[str]]:
    id = bench.new_id(runtime)
    create = ["create", "--bundle", bench.sleep, "--pid-file", _pid_file(bench, runtime), id]
    return {
        "create": runtime.command(*create),
        **{verb: runtime.command(verb, id) for verb in ("start", "state", "delete")},
        "kill": runtime.command("kill", id, "KILL"),
    }


def exec_true(bench: Bench) -> list[Row]:
    row = Row("exec", (Target(1.0, "runc"),))
    ids = {}
    for runtime in bench.runtimes:
        ids[runtime.name] = id = bench.new_id(runtime)
        with runtime.at_home():
            bench.timed(runtime.command("run", "--detach", "--bundle", bench.sleep, id))

    def measure(runtime: Runtime) -> float:
        with runtime.at_home():
            return bench.timed(runtime.command("exec", ids[runtime.name], "/bin/true"))

    bench.in_turn(row, {BARE: bench.bare, **bench.each(measure)}, bench.samples)
    bench.delete(list(ids.values()))
    return [row]
