"""start: the init process of a created container executes its program."""

from __future__ import annotations

from ..errors import OcipyError
from ..init.channel import Channel
from ..linux import os
from . import sockets
from .hooks import run_host_hooks
from .state import CREATED, PAUSED, STOPPED, Container
from .store import START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log import Log
    from .notify import Notification


def start(container: Container, log: Log) -> None:
    """Lets the program of a created container begin, and runs the hooks before and after.

    With NOTIFY_SOCKET set, as at create, it returns when the program has said that it is ready.

    Raises OcipyError when the container is not `created`, which changes nothing; when the program cannot be executed,
    which stops the container; and when a hook fails, which destroys it (runtime.md, Lifecycle, steps 7 and 9).
    """
    notification = notification_of(container, container.record["init_process_pid"])
    try:
        begin(container, log)
    except OcipyError as error:
        if error.property.startswith("hooks."):
            from .delete import delete

            delete(container.store, container.id, log, force=True)
        raise
    if notification:
        notification.await_ready(container, log)


def notification_of(container: Container, main_pid: int) -> Notification | None:
    """Gives the relay for the program's word that it is ready, None when nobody wants to hear it. Raises OcipyError.

    main_pid: of the process that is the service.
    """
    address = os.environment().get("NOTIFY_SOCKET")
    if not address:
        return None
    from .notify import open_notification

    return open_notification(container, address, main_pid)


def begin(container: Container, log: Log) -> None:
    """As start, but leaves it to the caller to destroy the container, which has stopped, when a hook failed: then the
    property of the error is below `hooks`.
    """
    status = container.status()
    if status == STOPPED:
        raise OcipyError("cannot start a container that has stopped")
    if status == PAUSED:
        raise OcipyError("cannot start a container in the paused state", hint="resume it first")
    if status != CREATED:
        raise _already_running(status)
    if not container.record["program"]:
        raise OcipyError("cannot start: config.json had no process when the container was created", property="process")
    path = f"{container.store.directory(container.id)}/{START}"
    try:
        connection = sockets.connect(path)
    except OSError:
        raise _already_running(container.status()) from None
    # Init goes on at a connection: whoever sees the program run must see the container as running, even when this
    # process is killed. Another start from now on finds no socket.
    try:
        os.unlink(path)
    except FileNotFoundError:
        # Two at once: init has closed the connection of one of them.
        pass
    channel = Channel(connection.detach())
    try:
        channel.receive()
    except EOFError:
        raise _already_running("started by somebody else") from None
    await_program(container, channel, log)


def await_program(container: Container, channel: Channel, log: Log) -> None:
    """Waits until init, at the other end, has executed the program, and runs the poststart hooks. Raises as `begin`."""
    try:
        _kind, _index, _whole, message, property, hint = channel.receive()[0]
    except EOFError:
        # An end of the channel that the program does not get.
        pass
    else:
        raise OcipyError(message, property=property or "process", hint=hint)
    finally:
        channel.close()
    try:
        run_host_hooks(container, "poststart", log)
    except OcipyError:
        _kill(container)
        raise


def _already_running(status: str) -> OcipyError:
    return OcipyError(f"cannot start an already running container: it is {status}")


def _kill(container: Container) -> None:
    from .kill import kill_all

    kill_all(container)
