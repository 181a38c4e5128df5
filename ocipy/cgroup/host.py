"""What cgroups the host has: read from the kernel's magic numbers and /proc/self/cgroup, not from mount tables.

mountinfo grows with the number of containers; the places below /sys/fs/cgroup are the same on every distribution.
"""

from __future__ import annotations

from ..linux import os
from ..linux.mount import CGROUP2_SUPER_MAGIC, CGROUP_SUPER_MAGIC, file_system_magic
from ..plan.facts import CgroupFacts
from .files import read

_ROOT = "/sys/fs/cgroup"


def detect() -> CgroupFacts:
    """Gives the facts of this host, version 0 when there are no cgroups to be used; never fails."""
    own = _own_paths()
    if _is(_ROOT, CGROUP2_SUPER_MAGIC):
        return _unified_facts(_ROOT, own)
    hierarchies = []
    for controllers in own:
        mount = _mount_point(controllers) if controllers else None
        if mount:
            hierarchies.append((controllers, mount))
    unified = f"{_ROOT}/unified"
    unified = unified if _is(unified, CGROUP2_SUPER_MAGIC) else ""
    if not hierarchies:
        return _unified_facts(unified, own) if unified else CgroupFacts()
    mounts = [*hierarchies, ("", unified)] if unified else hierarchies
    return CgroupFacts(
        version=1, unified=unified, hierarchies=tuple(hierarchies), own=tuple(_visible(own, mounts))
    )


def _own_paths() -> dict[str, str]:
    """Gives controller list -> path of the caller's own cgroup (cgroups(7), /proc/pid/cgroup)."""
    try:
        text = read("/proc/self", "cgroup")
    except OSError:
        return {}
    return {controllers: path for _, controllers, path in (line.split(":", 2) for line in text.splitlines())}


def _unified_facts(mount: str, own: dict[str, str]) -> CgroupFacts:
    try:
        available = tuple(read(mount, "cgroup.controllers").split())
    except OSError:
        available = ()
    return CgroupFacts(
        version=2, unified=mount, own=tuple(_visible({"": own.get("", "/")}, [("", mount)])), available=available
    )


def _mount_point(controllers: str) -> str | None:
    """A hierarchy of several controllers is mounted under the whole list, with a link for each, or under the first."""
    name = controllers.removeprefix("name=")
    for candidate in (name, name.split(",")[0]):
        mount = f"{_ROOT}/{candidate}"
        if _is(mount, CGROUP_SUPER_MAGIC):
            return mount
    return None


def _visible(own: dict[str, str], mounts: list[tuple[str, str]]) -> list[tuple[str, str]]:
    """In a container without a cgroup namespace the own path is the host's, and what is mounted is that cgroup."""
    result = []
    for controllers, mount in mounts:
        path = own.get(controllers, "/")
        if path != "/" and (".." in path.split("/") or not os.access(mount + path, os.F_OK)):
            path = "/"
        result.append((controllers, path))
    return result


def _is(path: str, magic: int) -> bool:
    try:
        return file_system_magic(path) == magic
    except OSError:
        return False
