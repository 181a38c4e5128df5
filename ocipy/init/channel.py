"""Messages between the command (P) and the init process (I), over one socket pair.

A message is a value that marshal can carry (both ends run the same interpreter) with descriptors beside it.
"""

from __future__ import annotations

import _socket
import marshal

from ..linux import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

_HEADER = 4
_MOST_DESCRIPTORS = 250  # SCM_MAX_FD is 253


class Channel:
    """One end of the socket pair."""

    __slots__ = ("socket",)

    def __init__(self, descriptor: int) -> None:
        self.socket = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM, 0, descriptor)

    def fileno(self) -> int:
        return self.socket.fileno()

    def close(self) -> None:
        self.socket.close()

    def send(self, value: Any, descriptors: Sequence[int] = ()) -> None:
        """Sends a value and copies of descriptors. Raises EOFError when nobody is left to read."""
        body = marshal.dumps(value)
        data = memoryview(len(body).to_bytes(_HEADER, "little") + body)
        ancillary = []
        if descriptors:
            packed = b"".join(number.to_bytes(4, "little") for number in descriptors)
            ancillary = [(_socket.SOL_SOCKET, _socket.SCM_RIGHTS, packed)]
        try:
            while data:
                data = data[self.socket.sendmsg([data], ancillary, _socket.MSG_NOSIGNAL) :]
                ancillary = []
        except (BrokenPipeError, ConnectionResetError):
            raise EOFError from None

    def receive(self) -> tuple[Any, list[int]]:
        """Gives the next value and its descriptors, which are close-on-exec. Raises EOFError at the end."""
        head, descriptors = self._read(_HEADER, [])
        body, descriptors = self._read(int.from_bytes(head, "little"), descriptors)
        return marshal.loads(body), descriptors

    def _read(self, size: int, descriptors: list[int]) -> tuple[bytes, list[int]]:
        data = b""
        while len(data) < size:
            try:
                part, ancillary, _flags, _peer = self.socket.recvmsg(
                    size - len(data), _socket.CMSG_SPACE(4 * _MOST_DESCRIPTORS), _socket.MSG_CMSG_CLOEXEC
                )
            except ConnectionResetError:
                raise EOFError from None
            for level, kind, packed in ancillary:
                if level == _socket.SOL_SOCKET and kind == _socket.SCM_RIGHTS:
                    descriptors += [
                        int.from_bytes(packed[i : i + 4], "little") for i in range(0, len(packed) - 3, 4)
                    ]
            if not part:
                for descriptor in descriptors:
                    os.close(descriptor)
                raise EOFError
            data += part
        return data, descriptors


def make_pair() -> tuple[Channel, Channel]:
    """Gives the two ends of a channel."""
    here, there = _socket.socketpair(_socket.AF_UNIX, _socket.SOCK_STREAM)
    return Channel(here.detach()), Channel(there.detach())
