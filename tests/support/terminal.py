"""Terminals as a caller has them: the master of a pty, and a socket that receives one."""

import array
import fcntl
import os
import select
import socket
import struct
import termios
import time

import pytest

from . import host


class Terminal:
    """The master of a pty: what is shown on it and what is typed."""

    def __init__(self, master):
        self.master = master
        self.shown = ""

    def type(self, text):
        os.write(self.master, text.encode())

    def read(self, seconds=0.05):
        ready, _, _ = select.select([self.master], [], [], seconds)
        if ready:
            try:
                data = os.read(self.master, 65536)
            except OSError:
                return False
            self.shown += data.decode(errors="replace")
            return bool(data)
        return True

    def expect(self, text):
        end = time.monotonic() + host.PATIENCE
        while text not in self.shown:
            assert self.read() or text in self.shown, f"closed without {text!r}: {self.shown!r}"
            assert time.monotonic() < end, f"no {text!r} in {self.shown!r}"
        before, _, self.shown = self.shown.partition(text)
        return before

    def resize(self, rows, columns):
        fcntl.ioctl(self.master, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))


@pytest.fixture
def console(scratch):
    """A console socket: gives its path and a function that receives (payload, descriptors)."""
    path = scratch / "console.sock"
    listener = socket.socket(socket.AF_UNIX)
    listener.bind(str(path))
    listener.listen(1)
    listener.settimeout(host.PATIENCE)

    def receive():
        connection, _ = listener.accept()
        with connection:
            data, control, _flags, _address = connection.recvmsg(4096, socket.CMSG_SPACE(16 * 4))
            descriptors = array.array("i")
            for level, kind, rights in control:
                assert (level, kind) == (socket.SOL_SOCKET, socket.SCM_RIGHTS)
                descriptors.frombytes(rights)
            assert connection.recv(1) == b"", "more than one message"
        return data.decode(), list(descriptors)

    yield path, receive
    listener.close()
