"""events: statistics of a container, now or again and again, and when it runs out of memory."""

from __future__ import annotations

from time import monotonic

from ..cgroup.statistics import statistics
from ..errors import OcipyError
from ..linux import os
from ..spec.jsontext import encode
from .state import STOPPED, Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .log import Log

_LONGEST = 3600.0  # seconds that one poll waits: its limit is an int of milliseconds


def container_statistics(container: Container) -> dict[str, Any]:
    """Gives what the container has used, in the form of runc's `events`. Raises OcipyError when it has stopped."""
    if container.status() == STOPPED:
        raise OcipyError(f"container with id {container.id} is not running")
    return statistics(container.require_cgroups())


def statistics_line(container: Container) -> str:
    """Gives the statistics as one line of JSON. Raises OcipyError when the container has stopped."""
    return _line(type="stats", id=container.id, data=container_statistics(container))


def follow(container: Container, interval: float, log: Log, write: Callable[[str], object]) -> None:
    """Writes a line of statistics each `interval` seconds and one when memory runs out, until init or the cgroup ends.

    Raises OcipyError when the container is not running in the first place.
    """
    import select

    from ..cgroup.oom import watch_oom

    pidfd = container.open_init()
    if pidfd is None or container.status() == STOPPED:
        raise OcipyError(f"container with id {container.id} is not running")
    cgroups = container.require_cgroups()
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    watch = watch_oom(cgroups)
    if watch:
        poll.register(watch.descriptor, watch.events)
    else:
        log.warning("memory controller missing: its events are not told")
    due = monotonic() + interval
    while True:
        ready = {descriptor for descriptor, _events in poll.poll(1000 * min(_LONGEST, max(0.0, due - monotonic())))}
        try:
            # First, since it may be what ended init.
            if watch and watch.occurred():
                write(_line(type="oom", id=container.id))
        except FileNotFoundError:
            return
        if pidfd in ready:
            os.close(pidfd)
            return
        if monotonic() >= due:
            write(_line(type="stats", id=container.id, data=statistics(cgroups)))
            due = monotonic() + interval


def _line(**members: Any) -> str:
    return encode(members) + "\n"
