"""What the runtime needs of `os.path`, whose import brings `os` along (see os.py). Names and results are the same."""

from __future__ import annotations

import posix
from _stat import S_ISDIR, S_ISLNK


def join(first: str, second: str) -> str:
    if second.startswith("/") or not first:
        return second
    return f"{first}{second}" if first.endswith("/") else f"{first}/{second}"


def dirname(path: str) -> str:
    head = path[: path.rfind("/") + 1]
    return head.rstrip("/") or head


def basename(path: str) -> str:
    return path[path.rfind("/") + 1 :]


def normpath(path: str) -> str:
    # POSIX lets two slashes at the beginning, and no other number, mean something of their own.
    start = "//" if path.startswith("//") and not path.startswith("///") else "/" if path.startswith("/") else ""
    parts: list[str] = []
    for part in path.split("/"):
        if part == ".." and parts and parts[-1] != "..":
            parts.pop()
        elif part not in ("", ".") and not (part == ".." and start):
            parts.append(part)
    return start + "/".join(parts) or "."


def abspath(path: str) -> str:
    return normpath(path if path.startswith("/") else join(posix.getcwd(), path))


def exists(path: str) -> bool:
    return _mode(path) is not None


def lexists(path: str) -> bool:
    return _mode(path, follow=False) is not None


def isdir(path: str) -> bool:
    return S_ISDIR(_mode(path) or 0)


def islink(path: str) -> bool:
    return S_ISLNK(_mode(path, follow=False) or 0)


def samefile(first: str, second: str) -> bool:
    one, other = posix.stat(first), posix.stat(second)
    return (one.st_dev, one.st_ino) == (other.st_dev, other.st_ino)


def _mode(path: str, *, follow: bool = True) -> int | None:
    try:
        return posix.stat(path, follow_symlinks=follow).st_mode
    except (OSError, ValueError):
        return None
