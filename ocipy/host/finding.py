"""What a look at the host gives: one line for each thing that containers need, with a verdict."""

from __future__ import annotations

from ..errors import describe_os_error
from ..linux import os
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.facts import CgroupFacts

OK, NOTE, WARN, FAIL = "ok", "note", "warn", "fail"


class Finding(Record):
    """One thing that was looked at.

    verdict: ok, it is there; note, it is not, or cannot be told, and few containers miss it; warn, some containers
    cannot run; fail, none of the usual kind can. found: what is there. means, remedy: of something that lacks.
    """

    verdict: str
    name: str
    found: str
    means: str = ""
    remedy: str = ""


class Host(Record):
    """What all who look need to know. root: the state directory. paths: where bundles shall be, as given.

    capabilities: the effective set, as a bit mask. privileged: may make namespaces and mounts without a user
    namespace for them.
    """

    uid: int
    capabilities: int
    privileged: bool
    cgroups: CgroupFacts
    root: str
    paths: tuple[str, ...] = ()


def ok(name: str, found: str) -> Finding:
    return Finding(verdict=OK, name=name, found=found)


def note(name: str, found: str, means: str = "", remedy: str = "") -> Finding:
    return Finding(verdict=NOTE, name=name, found=found, means=means, remedy=remedy)


def warn(name: str, found: str, means: str, remedy: str) -> Finding:
    return Finding(verdict=WARN, name=name, found=found, means=means, remedy=remedy)


def fail(name: str, found: str, means: str, remedy: str) -> Finding:
    return Finding(verdict=FAIL, name=name, found=found, means=means, remedy=remedy)


def reason(code: int) -> str:
    """Gives what an errno says, as errors say it: `Operation not permitted (EPERM)`."""
    return describe_os_error(OSError(code, os.strerror(code)))


def text_of(path: str) -> str:
    """Gives what a file of /proc or /sys, or a small file of /etc, holds; "" when it cannot be read."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
        try:
            parts = []
            while part := os.read(descriptor, 65536):
                parts.append(part)
        finally:
            os.close(descriptor)
    except OSError:
        return ""
    return b"".join(parts).decode(errors="replace").strip()


def number_of(path: str) -> int | None:
    """Gives the number that such a file holds, None when it is not there or holds something else."""
    text = text_of(path)
    return int(text) if text.isascii() and text.isdigit() else None


def on_path(program: str) -> str:
    """Gives the path of a program on PATH, or where distributions put it; "" when it is nowhere."""
    directories = (*os.environment().get("PATH", "").split(":"), "/usr/local/sbin", "/usr/sbin", "/usr/bin")
    for directory in filter(None, directories):
        path = f"{directory}/{program}"
        if os.access(path, os.X_OK) and not os.path.isdir(path):
            return path
    return ""
