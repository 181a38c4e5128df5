"""The rows as medians, and the ratios to their targets with their spread and the verdict: as a table and as JSON."""

from __future__ import annotations

import os
import platform
import statistics
from typing import Any

from bench import SUBJECT, Row, Target


def spread(samples: list[float]) -> dict[str, float]:
    """The median with the quartiles."""
    low, middle, high = statistics.quantiles(samples, n=4, method="inclusive") if samples[1:] else samples * 3
    return {"median": round(middle, 3), "q1": round(low, 3), "q3": round(high, 3)}


def judge(row: Row, target: Target) -> dict[str, Any] | None:
    """The figure for a target with the verdict; None when what it needs was not measured."""
    subject, other = row.series.get(SUBJECT), row.series.get(target.to)
    if not subject or (target.to and not other):
        return None
    figure = spread([one / two for one, two in zip(subject, other, strict=True)] if other else subject)
    # By what is shown.
    verdict = "met" if round(figure["median"], 2) <= target.at_most else "missed"
    return {"to": target.to, "at_most": target.at_most, **figure, "verdict": verdict}


def document(rows: list[Row], versions: dict[str, str], failures: dict[str, str]) -> dict[str, Any]:
    """Everything that was measured, as values for JSON."""
    machine = {"kernel": platform.release(), "machine": platform.machine(), "cpus": os.cpu_count()}
    return {
        "machine": {**machine, "load": round(os.getloadavg()[0], 2)},
        "versions": versions,
        "rows": {
            row.name: {
                "unit": row.unit,
                "medians": {name: round(statistics.median(samples), 2) for name, samples in row.series.items()},
                "targets": [judged for target in row.targets if (judged := judge(row, target))],
                "samples": row.series,
            }
            for row in rows
        },
        "failures": failures,
    }


def table(lines: list[list[str]]) -> str:
    """Lines of equal length as a Markdown table, the first one its head."""
    widths = [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]
    padded = [[cell.ljust(width) for cell, width in zip(line, widths, strict=True)] for line in lines]
    text = ["| " + " | ".join(line) + " |" for line in padded]
    text.insert(1, "|" + "|".join("-" * (width + 2) for width in widths) + "|")
    return "\n".join(text)


def text(result: dict[str, Any]) -> str:
    """The document of `document` for people: a line for each target, and for each row without one."""
    names = list(result["versions"])
    lines = [["row", "unit", *names, "also", "target", "figure (quartiles)", "verdict"]]
    for name, row in result["rows"].items():
        figures = {other: f"{median:.{0 if row['unit'] != 'ms' else 1}f}" for other, median in row["medians"].items()}
        also = ", ".join(f"{other} {figure}" for other, figure in figures.items() if other not in names)
        cells = [name, row["unit"], *(figures.get(other, "") for other in names), also]
        for target in row["targets"] or [None]:
            lines.append([*cells, *_judgement(target)])
            cells = [""] * len(cells)
    failures = [f"{name}: {reason}" for name, reason in result["failures"].items()]
    return "\n".join([table(lines), *failures])


def _judgement(target: dict[str, Any] | None) -> tuple[str, str, str]:
    if not target:
        return "", "", ""
    limit = f"<= {target['at_most']:g}" + (f" x {target['to']}" if target["to"] else "")
    digits = 2 if target["to"] else 0
    figure = f"{target['median']:.{digits}f} ({target['q1']:.{digits}f}-{target['q3']:.{digits}f})"
    return limit, figure, target["verdict"]
