"""D-Bus by libsystemd.so.0 (sd-bus(3)): calls of methods, and signals that are waited for.

Loading it takes milliseconds, so nothing imports this module until systemd is really asked.
"""

from __future__ import annotations

import _ctypes
from errno import ETIMEDOUT
from struct import pack, unpack
from time import monotonic

from . import os
from .libc import Word, address, buffer
from .library import Library, ToInt, ToPointer

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

NAME = "libsystemd.so.0"
# The codes of the D-Bus specification, Type system, as those of struct.
_FIXED = {"y": "B", "b": "i", "n": "h", "q": "H", "i": "i", "u": "I", "x": "q", "t": "Q", "d": "d"}
_TEXT = "sog"
_MICROSECONDS = 1_000_000
_TIMEOUT = 60  # seconds for one reply; what systemd waits for itself comes as a signal

_FUNCTIONS = {
    "sd_bus_open_system": 1, "sd_bus_open_user": 1, "sd_bus_flush_close_unref": 1, "sd_bus_call": 5,
    "sd_bus_process": 2, "sd_bus_wait": 2, "sd_bus_error_free": 1, "sd_bus_message_new_method_call": 6,
    "sd_bus_message_append_basic": 3, "sd_bus_message_open_container": 3, "sd_bus_message_close_container": 1,
    "sd_bus_message_read_basic": 3, "sd_bus_message_enter_container": 3, "sd_bus_message_exit_container": 1,
    "sd_bus_message_is_signal": 3, "sd_bus_message_unref": 1,
}  # fmt: skip


class _Text(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "z"


class BusError(OSError):
    """An error that the peer answered with. name: such as org.freedesktop.systemd1.NoSuchUnit."""

    name = ""


class Bus:
    """A connection to the system's bus, or to the calling user's. Its methods raise OSError, BusError.

    A value is what its signature says (D-Bus specification): bool, int, float, str; a tuple for an array, a struct or
    an entry of a dictionary; a pair of signature and value for a variant.
    """

    def __init__(self, *, user: bool) -> None:
        library = Library(NAME)
        self._call = {
            name: library.function(ToPointer if name.endswith("unref") else ToInt, name, *(Word,) * count)
            for name, count in _FUNCTIONS.items()
        }
        pointer = buffer(8)
        self._check("sd_bus_open_user" if user else "sd_bus_open_system", pointer)
        self._bus = _number(pointer)

    def close(self) -> None:
        self._call["sd_bus_flush_close_unref"](self._bus)

    def call(
        self, target: tuple[str, str, str], method: str, signature: str = "", *values: Any, reply: str = ""
    ) -> tuple[Any, ...]:
        """Calls a method and gives the values of its reply. target: peer, object and interface."""
        pointer = buffer(8)
        peer, path, interface = (text.encode() for text in target)
        self._check("sd_bus_message_new_method_call", self._bus, pointer, peer, path, interface, method.encode())
        message = _number(pointer)
        error = buffer(24)  # struct sd_bus_error: name, message, whether to free them
        try:
            for part, value in zip(split(signature), values, strict=True):
                self._append(message, part, value)
            result = self._call["sd_bus_call"](self._bus, message, _TIMEOUT * _MICROSECONDS, error, pointer)
            if result < 0:
                raise _bus_error(method, -result, error)
        finally:
            self._call["sd_bus_message_unref"](message)
            self._call["sd_bus_error_free"](error)
        return self._take(_number(pointer), reply)

    def wait_signal(self, interface: str, name: str, signature: str, deadline: float) -> tuple[Any, ...]:
        """Gives the values of the next signal of that name that was subscribed to. deadline: as of monotonic().

        Raises TimeoutError.
        """
        pointer = buffer(8)
        while True:
            pointer.raw = bytes(8)
            begun = self._check("sd_bus_process", self._bus, pointer)
            message = _number(pointer)
            if message and self._check("sd_bus_message_is_signal", message, interface.encode(), name.encode()):
                return self._take(message, signature)
            if message:
                self._call["sd_bus_message_unref"](message)
            left = deadline - monotonic()
            if left <= 0:
                raise TimeoutError(ETIMEDOUT, os.strerror(ETIMEDOUT))
            if not begun:
                self._check("sd_bus_wait", self._bus, int(left * _MICROSECONDS))

    def _check(self, name: str, *arguments: Any) -> int:
        result: int = self._call[name](*arguments)
        if result < 0:
            error = OSError(-result, os.strerror(-result))
            setattr(error, "syscall", name)  # noqa: B010 (no declared attribute)
            raise error
        return result

    def _append(self, message: int, signature: str, value: Any) -> None:
        code = signature[0]
        if code in _TEXT:
            # The address of the bytes is what ctypes hands over.
            self._check("sd_bus_message_append_basic", message, ord(code), value.encode())
        elif code in _FIXED:
            self._check("sd_bus_message_append_basic", message, ord(code), pack(f"={_FIXED[code]}", value))
        else:
            kind, contents, parts = _container(signature, value)
            self._check("sd_bus_message_open_container", message, ord(kind), contents.encode())
            for part, member in parts:
                self._append(message, part, member)
            self._check("sd_bus_message_close_container", message)

    def _take(self, message: int, signature: str) -> tuple[Any, ...]:
        try:
            return tuple(self._read(message, code) for code in signature)
        finally:
            self._call["sd_bus_message_unref"](message)

    def _read(self, message: int, code: str) -> Any:
        """Reads a number, a text, or, by the code v, a variant that holds a text: nothing else is ever asked for."""
        memory = buffer(8)
        if code == "v":
            self._check("sd_bus_message_enter_container", message, ord("v"), b"s")
            text = self._read(message, "s")
            self._check("sd_bus_message_exit_container", message)
            return text
        self._check("sd_bus_message_read_basic", message, ord(code), memory)
        if code in _TEXT:
            return _text(address(memory))
        return unpack(f"={_FIXED[code]}", memory.raw[: len(pack(f"={_FIXED[code]}", 0))])[0]


def split(signature: str) -> list[str]:
    """Gives the complete types of a signature: `sa(sv)u` is s, a(sv), u."""
    parts = []
    begin = depth = 0
    for index, code in enumerate(signature):
        depth += (code in "({") - (code in ")}")
        if not depth and code != "a":
            parts.append(signature[begin : index + 1])
            begin = index + 1
    return parts


def _container(signature: str, value: Any) -> tuple[str, str, list[tuple[str, Any]]]:
    """Gives the code of a container, the signature of its contents, and the members with theirs."""
    if signature == "v":
        return "v", value[0], [value]
    if signature[0] == "a":
        return "a", signature[1:], [(signature[1:], member) for member in value]
    contents = signature[1:-1]
    return "r" if signature[0] == "(" else "e", contents, list(zip(split(contents), value, strict=True))


def _bus_error(method: str, code: int, error: Any) -> OSError:
    if not _number(error):
        return OSError(code, os.strerror(code))
    result = BusError(code, _text(address(error) + 8) or os.strerror(code))
    result.name = _text(address(error))
    setattr(result, "syscall", method)  # noqa: B010 (no declared attribute)
    return result


def _number(memory: Any) -> int:
    value: int = unpack("=Q", memory.raw[:8])[0]
    return value


def _text(place: int) -> str:
    """Gives the text of a pointer to characters that lies at an address; "" for a null pointer."""
    value: Any = _Text.from_address(place).value
    return value.decode(errors="replace") if value else ""
