"""openat2(2): opening a path with rules for how the kernel may resolve it."""

from __future__ import annotations

from _struct import pack
from errno import EAGAIN

from . import os
from .libc import syscall

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RESOLVE_IN_ROOT = 0x10

_ATTEMPTS = 128


def openat2(dirfd: int, path: str, flags: int, mode: int = 0, resolve: int = 0) -> int:
    """Opens `path` relative to `dirfd` under the RESOLVE_* rules and gives the descriptor, close-on-exec.

    Raises OSError: EXDEV or ELOOP where the rules forbid a step, EAGAIN after a bounded number of attempts.
    """
    how = pack("=QQQ", flags | os.O_CLOEXEC, mode, resolve)
    attempt = 1
    while True:
        try:
            return syscall("openat2", dirfd, os.fsencode(path), how, len(how), object=path)
        except OSError as error:
            # The kernel gives up on `..` below RESOLVE_IN_ROOT while anything on the system is renamed or mounted.
            if error.errno != EAGAIN or attempt == _ATTEMPTS:
                raise
            attempt += 1
