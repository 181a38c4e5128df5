"""Taking a cgroup away with all that was made below it."""

from __future__ import annotations

from errno import EBUSY, ENODEV, ENOENT
from time import monotonic, sleep

from ..errors import OcipyError, describe_os_error
from ..linux import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection

_LIMIT = 2.0
_PAUSE = 0.001


def remove(directories: dict[str, str], found: Collection[str] = (), limit: float = _LIMIT) -> None:
    """Removes the cgroups and their subtrees; no error when they are gone.

    found: those of them that the container did not make: what is below them goes, they stay (runtime.md, Delete).

    The processes must have ended or be about to: their last moments are waited for, `limit` seconds at most.
    Raises OcipyError that names what is left, after everything else is removed.
    """
    busy = [directory for directory in directories.values() if directory in found or not _rmdir(directory)]
    if not busy:
        return
    from .freezer import thaw

    # A frozen process takes no signal and never ends.
    thaw(directories)
    deadline = monotonic() + limit
    while True:
        busy = [directory for directory in busy if not _remove_tree(directory, directory in found)]
        if not busy:
            return
        if monotonic() > deadline:
            raise OcipyError(f"cannot remove {busy[0]}: {_reason(busy[0])}")
        sleep(_PAUSE)


def _remove_tree(directory: str, keep: bool) -> bool:
    from .processes import subtree

    # Every level is tried: one that is busy must not keep its siblings.
    levels = reversed(subtree(directory)[1 if keep else 0 :])
    return not [level for level in levels if not _rmdir(level)]


def _rmdir(directory: str) -> bool:
    """Gives False when the cgroup has processes or cgroups below it. Raises OcipyError."""
    try:
        os.rmdir(directory)
    except OSError as error:
        if error.errno == EBUSY:
            return False
        if error.errno not in (ENOENT, ENODEV):
            raise OcipyError(f"cannot remove the cgroup: {describe_os_error(error)}") from None
    return True


def _reason(directory: str) -> str:
    from .processes import processes

    pids = processes({"": directory})
    return f"process {pids[0]} and {len(pids) - 1} more are in it" if pids else "device or resource busy (EBUSY)"
