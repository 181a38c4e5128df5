"""tmpcopyup: a new tmpfs begins with what the directory under it holds."""

from __future__ import annotations

import _stat as stat
from errno import EINVAL, ENOTSUP, EPERM

from ..linux import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

_READ = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_CHUNK = 1 << 24


def copy_up(init: Init, source: int, target: int) -> None:
    """Copies the content of one directory into another, both given as descriptors (O_PATH will do).

    Kept are owner, mode, times and, where the tmpfs takes them, extended attributes; links are copied as links. The
    mode of the target itself is an option of its mount.
    """
    reader = os.open(".", _READ | os.O_DIRECTORY, dir_fd=source)
    writer = os.open(".", _READ | os.O_DIRECTORY, dir_fd=target)
    try:
        _copy_entries(init, reader, writer)
        status = os.fstat(reader)
        _copy_attributes(reader, writer)
        os.chown(writer, status.st_uid, status.st_gid)
        os.utime(writer, ns=(status.st_atime_ns, status.st_mtime_ns))
    finally:
        os.close(reader)
        os.close(writer)


def _copy_entries(init: Init, source: int, target: int) -> None:
    for name in os.listdir(source):
        status = os.stat(name, dir_fd=source, follow_symlinks=False)
        if stat.S_ISDIR(status.st_mode):
            os.mkdir(name, 0o700, dir_fd=target)
            _copy_open(init, name, source, target, status, os.O_DIRECTORY)
        elif stat.S_ISREG(status.st_mode):
            os.close(os.open(name, _CREATE, 0o600, dir_fd=target))
            _copy_open(init, name, source, target, status, 0)
        else:
            _copy_special(init, name, source, target, status)


def _copy_open(init: Init, name: str, source: int, target: int, status: os.stat_result, kind: int) -> None:
    """Copies content and attributes of a directory or regular file onto its empty copy."""
    reader = os.open(name, _READ | kind, dir_fd=source)
    try:
        flags = _READ | kind if kind else os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC
        writer = os.open(name, flags, dir_fd=target)
        try:
            if kind:
                _copy_entries(init, reader, writer)
            else:
                while os.sendfile(writer, reader, None, _CHUNK):
                    pass
            os.chown(writer, status.st_uid, status.st_gid)
            os.chmod(writer, stat.S_IMODE(status.st_mode))
            # After the owner, whose change drops file capabilities.
            _copy_attributes(reader, writer)
            os.utime(writer, ns=(status.st_atime_ns, status.st_mtime_ns))
        finally:
            os.close(writer)
    finally:
        os.close(reader)


def _copy_special(init: Init, name: str, source: int, target: int, status: os.stat_result) -> None:
    """Copies a symbolic link, FIFO, socket or device without opening it."""
    if stat.S_ISLNK(status.st_mode):
        os.symlink(os.readlink(name, dir_fd=source), name, dir_fd=target)
    else:
        os.mknod(name, status.st_mode, status.st_rdev, dir_fd=target)
    os.chown(name, status.st_uid, status.st_gid, dir_fd=target, follow_symlinks=False)
    if not stat.S_ISLNK(status.st_mode):
        # Not a link, and nobody else can reach the detached tmpfs to make it one.
        os.chmod(name, stat.S_IMODE(status.st_mode), dir_fd=target)
    os.utime(name, ns=(status.st_atime_ns, status.st_mtime_ns), dir_fd=target, follow_symlinks=False)
    os.fchdir(init.proc)
    _copy_attributes(f"self/fd/{source}/{name}", f"self/fd/{target}/{name}")


def _copy_attributes(source: int | str, target: int | str) -> None:
    follow = isinstance(source, int)
    for name in os.listxattr(source, follow_symlinks=follow):
        try:
            os.setxattr(target, name, os.getxattr(source, name, follow_symlinks=follow), follow_symlinks=follow)
        except OSError as error:
            # The tmpfs does not take every name (user.* needs kernel 6.6), a user namespace may not set every one.
            if error.errno not in (ENOTSUP, EPERM, EINVAL):
                raise
