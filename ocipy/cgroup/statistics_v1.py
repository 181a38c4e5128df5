"""Statistics of cgroup v1: Documentation/admin-guide/cgroup-v1 of the kernel."""

from __future__ import annotations

from ..linux import os
from .statistics import block_entry, flat, memory_entry, number, page_sizes, present, read_optional

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NANOSECONDS = 10**9
_FLAGS = (
    "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab",
    "memory_pressure", "sched_load_balance", "sched_relax_domain_level",
)  # fmt: skip
_ACCOUNTS = (("usage", "memory"), ("swap", "memory.memsw"), ("kernel", "memory.kmem"), ("kernelTCP", "memory.kmem.tcp"))
_MEMORY = (
    ("limit", ".limit_in_bytes"), ("usage", ".usage_in_bytes"), ("max", ".max_usage_in_bytes"), ("failcnt", ".failcnt"),
)  # fmt: skip
_SERVED = (("ioServicedRecursive", "io_serviced"), ("ioServiceBytesRecursive", "io_service_bytes"))
_DETAILED = (
    ("sectorsRecursive", "sectors"), ("ioServiceTimeRecursive", "io_service_time"),
    ("ioWaitTimeRecursive", "io_wait_time"), ("ioMergedRecursive", "io_merged"), ("ioQueueRecursive", "io_queued"),
    ("ioTimeRecursive", "time"), *_SERVED,
)  # fmt: skip
# The first that has seen any traffic: BFQ with and without its debugging files, CFQ (before 5.0), throttling.
_SOURCES = (
    (_DETAILED, "blkio.bfq.{}_recursive"),
    (_SERVED, "blkio.bfq.{}_recursive"),
    (_DETAILED, "blkio.{}_recursive"),
    (_SERVED, "blkio.throttle.{}_recursive"),
    (_SERVED, "blkio.throttle.{}"),
)


def statistics_v1(directories: dict[str, str]) -> dict[str, Any]:
    """Gives those parts of the document whose controllers are there. Raises OSError."""
    places = {name: directory for names, directory in directories.items() for name in names.split(",")}
    found: dict[str, Any] = {}
    if "cpu" in places or "cpuacct" in places:
        found["cpu"] = {
            "usage": _cpu_usage(places.get("cpuacct", "")),
            "throttling": _throttling(places.get("cpu", "")),
        }
    for name, read in (
        ("cpuset", _cpuset), ("memory", _memory), ("pids", _pids), ("blkio", _block_io), ("hugetlb", _hugepages),
    ):  # fmt: skip
        if name in places:
            found[name] = read(places[name])
    return found


def _cpu_usage(directory: str) -> dict[str, Any]:
    """cpuacct.rst: user and system time in clock ticks, all else in nanoseconds."""
    if not directory:
        return {"kernel": 0, "user": 0}
    times = flat(read_optional(directory, "cpuacct.stat"))
    # A header, then a line of cpu, user, system for each cpu.
    each = [line.split() for line in (read_optional(directory, "cpuacct.usage_all") or "").splitlines()[1:]]
    tick = _NANOSECONDS // os.sysconf("SC_CLK_TCK")
    return {
        **present(
            total=number(read_optional(directory, "cpuacct.usage")),
            percpu=[int(value) for value in (read_optional(directory, "cpuacct.usage_percpu") or "").split()],
            percpu_kernel=[int(system) for _cpu, _user, system in each],
            percpu_user=[int(user) for _cpu, user, _system in each],
        ),
        "kernel": times.get("system", 0) * tick,
        "user": times.get("user", 0) * tick,
    }


def _throttling(directory: str) -> dict[str, int]:
    times = flat(read_optional(directory, "cpu.stat")) if directory else {}
    return present(
        periods=times.get("nr_periods"),
        throttledPeriods=times.get("nr_throttled"),
        throttledTime=times.get("throttled_time"),
    )


def _cpuset(directory: str) -> dict[str, Any]:
    lists = {name: _numbers(read_optional(directory, f"cpuset.{name}")) for name in ("cpus", "mems")}
    return {**present(**lists), **{name: number(read_optional(directory, f"cpuset.{name}")) for name in _FLAGS}}


def _numbers(text: str | None) -> list[int]:
    """Gives the numbers of a list such as 0-3,7 (cpuset(7), List format)."""
    result: list[int] = []
    for part in (text or "").split(","):
        first, _dash, last = part.partition("-")
        if first:
            result += range(int(first), int(last or first) + 1)
    return result


def _memory(directory: str) -> dict[str, Any]:
    raw = flat(read_optional(directory, "memory.stat"))
    return {
        **present(cache=raw.get("cache")),
        **{
            name: memory_entry(**{field: number(read_optional(directory, stem + file)) for field, file in _MEMORY})
            for name, stem in _ACCOUNTS
        },
        **present(raw=raw),
    }


def _pids(directory: str) -> dict[str, int]:
    current, limit = (read_optional(directory, f"pids.{name}") for name in ("current", "max"))
    return present(current=number(current), limit=0 if limit == "max" else number(limit))


def _block_io(directory: str) -> dict[str, Any]:
    for members, pattern in _SOURCES:
        if _block_entries(directory, pattern.format(members[0][1])):
            return present(**{name: _block_entries(directory, pattern.format(file)) for name, file in members})
    return {}


def _block_entries(directory: str, file: str) -> list[dict[str, Any]]:
    """blkio-controller.rst: lines of device, in some files operation, and value; and a total of all devices."""
    entries = []
    for line in (read_optional(directory, file) or "").splitlines():
        device, *operation, value = line.split()
        major, colon, minor = device.partition(":")
        if colon:
            entries.append(block_entry(major, minor, "".join(operation), value))
    return entries


def _hugepages(directory: str) -> dict[str, Any]:
    return {
        size: {
            **present(
                usage=number(read_optional(directory, f"hugetlb.{size}.usage_in_bytes")),
                max=number(read_optional(directory, f"hugetlb.{size}.max_usage_in_bytes")),
            ),
            "failcnt": number(read_optional(directory, f"hugetlb.{size}.failcnt")),
        }
        for size in page_sizes(directory, ".usage_in_bytes")
    }
