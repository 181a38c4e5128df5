"""Statistics of cgroup v2 in the words of v1, as runc has them: cgroup-v2.rst of the kernel's documentation."""

from __future__ import annotations

from .statistics import UNLIMITED, block_entry, flat, memory_entry, number, page_sizes, present, read_optional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_OPERATIONS = {
    "rbytes": ("ioServiceBytesRecursive", "Read"), "wbytes": ("ioServiceBytesRecursive", "Write"),
    "rios": ("ioServicedRecursive", "Read"), "wios": ("ioServicedRecursive", "Write"),
}  # fmt: skip


def statistics_v2(directories: dict[str, str]) -> dict[str, Any]:
    """Gives those parts of the document whose controllers are there. Raises OSError."""
    directory = directories.get("")
    if not directory:
        return {}
    return {
        "cpu": _cpu(directory),
        "memory": _memory(directory),
        "pids": _pids(directory),
        "blkio": _block_io(directory),
        "hugetlb": _hugepages(directory),
    }


def _cpu(directory: str) -> dict[str, Any]:
    """cpu.stat counts in microseconds, the document in nanoseconds."""
    times = flat(read_optional(directory, "cpu.stat"))
    return {
        "usage": {
            **present(total=times.get("usage_usec", 0) * 1000),
            "kernel": times.get("system_usec", 0) * 1000,
            "user": times.get("user_usec", 0) * 1000,
        },
        "throttling": present(
            periods=times.get("nr_periods"),
            throttledPeriods=times.get("nr_throttled"),
            throttledTime=times.get("throttled_usec", 0) * 1000,
        ),
        **_pressure(directory, "cpu"),
    }


def _memory(directory: str) -> dict[str, Any]:
    raw = flat(read_optional(directory, "memory.stat"))
    memory, swap = (_memory_values(directory, stem) for stem in ("memory", "memory.swap"))
    # v1 counts memory plus swap. There is no joint maximum: both peaks were not at one time.
    limit = swap["limit"] if swap["limit"] == UNLIMITED else swap["limit"] + memory["limit"]
    both = memory_entry(limit=min(limit, UNLIMITED), usage=swap["usage"] + memory["usage"])
    return {**present(cache=raw.get("file")), "usage": memory_entry(**memory), "swap": both, **present(raw=raw),
            **_pressure(directory, "memory")}  # fmt: skip


def _memory_values(directory: str, stem: str) -> dict[str, int]:
    """peak: for memory since 5.19, for swap since 6.5."""
    fields = (("limit", "max"), ("usage", "current"), ("max", "peak"))
    return {field: number(read_optional(directory, f"{stem}.{file}")) for field, file in fields}


def _pids(directory: str) -> dict[str, int]:
    current, limit = (read_optional(directory, f"pids.{name}") for name in ("current", "max"))
    if current is None:
        # Without the controller the processes can still be counted.
        return present(current=len((read_optional(directory, "cgroup.procs") or "").split()))
    return present(current=number(current), limit=0 if limit == "max" else number(limit))


def _block_io(directory: str) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for line in (read_optional(directory, "io.stat") or "").splitlines():
        device, *items = line.split()
        major, _colon, minor = device.partition(":")
        for item in items:
            key, _equals, value = item.partition("=")
            if key in _OPERATIONS:
                member, operation = _OPERATIONS[key]
                found.setdefault(member, []).append(block_entry(major, minor, operation, value))
    return {**found, **_pressure(directory, "io")}


def _hugepages(directory: str) -> dict[str, Any]:
    return {
        size: {
            **present(usage=number(read_optional(directory, f"hugetlb.{size}.current"))),
            "failcnt": flat(read_optional(directory, f"hugetlb.{size}.events")).get("max", 0),
        }
        for size in page_sizes(directory, ".current")
    }


def _pressure(directory: str, resource: str) -> dict[str, Any]:
    """accounting/psi.rst: lines such as `some avg10=0.00 avg60=0.00 avg300=0.00 total=0`."""
    lines: dict[str, Any] = {}
    for line in (read_optional(directory, f"{resource}.pressure") or "").splitlines():
        kind, *items = line.split()
        values = dict(item.split("=") for item in items)
        lines[kind] = {name: int(value) if name == "total" else float(value) for name, value in values.items()}
    return present(psi=lines)
