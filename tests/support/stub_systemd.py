"""A stand-in for systemd on the system's bus, whose answers a test chooses: it starts no unit and moves no process.

As much of the D-Bus specification (Authentication Protocol, Message Protocol) as a caller of StartTransientUnit needs.
"""

from __future__ import annotations

import socketserver
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

from ocipy.linux.libsystemd import split

SYSTEMD = "org.freedesktop.systemd1"
_RETURN, _ERROR, _SIGNAL = 2, 3, 4
_PATH, _INTERFACE, _MEMBER, _ERROR_NAME, _REPLY_SERIAL, _DESTINATION, _SENDER, _SIGNATURE = range(1, 9)
_FIXED = {"b": "I", "u": "I", "i": "i", "x": "q", "t": "Q", "d": "d"}
_JOB = "/org/freedesktop/systemd1/job/1"
# What is done about StartTransientUnit, with the name of the unit and its properties. It gives the result of the job;
# or raises Refusal, ConnectionError to end the connection, or TimeoutError to say nothing at all.
Start = Callable[[str, dict[str, Any]], str]


class Refusal(Exception):
    """An error as systemd answers with: its name, and what it says."""

    def __init__(self, name: str, text: str) -> None:
        super().__init__(f"{SYSTEMD}.{name}", text)


class StubSystemd:
    """kill, stop: what is done for KillUnit and StopUnit. calls: all so far, (method, unit, what else was given)."""

    def __init__(self, path: Path, start: Start, kill: Callable[[], object], stop: Callable[[], object]) -> None:
        self.calls: list[tuple[Any, ...]] = []
        self.start, self.kill, self.stop = start, kill, stop
        self._server = socketserver.ThreadingUnixStreamServer(str(path), type("Peer", (_Peer,), {"systemd": self}))
        self._server.daemon_threads = True
        threading.Thread(target=self._server.serve_forever, args=(0.01,), daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def methods(self) -> list[str]:
        return [method for method, *_ in self.calls]

    def answer(self, method: str, values: list[Any]) -> tuple[str, list[Any], str]:
        """Gives signature and values of the reply, and the result of the job that it began, if any."""
        if method in ("Hello", "AddMatch"):
            return ("s", [":1.1"], "") if method == "Hello" else ("", [], "")
        self.calls.append((method, *values))
        if method == "StartTransientUnit":
            return "o", [_JOB], self.start(values[0], dict(values[2]))
        if method == "KillUnit":
            self.kill()
        if method == "StopUnit":
            self.stop()
            return "o", [_JOB], "done"
        return "", [], ""


class _Peer(socketserver.StreamRequestHandler):
    systemd: StubSystemd

    def handle(self) -> None:
        try:
            self._authenticate()
            while head := self.rfile.read(16):
                self._message(head)
        except ConnectionError:
            pass

    def _authenticate(self) -> None:
        answers = {"AUTH": "DATA", "DATA": f"OK {'0' * 32}", "NEGOTIATE_UNIX_FD": "AGREE_UNIX_FD"}
        while (words := self.rfile.readline().decode().strip("\0\r\n").split()) != ["BEGIN"]:
            self.wfile.write(f"{answers[words[0]]}\r\n".encode())

    def _message(self, head: bytes) -> None:
        """Reads one message, of which `head` is the fixed part and the length of the fields, and answers it."""
        length, serial, fields_length = struct.unpack_from("=III", head, 4)
        rest = self.rfile.read(-(-fields_length // 8) * 8 + length)
        fields = dict(_read(head + rest[:fields_length], 12, "a(yv)")[0])
        values = list(_read(rest[len(rest) - length :], 0, f"({fields.get(_SIGNATURE, '')})")[0])
        reply = (_REPLY_SERIAL, "u", serial)
        try:
            signature, answer, result = self.systemd.answer(fields[_MEMBER], values)
        except TimeoutError:
            return
        except Refusal as refusal:
            self._send(_ERROR, [reply, (_ERROR_NAME, "s", refusal.args[0])], "s", [refusal.args[1]])
            return
        self._send(_RETURN, [reply], signature, answer)
        if result:
            where = [(_PATH, "o", "/org/freedesktop/systemd1"), (_INTERFACE, "s", f"{SYSTEMD}.Manager")]
            self._send(_SIGNAL, [*where, (_MEMBER, "s", "JobRemoved")], "uoss", [1, _JOB, values[0], result])

    def _send(self, kind: int, fields: list[tuple[int, str, Any]], signature: str, values: list[Any]) -> None:
        header, body = bytearray(), bytearray()
        for code, type, value in [*fields, (_SENDER, "s", ":1.0"), (_SIGNATURE, "g", signature)]:
            header += bytes(-len(header) % 8) + bytes([code])
            _write(header, "g", type)
            _write(header, type, value)
        for type, value in zip(signature, values, strict=True):
            _write(body, type, value)
        fixed = struct.pack("=cBBBIII", b"l", kind, 0, 1, len(body), 1, len(header))
        self.wfile.write(fixed + header + bytes(-len(header) % 8) + body)


def _write(data: bytearray, type: str, value: Any) -> None:
    if type == "g":
        data += bytes([len(value)])
    else:
        data += bytes(-len(data) % 4) + struct.pack("=I", value if type == "u" else len(value))
    if type != "u":
        data += value.encode() + b"\0"


def _read(data: bytes, offset: int, type: str) -> tuple[Any, int]:
    """Gives the value of one complete type that begins, with its padding, at the offset; and where it ends."""
    code = type[0]
    if code == "y":
        return data[offset], offset + 1
    if code in "gv":
        text = data[offset + 1 : offset + 1 + data[offset]].decode()
        offset += len(text) + 2
        return (text, offset) if code == "g" else _read(data, offset, text)
    offset += -offset % (8 if code in "xtd({" else 4)
    if code in _FIXED:
        return struct.unpack_from(f"={_FIXED[code]}", data, offset)[0], offset + struct.calcsize(_FIXED[code])
    found = []
    if code in "({":
        for part in split(type[1:-1]):
            value, offset = _read(data, offset, part)
            found.append(value)
        return tuple(found), offset
    (length,) = struct.unpack_from("=I", data, offset)
    offset += 4
    if code in "so":
        return data[offset : offset + length].decode(), offset + length + 1
    offset += -offset % (8 if type[1] in "xtd({" else 1)
    end = offset + length
    while offset < end:
        value, offset = _read(data, offset, type[1:])
        found.append(value)
    return found, offset
