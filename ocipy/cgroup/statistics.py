"""What a cgroup has used, in the document that runc's `events` prints (its types/events.go).

As there, a member without a value is left out, but for the few that callers always find.
"""

from __future__ import annotations

from errno import ENODEV, ENOENT, EOPNOTSUPP

from ..linux import os
from .files import read

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

# The controller, or this file of it, is not there; or it is switched off, as pressure may be.
_ABSENT = (ENOENT, ENODEV, EOPNOTSUPP)
UNLIMITED = 2**64 - 1  # what runc makes of `max`


def statistics(directories: dict[str, str]) -> dict[str, Any]:
    """Gives the document for the cgroups of a container. Raises OSError."""
    if any(directories):
        from .statistics_v1 import statistics_v1 as collect
    else:
        from .statistics_v2 import statistics_v2 as collect
    found = collect(directories)
    return {
        "cpu": found.get("cpu") or {"usage": {"kernel": 0, "user": 0}, "throttling": {}},
        "cpuset": _CPUSET | found.get("cpuset", {}),
        "memory": _MEMORY | found.get("memory", {}),
        "pids": found.get("pids", {}),
        "blkio": found.get("blkio", {}),
        "hugetlb": found.get("hugetlb", {}),
        "intel_rdt": {},
        # Interfaces that the runtime made itself: none, as in every configuration of the specification.
        "network_interfaces": None,
    }


def read_optional(directory: str, file: str) -> str | None:
    """Gives the text of a file, None when the kernel or the cgroup has no such file. Raises OSError."""
    try:
        return read(directory, file).strip()
    except OSError as error:
        if error.errno in _ABSENT:
            return None
        raise


def number(text: str | None) -> int:
    """Gives the value of a file of one number; 0 for None."""
    return UNLIMITED if text == "max" else int(text or 0)


def flat(text: str | None) -> dict[str, int]:
    """Gives the values of a file with lines of name and number."""
    return {name: int(value) for name, value in (line.split() for line in (text or "").splitlines())}


def memory_entry(limit: int = 0, usage: int = 0, max: int = 0, failcnt: int = 0) -> dict[str, int]:
    return {"limit": limit, **present(usage=usage, max=max), "failcnt": failcnt}


def present(**values: Any) -> dict[str, Any]:
    """Gives the members that have a value."""
    return {name: value for name, value in values.items() if value}


def block_entry(major: str, minor: str, operation: str, value: str) -> dict[str, Any]:
    return present(major=int(major), minor=int(minor), op=operation, value=int(value))


def page_sizes(directory: str, last: str) -> list[str]:
    """Gives the page sizes for which the cgroup has hugetlb.SIZE.`last`."""
    try:
        names = os.listdir(directory)
    except OSError as error:
        if error.errno in _ABSENT:
            return []
        raise
    return sorted({name.split(".")[1] for name in names if name.startswith("hugetlb.") and name.endswith(last)})


_CPUSET = {
    "cpu_exclusive": 0, "mem_hardwall": 0, "mem_exclusive": 0, "memory_migrate": 0, "memory_spread_page": 0,
    "memory_spread_slab": 0, "memory_pressure": 0, "sched_load_balance": 0, "sched_relax_domain_level": 0,
}  # fmt: skip
_MEMORY = {name: memory_entry() for name in ("usage", "swap", "kernel", "kernelTCP")}
