"""The relay between a program that says that it is ready and the service manager of the caller (sd_notify(3))."""

from __future__ import annotations

import _socket
import select

from ..errors import OcipyError
from ..linux import os
from ..plan.notify import NOTIFY_DIRECTORY, NOTIFY_SOCKET
from . import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log import Log
    from .state import Container

_LARGEST = 4096
_BARRIER_PATIENCE = 30.0  # seconds, as with runc


class Notification:
    """The socket of a container, from before its program begins, and a connection to that of the service manager.

    address: NOTIFY_SOCKET of the caller, a path, or @ and an abstract name. main_pid: what the service manager is to
    take for the service. Raises OcipyError when nobody listens there.
    """

    def __init__(self, container: Container, address: str, main_pid: int) -> None:
        self.main_pid = main_pid
        self.ready = False
        self.manager = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        try:
            self.manager.connect(f"\0{address[1:]}" if address.startswith("@") else address)
        except OSError as error:
            raise OcipyError(f"NOTIFY_SOCKET {address}: {error.strerror}", hint="unset it to do without") from None
        directory = f"{container.store.directory(container.id)}/{NOTIFY_DIRECTORY}"
        self.socket = sockets.receive_datagrams(directory, NOTIFY_SOCKET)

    def fileno(self) -> int:
        return self.socket.fileno()

    def serve(self) -> None:
        """Takes one message, without waiting; READY goes on to the service manager, once, and nothing else does."""
        try:
            message = self.socket.recv(_LARGEST, _socket.MSG_DONTWAIT)
        except BlockingIOError:
            return
        for line in message.split(b"\n"):
            if line.startswith(b"READY=") and not self.ready:
                self.ready = True
                self._tell(line + b"\n")
                self._tell(f"MAINPID={self.main_pid}\n".encode())

    def _tell(self, text: bytes, *rights: tuple[int, int, bytes]) -> None:
        try:
            self.manager.sendmsg([text], rights)
        except OSError:
            # The service manager has gone: no reason to end the container.
            pass

    def await_ready(self, container: Container, log: Log) -> None:
        """Returns when the program is ready and the manager has heard of it, or the container has ended."""
        pidfd = container.open_init()
        poll = select.poll()
        poll.register(self, select.POLLIN)
        if pidfd is not None:
            poll.register(pidfd, select.POLLIN)
        ended = pidfd is None
        while not (self.ready or ended):
            ended = pidfd in dict(poll.poll())
            self.serve()
        if pidfd is not None:
            os.close(pidfd)
        if self.ready:
            self._await_manager(log)

    def _await_manager(self, log: Log) -> None:
        """Returns when the manager has closed a pipe that it was sent: it looks senders up, and this one soon ends."""
        read, write = os.pipe2(os.O_CLOEXEC)
        self._tell(b"BARRIER=1", (_socket.SOL_SOCKET, _socket.SCM_RIGHTS, write.to_bytes(4, "little")))
        os.close(write)
        poll = select.poll()
        poll.register(read, 0)
        if not poll.poll(int(_BARRIER_PATIENCE * 1000)):
            log.warning("NOTIFY_SOCKET: the service manager does not answer BARRIER=1")
        os.close(read)


def open_notification(container: Container, address: str, main_pid: int) -> Notification | None:
    """Gives the relay of a container that was created with NOTIFY_SOCKET set, None of another."""
    if not os.path.isdir(f"{container.store.directory(container.id)}/{NOTIFY_DIRECTORY}"):
        return None
    return Notification(container, address, main_pid)
