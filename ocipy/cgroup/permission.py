"""What an ordinary user may do with cgroups: what root has delegated to it (cgroups(7)), which is often nothing."""

from __future__ import annotations

from ..linux import os
from ..plan.cgroup import cgroup_directories
from ..record import changed
from .host import detect

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.facts import CgroupFacts


def with_permissions(facts: CgroupFacts, path: str, id: str) -> CgroupFacts:
    """Gives the facts with the hierarchies in which this process may make and join a cgroup, and changes nothing.

    path, id: as for `cgroup_directories`. Raises ConfigError for a path that names no cgroup.
    """
    own = dict(facts.own)
    permitted = []
    for controllers, directory in cgroup_directories(path, facts, id):
        permission = _may_write(directory, "tasks" if controllers else "cgroup.procs")
        if permission and not controllers:
            permission = _may_leave(facts.unified + own.get("", "/"), directory)
        if permission:
            permitted.append(controllers)
    result: CgroupFacts = changed(facts, permitted=tuple(permitted))
    return result


def may_enter(directory: str) -> bool:
    """Tells whether a child of this process may be born in a cgroup of v2 that exists."""
    facts = detect()
    return _may_leave(facts.unified + dict(facts.own).get("", "/"), directory)


def _may_write(directory: str, file: str) -> bool:
    """Tells whether a cgroup that exists can be joined, or one that does not can be made."""
    if os.path.exists(directory):
        return _access(f"{directory}/{file}", os.W_OK)
    above = os.path.dirname(directory)
    while not os.path.exists(above):
        above = os.path.dirname(above)
    return _access(above, os.W_OK | os.X_OK)


def _may_leave(own: str, directory: str) -> bool:
    """A process of v2 moves only within what is delegated: the cgroup above both its old and its new one."""
    common = own
    while not f"{directory}/".startswith(f"{common.rstrip('/')}/"):
        common = os.path.dirname(common)
    return _access(f"{common}/cgroup.procs", os.W_OK)


def _access(path: str, mode: int) -> bool:
    return os.access(path, mode, effective_ids=True)
