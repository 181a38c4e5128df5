"""Which processes are in a cgroup and in the cgroups below it."""

from __future__ import annotations

from errno import ENODEV, ENOENT, EOPNOTSUPP

from ..linux import os
from .files import read

# Gone while looking; or a threaded cgroup of v2, whose processes its parent lists.
_PASSED_OVER = (ENOENT, ENODEV, EOPNOTSUPP)


def processes(directories: dict[str, str]) -> list[int]:
    """Gives the pids in all the cgroups and below them, ascending, each once. Raises OSError."""
    found: set[int] = set()
    for directory in directories.values():
        for level in subtree(directory):
            try:
                found.update(map(int, read(level, "cgroup.procs").split()))
            except OSError as error:
                if error.errno not in _PASSED_OVER:
                    raise
    return sorted(found)


def subtree(directory: str) -> list[str]:
    """Gives the cgroup and all below it, parents first; nothing when it is gone. Raises OSError."""
    found = [directory]
    for level in found:
        try:
            with os.scandir(level) as entries:
                found += [entry.path for entry in entries if entry.is_dir(follow_symlinks=False)]
        except OSError as error:
            if error.errno not in _PASSED_OVER:
                raise
    return found
