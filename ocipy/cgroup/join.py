"""How a process gets into its cgroup, and how that is verified.

Moving a whole process (a pid written to cgroup.procs) takes a lock of all processes of the machine and waits for an
RCU grace period: about 13 ms. A thread that moves itself (0 written to `tasks` of v1) takes none: 0.14 ms for ten
hierarchies. In v2, which has no `tasks`, a process is born in its cgroup (CLONE_INTO_CGROUP), unless what its birth
takes is too much for the limit of memory.
"""

from __future__ import annotations

from errno import ENOENT, errorcode

from ..errors import OcipyError, describe_os_error
from ..linux import os
from .files import read

_ROOT = "/sys/fs/cgroup"


def open_join(directories: dict[str, str]) -> list[int]:
    """Opens what a process needs to move itself with `join`: a descriptor for each hierarchy, in order.

    The permission counts of who opened it: the process needs no access to the cgroup file system. Raises OcipyError.
    """
    descriptors: list[int] = []
    try:
        for controllers, directory in directories.items():
            name = "tasks" if controllers else "cgroup.procs"
            descriptors.append(os.open(f"{directory}/{name}", os.O_WRONLY | os.O_NOFOLLOW))
    except OSError as error:
        for descriptor in descriptors:
            os.close(descriptor)
        raise OcipyError(f"cannot join the cgroup: {describe_os_error(error)}") from None
    return descriptors


def join(descriptors: list[int]) -> None:
    """Moves the calling process, which must have one thread, and closes the descriptors. Raises OSError."""
    for descriptor in descriptors:
        os.write(descriptor, b"0")
        os.close(descriptor)


def open_directory(directory: str) -> int:
    """Gives the descriptor of a cgroup v2 that clone3 takes for CLONE_INTO_CGROUP. Raises OcipyError."""
    try:
        return os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
    except OSError as error:
        raise OcipyError(f"cannot join the cgroup: {describe_os_error(error)}") from None


def verify_membership(pid: int, directories: dict[str, str]) -> None:
    """Reads back whether process `pid` is in each of the cgroups. Raises OcipyError when it is not.

    Without this a container would run, unlimited, in its creator's cgroup if a move was lost.
    """
    try:
        text = read(f"/proc/{pid}", "cgroup")
    except OSError as error:
        if error.errno == ENOENT:
            raise OcipyError(f"process {pid} ended before its cgroup could be verified") from None
        raise OcipyError(f"cannot verify the cgroup of process {pid}: {describe_os_error(error)}") from None
    actual = _paths(text)
    for controllers, directory in directories.items():
        path = actual.get(controllers)
        if path != _expected(directories, directory) and not _lists(directory, pid):
            where = "no cgroup" if path is None else f"cgroup {path}"
            raise OcipyError(f"process {pid} is in {where} of {controllers or 'cgroup v2'}, not in {directory}")


def current(pid: int, directories: dict[str, str]) -> dict[str, str]:
    """Gives where process `pid` is now, each of the cgroups or one below it, in the same order. Raises OcipyError when
    it has left them: who follows it would be without limits.

    A program may have made cgroups of its own, and on v2 one that has such takes no process itself.
    """
    try:
        actual = _paths(read(f"/proc/{pid}", "cgroup"))
    except OSError as error:
        raise OcipyError(f"cannot read the cgroup of process {pid}: {describe_os_error(error)}") from None
    found = {}
    for controllers, directory in directories.items():
        path, expected = actual.get(controllers, ""), _expected(directories, directory)
        if path == expected or path.startswith(f"{expected}/"):
            found[controllers] = directory + path[len(expected) :]
        elif _lists(directory, pid):
            found[controllers] = directory
        else:
            raise OcipyError(f"the init process has left {directory} for {path or 'no cgroup'}")
    return found


def _paths(text: str) -> dict[str, str]:
    return {controllers: path for _, controllers, path in (line.split(":", 2) for line in text.splitlines())}


def _expected(directories: dict[str, str], directory: str) -> str:
    """Gives the path that /proc/pid/cgroup has for a directory of /sys/fs/cgroup."""
    # Where v1 is mounted, each hierarchy has a directory of /sys/fs/cgroup; v2 alone has all of it.
    below = directory[len(_ROOT) :]
    return below if list(directories) == [""] else below[below.find("/", 1) :]


def _lists(directory: str, pid: int) -> bool:
    """Asks the cgroup itself: where a cgroup is bind-mounted, its path does not begin at the mount point."""
    try:
        return str(pid) in read(directory, "cgroup.procs").split()
    except FileNotFoundError:
        return False
    except OSError as error:
        raise OcipyError(f"cannot read {directory}: {errorcode.get(error.errno or 0)}") from None
