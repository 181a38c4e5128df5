"""What a test of the suite says: its output is parsed as TAP 13, and judged without trust."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field

PASSED, FAILED, SKIPPED = "passed", "failed", "skipped"

# They print nothing when the runtime refused what it must refuse, and end with 1 when it did not.
SILENT = {"process_capabilities_fail", "process_rlimits_fail"}
# They assert nothing: their plan is 0, and a block with an `error` is all they print when something is wrong.
WITHOUT_ASSERTIONS = {
    "hooks", "poststart", "poststart_fail", "poststop", "poststop_fail", "prestart", "prestart_fail",
}  # fmt: skip

RESULT = re.compile(r"(not )?ok\b\s*\d*(?: -)?\s*(.*)")
PLAN = re.compile(r"1\.\.(\d+)$")
# The profile of this test denies getcwd, the first that its program calls: it dies of that, or there was no filter.
DIES_OF = {"linux_seccomp": "getwd"}
# What says no more than that there was an error; the runtime's own words are in the error output.
EMPTY_WORDS = re.compile(r"exit status \d+|failed to \w+ the container|Clean: .*")


@dataclass
class Tap:
    """What a program printed, maybe several streams of TAP one after the other.

    `errors` are those of YAML blocks that follow no assertion; after one they only explain it. `containers` are blocks
    with what a container printed.
    """

    held: int = 0
    skipped: int = 0
    failed: list[str] = field(default_factory=list)
    plans: int = 0
    planned: int = 0
    errors: list[str] = field(default_factory=list)
    containers: list[dict[str, str]] = field(default_factory=list)

    @property
    def count(self) -> int:
        return self.held + self.skipped + len(self.failed)

    @property
    def complete(self) -> bool:
        return self.plans > 0 and self.planned == self.count


def parse(text: str) -> Tap:
    """Parse the output of a test or of a container's program. Other lines are passed over, as TAP wants it."""
    tap = Tap()
    block: list[str] | None = None
    explains = False
    for line in text.splitlines():
        if block is not None:
            if line != "  ...":
                block.append(line)
                continue
            values = json.loads("".join(block))
            if "stdout" in values:
                tap.containers.append(values)
            elif "error" in values and not explains:
                tap.errors.append(values.get("stderr") or values["error"])
            block, explains = None, False
        elif line == "  ---":
            block = []
        elif plan := PLAN.match(line):
            tap.plans += 1
            tap.planned += int(plan[1])
        elif result := RESULT.match(line):
            explains = True
            if result[2].startswith("# SKIP") or result[2].endswith("# TODO"):
                tap.skipped += 1
            elif result[1]:
                tap.failed.append(result[2])
            else:
                tap.held += 1
    return tap


def judge(name: str, status: int, output: str, errors: str) -> tuple[str, str]:
    """Gives the verdict on a test that ended with this exit status, and the first thing that went wrong."""
    tap = parse(output)
    wrong = tap.failed + tap.errors
    if wrong or status:
        return FAILED, tell((wrong or [f"exit status {status}"])[0], errors)
    if name in SILENT and not output:
        return PASSED, ""
    for container in tap.containers:  # The suite asserts that there is no "not ok" in it, as there is none in nothing.
        if not (DIES_OF[name] in container["stderr"] if name in DIES_OF else parse(container["stdout"]).complete):
            return FAILED, tell("the container's program did not come to its end: " + container["stderr"], errors)
    if not tap.complete:
        return FAILED, f"{tap.count} assertions, {tap.planned} planned in {tap.plans} plans"
    if not tap.count and name not in WITHOUT_ASSERTIONS:
        return FAILED, "asserted nothing"
    return (SKIPPED if tap.skipped and not tap.held else PASSED), ""


def tell(words: str, errors: str) -> str:
    """One line of these words, or of the error output when they are empty ones."""
    if EMPTY_WORDS.fullmatch(words):
        lines = [line for line in errors.splitlines() if line and not EMPTY_WORDS.fullmatch(line)]
        words = (lines or [words])[0]
    return " ".join(words.partition("Refer to:")[0].split())
