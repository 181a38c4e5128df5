"""The figures as ratios with their spread, against the targets: as a table and as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from typing import Any

from measure import BARE, RUNS, VERBS, Figures

SUBJECT = "ocipy"
ROWS = (*RUNS, *VERBS, "sum")
OWN_RUN = "its run"
# verb: (what it is compared with, the largest ratio allowed)
TARGETS = {
    "run": ("runc", 1.0), "run, seccomp": (OWN_RUN, 1.1),
    **dict.fromkeys(("start", "state", "kill", "delete"), (BARE, 1.4)),
}  # fmt: skip


def ratio(subject: list[float], other: list[float]) -> dict[str, float]:
    """The median of the ratios taken round by round, with their quartiles."""
    ratios = [one / two for one, two in zip(subject, other, strict=True)]
    low, middle, high = statistics.quantiles(ratios, n=4, method="inclusive")
    return {"median": round(middle, 3), "q1": round(low, 3), "q3": round(high, 3)}


def row(verb: str, times: dict[str, list[float]], own_run: list[float]) -> dict[str, Any]:
    """One verb's medians, its ratios to the others, and the verdict on its target. own_run: the samples of `run`."""
    result: dict[str, Any] = {
        "milliseconds": {name: round(statistics.median(samples), 2) for name, samples in times.items()},
        "ratios": {},
    }
    if SUBJECT in times:
        others = [name for name in times if name != SUBJECT]
        result["ratios"] = {name: ratio(times[SUBJECT], times[name]) for name in others}
    other, most = TARGETS.get(verb, ("", 0.0))
    if other == OWN_RUN and SUBJECT in times:
        result["ratios"][OWN_RUN] = ratio(times[SUBJECT], own_run)
    if other in result["ratios"]:
        met = result["ratios"][other]["median"] <= most
        result.update(target={"to": other, "at_most": most}, verdict="met" if met else "missed")
    return result


def document(figures: Figures, versions: dict[str, str]) -> dict[str, Any]:
    """Everything that was measured, as values for JSON."""
    times = figures.milliseconds
    machine = {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count()}
    return {
        "machine": {**machine, "load": round(os.getloadavg()[0], 2)},
        "versions": versions,
        "verbs": {verb: row(verb, times[verb], times["run"].get(SUBJECT, [])) for verb in ROWS},
        "peak_kib": figures.peak_kib,
        "waiting_kib": figures.waiting_kib,
        "samples": times,
    }


def table(rows: list[list[str]]) -> str:
    """Rows of equal length as a Markdown table, the first one its head."""
    widths = [max(len(cell) for cell in column) for column in zip(*rows, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in rows]
    lines = ["| " + " | ".join(line) + " |" for line in padded]
    lines.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(lines)


def text(result: dict[str, Any]) -> str:
    """The document of `document` for people."""
    names = [BARE, *result["versions"]]
    others = [name for name in names if name != SUBJECT]
    times = [["ms, median", *names, *(f"{SUBJECT} / {name}" for name in others), "target", "verdict"]]
    for verb, values in result["verbs"].items():
        spread = {name: f"{r['median']:.2f} ({r['q1']:.2f}-{r['q3']:.2f})" for name, r in values["ratios"].items()}
        target = f"<= {values['target']['at_most']} x {values['target']['to']}" if "target" in values else ""
        if OWN_RUN in spread:
            target = f"{target}: {spread[OWN_RUN]}"
        medians = [f"{values['milliseconds'][name]:.1f}" if name in values["milliseconds"] else "" for name in names]
        times.append([verb, *medians, *(spread.get(name, "") for name in others), target, values.get("verdict", "")])
    memory = [["MiB, peak", *names]]
    for verb, peaks in result["peak_kib"].items():
        memory.append([verb, *(f"{peaks[name] / 1024:.1f}" if name in peaks else "" for name in names)])
    for label, key in ("created, waits: resident", "VmRSS"), ("created, waits: anonymous", "RssAnon"):
        waiting = {name: f"{values[key] / 1024:.1f}" for name, values in result["waiting_kib"].items()}
        memory.append([label, *(waiting.get(name, "") for name in names)])
    return "\n\n".join((table(times), table(memory)))
