"""Unix sockets by path: the one on which init waits for start, and those to which descriptors are sent."""

from __future__ import annotations

import _socket

from ..linux import os

TYPE_CHECKING = False


def _near(directory: str, name: str) -> tuple[int, str]:
    """Gives a descriptor and a path below it: sun_path takes 107 bytes, and state directories may be longer."""
    descriptor = os.open(directory, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    return descriptor, f"/proc/self/fd/{descriptor}/{name}"


def listen(directory: str, name: str) -> _socket.socket:
    """Gives a listening socket bound to `name` in the directory. Raises OSError."""
    descriptor, path = _near(directory, name)
    try:
        listener = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        listener.bind(path)
        listener.listen(8)
        return listener
    finally:
        os.close(descriptor)


def receive_datagrams(directory: str, name: str) -> _socket.socket:
    """Gives a socket at `name` in the directory, to which everybody may send datagrams. Raises OSError."""
    descriptor, path = _near(directory, name)
    mask = os.umask(0)
    try:
        try:
            # Of a start that was killed.
            os.unlink(path)
        except FileNotFoundError:
            pass
        receiver = _socket.socket(_socket.AF_UNIX, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
        receiver.bind(path)
        return receiver
    finally:
        os.umask(mask)
        os.close(descriptor)


def connect(path: str) -> _socket.socket:
    """Gives a socket connected to the one at `path`. Raises OSError."""
    directory, _slash, name = path.rpartition("/")
    descriptor, near = _near(directory or ".", name)
    try:
        connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_CLOEXEC)
        connection.connect(near)
        return connection
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def send_descriptor(path: str, descriptor: int, payload: str) -> None:
    """Sends one descriptor with a name, in one message, to the socket at `path`. Raises OSError."""
    connection = connect(path)
    try:
        rights = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, descriptor.to_bytes(4, "little"))]
        connection.sendmsg([payload.encode()], rights)
    finally:
        connection.close()
