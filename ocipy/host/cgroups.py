"""Cgroups: which version, which controllers, and whether new cgroups can be made where ours would be."""

from __future__ import annotations

from ..linux import os
from ..plan.cgroup import cgroup_directories
from ..plan.controllers import DISABLED, NO_CGROUPS, OTHER_VERSION, remedy
from .finding import fail, note, ok, text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..plan.facts import CgroupFacts
    from .finding import Finding, Host

TITLE = "cgroups"
# What each is for, in words of config.json.
_V1 = {
    "cpu": "linux.resources.cpu is refused",
    "cpuset": "linux.resources.cpu.cpus and mems are refused",
    "memory": "linux.resources.memory is refused",
    "pids": "linux.resources.pids is refused",
    "blkio": "linux.resources.blockIO is refused",
    "devices": "access to devices is not restricted, and create warns of that",
    "freezer": "containers cannot be paused",
}
_V2 = {
    "cpu": _V1["cpu"], "cpuset": _V1["cpuset"], "memory": _V1["memory"], "pids": _V1["pids"], "io": _V1["blkio"],
}  # fmt: skip
_RARE = {"hugetlb": "hugepageLimits", "rdma": "rdma"}
_ID = "ocipy-doctor"  # of a container that is never made


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings."""
    facts = host.cgroups
    if not facts.version and not os.path.exists("/proc/self"):
        yield note("version", "not to be told without /proc")
        return
    yield _mode(facts)
    if facts.version:
        yield from _controllers(facts)
        yield _place(host)


def _mode(facts: CgroupFacts) -> Finding:
    if facts.version == 2:
        return ok("version", f"2, at {facts.unified}")
    if facts.version == 1:
        return ok("version", f"1 and 2 (hybrid), controllers in 1, 2 at {facts.unified}" if facts.unified else "1")
    means = "limits and mounts of cgroups are refused; pause, ps and events have nothing to go by"
    return fail("version", "no cgroups below /sys/fs/cgroup", means, NO_CGROUPS)


def _controllers(facts: CgroupFacts) -> Iterator[Finding]:
    there = present(facts)
    yield ok("controllers", ", ".join(there) or "none")
    uses = _V2 if facts.version == 2 else _V1
    elsewhere = text_of(f"{facts.unified}/cgroup.controllers").split() if facts.version == 1 and facts.unified else []
    disabled = _disabled()
    for name in (*uses, *_RARE):
        if name in there:
            continue
        if name in disabled:
            helps = DISABLED.format(name)
        elif name in elsewhere:
            helps = OTHER_VERSION
        else:
            helps = remedy(name, facts.version)
        if name in _RARE:
            yield note(f"controller {name}", "missing", f"linux.resources.{_RARE[name]} is refused", helps)
        else:
            yield warn(f"controller {name}", "missing", uses[name], helps)


def present(facts: CgroupFacts) -> list[str]:
    """Gives the controllers that limits can be set with, by name."""
    if facts.version == 2:
        return list(facts.available)
    names = [name for controllers, _mount in facts.hierarchies for name in controllers.split(",")]
    return [name for name in names if not name.startswith("name=")]


def _disabled() -> set[str]:
    """Gives the controllers that the kernel has but was told to leave off (cgroups(7), /proc/cgroups)."""
    rows = (line.split() for line in text_of("/proc/cgroups").splitlines() if not line.startswith("#"))
    return {row[0] for row in rows if len(row) == 4 and row[3] == "0"}


def _place(host: Host) -> Finding:
    """Looks at the directories in which create would make the cgroups of a container without a cgroupsPath."""
    name = "new cgroups"
    directories = [directory for _controllers, directory in cgroup_directories("", host.cgroups, _ID)]
    parents = [directory.rpartition("/")[0] for directory in directories]
    closed = [parent for parent in parents if not os.access(parent, os.W_OK | os.X_OK)]
    if not closed:
        return ok(name, f"can be made below {_named(parents)}")
    found = f"cannot be made below {_named(closed)}"
    if os.statvfs(closed[0]).f_flag & os.ST_RDONLY:
        return fail(name, f"{found}, mounted read-only", "create fails", f"mount -o remount,rw {closed[0]}")
    if host.uid == 0:
        return fail(name, found, "create fails", "as root with CAP_DAC_OVERRIDE")
    remedy = "systemd delegates a cgroup to each user: systemd-run --user --scope -p Delegate=yes COMMAND"
    return warn(name, found, "containers of this user have no limits", remedy)


def _named(directories: list[str]) -> str:
    return directories[0] if len(directories) == 1 else f"{directories[0]} and {len(directories) - 1} more"
