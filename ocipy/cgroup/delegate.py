"""Giving a cgroup v2 to the container's user: config-linux.md, Cgroup ownership; cgroups(7), delegation."""

from __future__ import annotations

from ..errors import OcipyError, describe_os_error
from ..linux import os

_LIST = "/sys/kernel/cgroup/delegate"
# Kernels before 4.15 have no list; the specification gives this one.
_FALLBACK = ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")


def delegate_cgroup(property: str, directory: str, uid: int) -> None:
    """Makes `uid` the owner of `directory` and of those of its files that a delegate may write. Raises OcipyError.

    The limits stay root's: a container must not raise its own.
    """
    for name in (".", *delegated_files()):
        try:
            os.chown(f"{directory}/{name}", uid, -1, follow_symlinks=False)
        except FileNotFoundError:
            # The list is the kernel's for all cgroups; one whose controller is not enabled lacks the file.
            continue
        except OSError as error:
            raise OcipyError(f"cannot delegate the cgroup: {describe_os_error(error)}", property=property) from None


def delegated_files(source: str = _LIST) -> tuple[str, ...]:
    """Gives the names of the files that the kernel lets a delegate write, from its own list `source` if it has one."""
    try:
        with open(source, encoding="ascii") as file:
            return tuple(file.read().split())
    except FileNotFoundError:
        return _FALLBACK
