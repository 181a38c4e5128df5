"""run: create and start; in the foreground also relay signals and the terminal, and clean up at the end."""

from __future__ import annotations

from ..linux import os
from .create import CreateOptions, create
from .delete import destroy
from .start import await_program, notification_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .creation import Creation
    from .log import Log
    from .state import Container
    from .store import Store


def run(
    store: Store, id: str, options: CreateOptions, log: Log, *, detach: bool = False, keep: bool = False
) -> int:
    """Runs a container and gives the exit code: 0 when detached, else the program's, 128+N when signal N ended it.

    keep: leave the container's state when it ends, and its exit code in it.
    Raises OcipyError; nothing is left of the container then.
    """
    creation = create(store, id, options, log, started=True, attended=not detach)
    try:
        status = _start(creation, log) if detach else _attend(creation, log)
    except BaseException:
        creation.undo()
        raise
    if not detach and not keep:
        destroy(creation.container, log)
    return status


def _start(creation: Creation, log: Log) -> int:
    notification = notification_of(creation.container, creation.pid)
    _begin(creation, log)
    if notification:
        notification.await_ready(creation.container, log)
    return 0


def _attend(creation: Creation, log: Log) -> int:
    """Starts the program, waits for it in the foreground and gives its exit code."""
    from .foreground import Foreground

    # In the foreground the service is this process.
    notification = notification_of(creation.container, os.getpid())
    foreground = Foreground(creation.console)
    try:
        _begin(creation, log)
        foreground.attend(creation.pidfd, notification)
    finally:
        foreground.close()
    return record_end(creation.container, creation.pid, creation.pidfd)


def _begin(creation: Creation, log: Log) -> None:
    assert creation.channel
    creation.begin()
    await_program(creation.container, creation.channel, log)


def record_end(container: Container, pid: int, pidfd: int) -> int:
    """Records the exit code of an init process that has ended, reaps it and gives the code."""
    from .foreground import exit_code

    code = exit_code(pidfd)
    # In this order: whoever waits for the container, and finds its process gone, finds the code.
    container.store.record_exit(container.id, code)
    os.waitpid(pid, 0)
    return code
