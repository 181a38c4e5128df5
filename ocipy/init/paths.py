"""Paths inside the container's root, resolved by the kernel alone.

The image, and containers that share a volume, may change any component at any time. So a path is turned into a
descriptor in one system call, and what is made is made relative to a descriptor (CVE-2021-30465, CVE-2024-45310).
"""

from __future__ import annotations

from errno import EINVAL, ELOOP

from ..linux import os
from ..linux.openat2 import RESOLVE_IN_ROOT, RESOLVE_NO_MAGICLINKS, openat2

# MAXSYMLINKS of the kernel is 40; what is beyond are retries after a concurrent create or remove.
_STEPS_PER_COMPONENT = 64


def open_in_root(root: int, path: str, flags: int = os.O_PATH, resolve: int = 0) -> int:
    """Opens `path` as a process whose root is the descriptor `root` would see it; gives the descriptor.

    resolve: further RESOLVE_* rules. Raises OSError: ELOOP for a magic link such as /proc/self/fd/N.
    """
    return openat2(root, path or "/", flags, resolve=resolve | RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS)


def make_directories(root: int, path: str, mode: int = 0o755, resolve: int = 0) -> int:
    """Gives an O_PATH descriptor of the directory `path`, making it and its missing parents."""
    try:
        return open_in_root(root, path, os.O_PATH | os.O_DIRECTORY, resolve)
    except FileNotFoundError:
        return _make(root, path, None, mode, resolve)


def make_file(root: int, path: str, mode: int = 0o644, resolve: int = 0) -> int:
    """Gives an O_PATH descriptor of what is at `path`; if nothing is, an empty file is made, with its parents."""
    try:
        return open_in_root(root, path, os.O_PATH, resolve)
    except FileNotFoundError:
        return _make(root, path, mode, 0o755, resolve)


def split(path: str) -> tuple[str, str]:
    """Gives the parent and the last component of an absolute path without `.` and `..`."""
    parent, _, name = path.rpartition("/")
    return parent or "/", name


def _components(path: str) -> list[str]:
    return [name for name in path.split("/") if name not in ("", ".")]


def _make(root: int, path: str, file_mode: int | None, mode: int, resolve: int) -> int:
    """Walks `path`, makes what is missing (a file at the end unless file_mode is None), gives the descriptor."""
    parent, done = os.dup(root), ""
    rest = _components(path)
    budget = _STEPS_PER_COMPONENT * (len(rest) + 1)
    try:
        while rest:
            budget -= 1
            if budget < 0:
                raise OSError(ELOOP, os.strerror(ELOOP), path)
            name = rest[0]
            as_file = file_mode is not None and len(rest) == 1
            kind = 0 if as_file else os.O_DIRECTORY
            try:
                found = open_in_root(root, f"{done}/{name}", os.O_PATH | kind, resolve)
            except FileNotFoundError:
                target = _make_one(parent, name, file_mode if as_file else None, mode)
                if target is not None:
                    # A dangling link: what it points to is made, inside the root.
                    rest[:1] = _components(target)
                    if target.startswith("/"):
                        os.close(parent)
                        parent, done = os.dup(root), ""
                continue
            os.close(parent)
            parent, done = found, f"{done}/{name}"
            del rest[0]
    except BaseException:
        os.close(parent)
        raise
    return parent


def _make_one(parent: int, name: str, file_mode: int | None, mode: int) -> str | None:
    """Makes one entry of `parent`; gives the target if a symbolic link is there instead."""
    try:
        if file_mode is None:
            os.mkdir(name, mode, dir_fd=parent)
        else:
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW
            os.close(os.open(name, flags, file_mode, dir_fd=parent))
    except FileExistsError:
        try:
            return os.readlink(name, dir_fd=parent)
        except FileNotFoundError:
            return None
        except OSError as error:
            # Another create on the same root was faster.
            if error.errno != EINVAL:
                raise
    return None
