"""System calls through the libc that the interpreter is linked with.

`_ctypes` is the C half of ctypes: the Python half costs 4 ms at each start and is not needed for calls whose
arguments are numbers, byte strings and flat buffers.
"""

from __future__ import annotations

import _ctypes

from . import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_MACHINE = os.uname().machine
# Calls added since 5.0 (open_tree and later) have one number on all architectures; older ones are listed per
# machine, the second column being the generic table that aarch64 and riscv64 share.
_COLUMN = 0 if _MACHINE == "x86_64" else 1
_NUMBERS = {
    "getcwd": (79, 17),
    "capget": (125, 90),
    "capset": (126, 91),
    "fstatfs": (138, 44),
    "pivot_root": (155, 41),
    "madvise": (28, 233),
    "mount": (165, 40),
    "umount2": (166, 39),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "prctl": (157, 167),
    "keyctl": (250, 219),
    "ioprio_set": (251, 30),
    "sched_setaffinity": (203, 122),
    "unshare": (272, 97),
    "setns": (308, 268),
    "seccomp": (317, 277),
    "sched_setattr": (314, 274),
    "bpf": (321, 280),
    "execveat": (322, 281),
    "personality": (135, 92),
    "execve": (59, 221),
    "prlimit64": (302, 261),
    "rt_sigaction": (13, 134),
    "statfs": (137, 43),
    "statx": (332, 291),
}
_SAME = {
    "open_tree": 428,
    "move_mount": 429,
    "fsopen": 430,
    "fsconfig": 431,
    "fsmount": 432,
    "fspick": 433,
    "pidfd_open": 434,
    "clone3": 435,
    "close_range": 436,
    "openat2": 437,
    "mount_setattr": 442,
    "lsm_list_modules": 461,
}


class _Long(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "l"


class Word(_ctypes._SimpleCData):  # type: ignore[type-arg]
    """A machine word: takes a number, bytes (by address), a Buffer or None."""

    _type_ = "P"


class _Char(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "c"


class _Function(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL | _ctypes.FUNCFLAG_USE_ERRNO
    _restype_ = _Long


_libc = _ctypes.dlopen(None, 0)  # type: ignore[arg-type]
_syscall = _Function(_ctypes.dlsym(_libc, "syscall"))
_syscall.argtypes = (Word,) * 7
# By size: making a type takes as long as ten system calls.
_buffers: dict[int, type] = {}


def buffer(size: int) -> Any:
    """Gives a zeroed, writable memory of `size` bytes that can be passed to `syscall`; read it by `.raw`."""
    if size not in _buffers:
        _buffers[size] = type("Buffer", (_ctypes.Array,), {"_type_": _Char, "_length_": size})
    return _buffers[size]()


def address(memory: Any) -> int:
    """Gives the address of a `buffer`, for use inside other structures (keep the buffer alive)."""
    return _ctypes.addressof(memory)


class Pinned:
    """Bytes with an address that stays valid as long as this object lives."""

    __slots__ = ("address", "memory")

    def __init__(self, data: bytes) -> None:
        self.memory = buffer(len(data) + 1)
        self.memory.raw = data + b"\0"
        self.address = _ctypes.addressof(self.memory)


def failure(name: str, code: int, text: str, object: str | bytes | None) -> OSError:
    """Gives the OSError (FileNotFoundError and so on by `code`) of the call `name`, which it knows as `syscall`."""
    error = OSError(code, text, os.fsdecode(object) if object is not None else None)
    setattr(error, "syscall", name)  # noqa: B010 (no declared attribute)
    return error


def syscall(name: str, *arguments: Any, object: str | bytes | None = None) -> int:
    """Makes the system call `name` and gives its result.

    arguments: numbers, bytes (with the NUL of a C string added by ctypes), buffers, None.
    object: what the call is about, for the error's filename.
    Raises OSError when the result is -1.
    """
    number = _SAME.get(name) or _NUMBERS[name][_COLUMN]
    result: int = _syscall(number, *arguments, *(0,) * (6 - len(arguments)))
    if result == -1:
        code = _ctypes.get_errno()
        raise failure(name, code, os.strerror(code), object)
    return result
