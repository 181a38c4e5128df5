"""A program that makes system calls and tells what they gave: a few bytes of x86_64 code, no library, no compiler."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

_BASE = 0x400000
_HEADERS = 64 + 56
NUMBERS = {
    "read": 0, "write": 1, "getpid": 39, "umask": 95, "getpriority": 140, "personality": 135, "exit_group": 231,
    "getpgid": 121, "getsid": 124, "getcwd": 79, "openat2": 437, "close_range": 436, "faccessat2": 439, "clone3": 435,
    "setns": 308, "unshare": 272, "landlock_create_ruleset": 444, "mount": 165, "uname": 63, "sched_yield": 24,
    "open_by_handle_at": 304, "ptrace": 101, "keyctl": 250, "getrandom": 318,
}  # fmt: skip

# Name or number, arguments; a call of the other mode is made by `i386`.
Call = tuple[object, ...]


def write(path: Path, *calls: Call) -> Path:
    """Writes the program. It prints each result as 8 bytes, to be read by `results`, and ends with 0.

    A call is a name of NUMBERS or a number, then its arguments; ("i386", number, ...) enters the kernel as 32-bit code.
    """
    if os.uname().machine != "x86_64":
        pytest.skip("needs x86_64: the probe is machine code")
    code = b"\x49\xbc" + struct.pack("<Q", _BASE + 0x10000)  # mov r12, buffer
    for call in calls:
        code += _call(*call)
        code += b"\x49\x89\x04\x24\x49\x83\xc4\x08"  # mov [r12], rax; add r12, 8
    code += _call("write", 1, _BASE + 0x10000, 8 * len(calls)) + _call("exit_group", 0)
    size = _HEADERS + len(code)
    header = struct.pack(
        "<16sHHIQQQIHHHHHH", b"\x7fELF\x02\x01\x01", 2, 62, 1, _BASE + _HEADERS, 64, 0, 0, 64, 56, 1, 0, 0, 0
    )
    # One segment, readable, writable and executable, with room for the results.
    segment = struct.pack("<IIQQQQQQ", 1, 7, 0, _BASE, _BASE, size, 0x20000, 0x1000)
    path.write_bytes(header + segment + code)
    path.chmod(0o755)
    return path


def _call(name: object, *arguments: int) -> bytes:
    if name == "i386":
        number, *rest = arguments
        # mov eax; ebx, ecx, edx; int 0x80; cdqe
        moves = b"".join(move + struct.pack("<I", value) for move, value in zip((b"\xbb", b"\xb9", b"\xba"), rest))  # noqa: B905
        return b"\xb8" + struct.pack("<I", number) + moves + b"\xcd\x80\x48\x98"
    number = NUMBERS[name] if isinstance(name, str) else name
    # mov rdi, rsi, rdx, r10, r8, r9
    moves = (b"\x48\xbf", b"\x48\xbe", b"\x48\xba", b"\x49\xba", b"\x49\xb8", b"\x49\xb9")
    given = (*arguments, *(0,) * (6 - len(arguments)))
    code = b"".join(move + struct.pack("<Q", value) for move, value in zip(moves, given, strict=True))
    return code + b"\x48\xb8" + struct.pack("<Q", number) + b"\x0f\x05"


def results(path: Path) -> list[int]:
    data = path.read_bytes()
    return [value for (value,) in struct.iter_unpack("<q", data[: len(data) // 8 * 8])]
