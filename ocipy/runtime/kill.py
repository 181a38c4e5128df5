"""kill: a signal to the init process, or to all processes of the container."""

from __future__ import annotations

import _signal

from ..cgroup.freezer import thaw
from ..errors import OcipyError
from ..linux import os
from ..linux.proc import send_signal
from .state import Container

TYPE_CHECKING = False

STOP_SIGNAL = "org.opencontainers.image.stopSignal"


def parse_signal(text: str) -> int:
    """Gives the number of a signal given as 9, KILL, SIGKILL or RTMIN+3, in any case. Raises OcipyError."""
    name = text.upper().removeprefix("SIG")
    if _is_number(text):
        number = int(text)
    elif name.startswith("RTMIN+") and _is_number(name[6:]):
        # As images name real-time signals.
        number = _signal.SIGRTMIN + int(name[6:])
    else:
        number = getattr(_signal, f"SIG{name}", -1) if name.isalnum() else -1
    if 0 <= number < _signal.NSIG:
        return number
    raise OcipyError(f"unknown signal {text!r}")


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdigit() and len(text) < 4


def _stop_signal(container: Container) -> int:
    """Gives the signal that the image wants to be stopped with, else SIGTERM (config.md, Annotations).

    Raises OcipyError when the annotation is no signal.
    """
    text = container.record["annotations"].get(STOP_SIGNAL)
    try:
        return parse_signal(text or "TERM")
    except OcipyError as error:
        raise OcipyError(error.message, property=f'annotations["{STOP_SIGNAL}"]', hint="name a signal") from None


def kill(container: Container, number: int | None, *, all: bool = False) -> None:
    """Sends a signal to the init process, through a pidfd: a pid that was given to a stranger is never hit.

    number: None for the one that the image wants to be stopped with.

    SIGKILL to a container that shares its pid namespace goes to every process of its cgroup, for nothing else would
    end them with init. all: to every process, and a container that has stopped is no error then.
    Raises OcipyError when the container is not running, which changes nothing.
    """
    if container.record.get("creator"):
        raise OcipyError(f"container not running: {container.id}", hint="it is being created; delete --force ends that")
    if number is None:
        number = _stop_signal(container)
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
