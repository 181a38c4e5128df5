"""The interpreter that ocipy runs in, and programs that it would call."""

from __future__ import annotations

import sys

from ..linux import interpreter, os
from .finding import note, ok, on_path

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding, Host

TITLE = "programs"


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings. Starts none of them."""
    name = f"{sys.implementation.name} {sys.version.split()[0]}"
    yield ok("interpreter", f"{name}, {interpreter.INTERPRETER if interpreter.is_kept() else sys.executable}")
    if host.uid == 0:
        yield _sealed()
    criu = on_path("criu")
    if criu:
        yield ok("criu", criu)
    else:
        yield note("criu", "not on PATH", "containers cannot be checkpointed, which ocipy cannot do either yet")


def _sealed() -> Finding:
    name = "sealed interpreter"
    directory = os.path.dirname(interpreter.KEPT)
    if interpreter.is_kept():
        return ok(name, interpreter.KEPT)
    if os.access(directory, os.W_OK):
        return ok(name, f"{interpreter.KEPT}: the first container makes it")
    means = "each create, run and exec starts the interpreter twice"
    return note(name, f"{directory} cannot be written", means, f"a tmpfs on {directory}")
