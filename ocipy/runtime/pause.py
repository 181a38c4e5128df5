"""pause and resume: all processes of the container are stopped where they are, and go on."""

from __future__ import annotations

from time import monotonic, sleep

from ..cgroup.freezer import freeze, freezer_state, thaw
from ..errors import OcipyError
from ..linux import os
from .state import CREATED, PAUSED, RUNNING, Container

TYPE_CHECKING = False

_LIMIT = 5.0
_INTERVAL = 0.001


def pause(container: Container) -> None:
    """Stops all processes of a container that is created or running.

    Raises OcipyError otherwise, also when it is paused already (as runc does), and when it can't be stopped; nothing is
    changed then.
    """
    if container.status() not in (CREATED, RUNNING):
        raise OcipyError(f"container not running: {container.id}")
    freeze(container.require_cgroups())
    pidfd = container.open_init()
    if pidfd is None:
        # It ended before it could be stopped: what is left of it must be able to end, too.
        thaw(container.cgroups)
        raise OcipyError(f"container not running: {container.id}")
    os.close(pidfd)


def resume(container: Container) -> None:
    """Lets the processes of a paused container go on, and returns when it is no longer paused. Raises OcipyError."""
    if container.status() != PAUSED:
        raise OcipyError(f"container not paused: {container.id}")
    thaw(container.cgroups)
    deadline = monotonic() + _LIMIT
    # On v2 it is the processes that leave the frozen state, one by one.
    while freezer_state(container.cgroups) == "frozen":
        if monotonic() > deadline:
            raise OcipyError(f"container {container.id} stays paused", hint="a cgroup above its own is frozen")
        sleep(_INTERVAL)
