"""kill: a signal to the init process, or to all processes of the container."""

from __future__ import annotations

import _signal

from ..cgroup.freezer import thaw
from ..errors import OcipyError
from ..linux import os
from ..linux.proc import send_signal
from .state import Container

TYPE_CHECKING = False


def parse_signal(text: str) -> int:
    """Gives the number of a signal given as 9, KILL or SIGKILL in any case. Raises OcipyError."""
    if text.isascii() and text.isdigit():
        number = int(text)
        if number < _signal.NSIG:
            return number
    else:
        name = text.upper()
        name = name if name.startswith("SIG") else f"SIG{name}"
        named = getattr(_signal, name, None)
        if isinstance(named, int) and not name.startswith("SIG_"):
            return named
    raise OcipyError(f"unknown signal {text!r}")


def kill(container: Container, number: int, *, all: bool = False) -> None:
    """Sends a signal to the init process, through a pidfd: a pid that was given to a stranger is never hit.

    SIGKILL to a container that shares its pid namespace goes to every process of its cgroup, for nothing else would
    end them with init. all: to every process, and a container that has stopped is no error then.
    Raises OcipyError when the container is not running.
    """
    pidfd = container.open_init()
    if pidfd is None:
        if all:
            kill_all(container, number)
            return
        raise OcipyError(f"container not running: {container.id}")
    if all or (number == _signal.SIGKILL and not container.record["own_pids"]):
        kill_all(container, number)
    elif not send_signal(pidfd, number):
        raise OcipyError(f"container not running: {container.id}")
    elif number == _signal.SIGKILL:
        # The freezer of v1 holds even a process whose SIGKILL is on its way.
        thaw(container.cgroups)
    os.close(pidfd)


def kill_all(container: Container, number: int = _signal.SIGKILL) -> None:
    """Sends a signal to every process of the container's cgroup, and to init, should it have none."""
    from ..cgroup.kill import kill_all as kill_cgroup

    kill_cgroup(container.cgroups, number)
    if not container.cgroups:
        pidfd = container.open_init()
        if pidfd is not None:
            send_signal(pidfd, number)
            os.close(pidfd)
