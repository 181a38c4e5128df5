"""Ids for user namespaces: the programs that map more than one, and the ranges of the present user (subuid(5))."""

from __future__ import annotations

from ..linux import os
from .finding import note, ok, text_of, warn
from .installed import DIRECTORIES, installed

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding, Host

TITLE = "ids of user namespaces"
_USUAL = 65536  # ids of an image: up to nobody, 65534
_MEANS = "without privilege, a user namespace has one uid and one gid"
_MEANS_FOR_ROOT = "engines find no ids for user namespaces of their choice"
_SETCAP = "security.capability"


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings. Asks no name service: a directory server may not answer."""
    lacks = note if host.uid == 0 else warn
    for program in ("newuidmap", "newgidmap"):
        path = installed(program)
        if not path:
            yield lacks(program, f"not in {', '.join(DIRECTORIES)}", _MEANS, "apt install uidmap")
        elif not _raises(path):
            remedy = f"chmod u+s {path}, on a file system that is not mounted nosuid"
            yield lacks(program, f"{path} has no set-user-id bit and no capability", _MEANS, remedy)
        else:
            yield ok(program, path)
    names = _names(host.uid)
    for file in ("/etc/subuid", "/etc/subgid"):
        count = sum(size for owner, _first, size in ranges(text_of(file)) if owner in names)
        if count >= _USUAL:
            yield ok(file, f"{count} ids for {names[0]}")
        else:
            kind = file.rpartition("/")[2]
            remedy = f"usermod --add-{kind}s 100000-{100000 + _USUAL - 1} {names[0]}"
            means = _MEANS if host.uid else _MEANS_FOR_ROOT
            if count:
                means = f"images with ids from {count} on cannot be used with them"
            yield lacks(file, f"{count or 'no'} ids for {names[0]}", means, remedy)


def ranges(text: str) -> list[tuple[str, int, int]]:
    """Gives owner (a name or a number), first id and count of each line of /etc/subuid that is well formed."""
    result = []
    for line in text.splitlines():
        owner, *numbers = line.strip().split(":")
        if owner and len(numbers) == 2 and all(number.isascii() and number.isdigit() for number in numbers):
            result.append((owner, int(numbers[0]), int(numbers[1])))
    return result


def _names(uid: int) -> list[str]:
    """Gives what the user is called in /etc/passwd and, last, the number."""
    rows = (line.split(":") for line in text_of("/etc/passwd").splitlines())
    return [*(row[0] for row in rows if len(row) > 2 and row[2] == str(uid)), str(uid)]


def _raises(path: str) -> bool:
    """Tells whether a program has more rights than who starts it."""
    if os.statvfs(path).f_flag & os.ST_NOSUID:
        return False
    status = os.stat(path)
    return bool(status.st_mode & 0o4000 and status.st_uid == 0) or _SETCAP in os.listxattr(path)
