"""Namespaces that files of /proc or bind mounts stand for (ioctl_ns(2))."""

from __future__ import annotations

import fcntl

from . import os

_NS_GET_NSTYPE = 0xB703


def open_namespace(path: str, kind: int) -> int:
    """Gives a descriptor of the namespace at `path`, which must be of the CLONE_NEW* kind. Raises OSError."""
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    try:
        found = fcntl.ioctl(descriptor, _NS_GET_NSTYPE)
    except OSError as error:
        os.close(descriptor)
        raise OSError(error.errno, "is not a namespace", path) from None
    if found != kind:
        os.close(descriptor)
        raise OSError(22, "is a namespace of another type", path)
    return descriptor


def is_own_namespace(descriptor: int, type: str) -> bool:
    """Tells whether a namespace is the one that this process is in. type: network, ipc or uts. Raises OSError."""
    own = os.stat(f"/proc/self/ns/{'net' if type == 'network' else type}")
    there = os.fstat(descriptor)
    return (own.st_dev, own.st_ino) == (there.st_dev, there.st_ino)
