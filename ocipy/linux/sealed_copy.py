"""A copy of the interpreter in memory that nobody can change any more: for who may not mount (memfd_create(2))."""

from __future__ import annotations

import fcntl

from . import os

_SEALS = fcntl.F_SEAL_SEAL | fcntl.F_SEAL_SHRINK | fcntl.F_SEAL_GROW | fcntl.F_SEAL_WRITE
_CHUNK = 1 << 30


def seal(path: str) -> int:
    """Gives the descriptor of a sealed copy of a file, closed on exec. Raises OSError."""
    source = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    copy = os.memfd_create("ocipy-python", os.MFD_CLOEXEC | os.MFD_ALLOW_SEALING)
    while os.sendfile(copy, source, None, _CHUNK):
        pass
    os.close(source)
    os.fchmod(copy, 0o500)
    fcntl.fcntl(copy, fcntl.F_ADD_SEALS, _SEALS)
    return copy


def is_sealed(path: str) -> bool:
    """Tells whether a file is such a copy."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return fcntl.fcntl(descriptor, fcntl.F_GET_SEALS) & _SEALS == _SEALS
    except OSError:
        # Not in memory at all.
        return False
    finally:
        os.close(descriptor)
