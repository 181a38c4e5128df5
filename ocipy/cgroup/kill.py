"""Ending every process of a cgroup, whatever it does against it."""

from __future__ import annotations

from _signal import pidfd_send_signal
from errno import ENODEV, ENOENT
from time import monotonic, sleep

from ..errors import OcipyError
from ..linux import os
from .files import write
from .freezer import thaw
from .processes import processes

_SIGKILL = 9
_LIMIT = 2.0
_PAUSE = 0.002


def kill_all(directories: dict[str, str], signal: int = _SIGKILL) -> None:
    """Sends `signal` to every process in the cgroups and below; SIGKILL reaches also those made meanwhile.

    Returns when the signal is sent; the processes may not have ended yet. Raises OcipyError.
    """
    if signal != _SIGKILL:
        _send(directories, signal)
    elif not _kill_unified(directories) or _escaped(directories):
        _kill_each(directories)
    else:
        # The freezer of v1 holds even those whose SIGKILL is on its way.
        thaw(directories)


def wait_empty(directories: dict[str, str], limit: float = _LIMIT) -> bool:
    """Waits until no process is left, at most `limit` seconds; tells whether that is so."""
    deadline = monotonic() + limit
    while processes(directories):
        if monotonic() > deadline:
            return False
        sleep(_PAUSE)
    return True


def _kill_unified(directories: dict[str, str]) -> bool:
    """cgroup.kill (Linux 5.14) ends a whole v2 subtree at once, frozen or not, and no fork escapes it."""
    unified = directories.get("")
    if not unified:
        return False
    try:
        write(unified, "cgroup.kill", "1")
    except OSError as error:
        if error.errno in (ENOENT, ENODEV):
            return False
        raise OcipyError(f"cannot kill the processes of {unified}: {os.strerror(error.errno or 0)}") from None
    return True


def _escaped(directories: dict[str, str]) -> bool:
    """Tells whether a process of the v1 cgroups has left the v2 one. What dies now is still in both."""
    reached = set(processes({"": directories[""]}))
    others = {controllers: directory for controllers, directory in directories.items() if controllers}
    return not reached.issuperset(processes(others))


def _kill_each(directories: dict[str, str]) -> None:
    """Without cgroup.kill: round after round, frozen, so that nobody forks away while the list is gone through."""
    from .freezer import freeze

    deadline = monotonic() + _LIMIT
    while remaining := processes(directories):
        try:
            freeze(directories, _LIMIT / 4)
        except OcipyError:
            # No freezer, or a process that can't be frozen now: the rounds still end, if more slowly.
            pass
        try:
            _send(directories, _SIGKILL)
        finally:
            thaw(directories)
        if monotonic() > deadline:
            raise OcipyError(f"{len(remaining)} process(es) survive SIGKILL, the first is {remaining[0]}")
        sleep(_PAUSE)


def _send(directories: dict[str, str], signal: int) -> None:
    """A pid may belong to another process by the time it is signalled: what is listed again after its pidfd was
    opened is the one that the pidfd means. A process of a foreign pid namespace is listed as 0: not reachable."""
    opened: dict[int, int] = {}
    try:
        for pid in filter(None, processes(directories)):
            try:
                opened[pid] = os.pidfd_open(pid)
            except ProcessLookupError:
                continue
        for pid in opened.keys() & set(processes(directories)):
            try:
                pidfd_send_signal(opened[pid], signal)
            except ProcessLookupError:
                continue
    finally:
        for descriptor in opened.values():
            os.close(descriptor)
