"""Limits as systemd has them: without these it would take its own for right when it next looks at the unit.

systemd.resource-control(5), by the names and types of org.freedesktop.systemd1(5). What it has no property for, the
files of the cgroup alone hold.
"""

from __future__ import annotations

from .cgroup_devices import covers
from .cgroup_operations import SetMemoryLimits, WriteCgroupFile, WriteFirstCgroupFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from .cgroup_devices import Rule
    from .operation import Operation

    Property = tuple[str, str, Any]

INFINITY = (1 << 64) - 1
_SECOND = 1_000_000  # microseconds
_PERCENT = _SECOND // 100
_NUMBERS = {
    # v2
    "memory.max": "MemoryMax", "memory.high": "MemoryHigh", "memory.low": "MemoryLow", "memory.min": "MemoryMin",
    "memory.swap.max": "MemorySwapMax", "cpu.weight": "CPUWeight", "pids.max": "TasksMax",
    # v1
    "memory.limit_in_bytes": "MemoryLimit", "cpu.shares": "CPUShares", "blkio.weight": "BlockIOWeight",
}  # fmt: skip
_SETS = {"cpuset.cpus": "AllowedCPUs", "cpuset.mems": "AllowedMemoryNodes"}
_RATES = {
    "rbps": "IOReadBandwidthMax", "wbps": "IOWriteBandwidthMax", "riops": "IOReadIOPSMax", "wiops": "IOWriteIOPSMax",
}  # fmt: skip
_RATE_FILES = {
    "blkio.throttle.read_bps_device": "BlockIOReadBandwidth",
    "blkio.throttle.write_bps_device": "BlockIOWriteBandwidth",
}


def limit_properties(version: int, operations: Sequence[Operation]) -> tuple[Property, ...]:
    """Gives the properties that say what the operations write to the files of cgroups of that version."""
    single: dict[str, Property] = {}
    several: list[Property] = []
    for file, value in _writes(operations):
        for property in _file_properties(version, file, value):
            if property[1].startswith("a("):
                several.append(property)
            else:
                single[property[0]] = property
    return *single.values(), *_quota(operations), *several


def device_properties(rules: list[Rule]) -> tuple[Property, ...]:
    """Gives the properties for device rules, of which the last match wins.

    systemd knows a list of what is allowed, without exceptions: where the rules have some, it allows more than they do,
    and the rules themselves decide.
    """
    allowed: dict[tuple[str, int | None, int | None], str] = {}
    for rule in rules:
        key = (rule.type, rule.major, rule.minor)
        if rule.type == "a":
            if rule.allow:
                return (("DevicePolicy", "s", "auto"), ("DeviceAllow", "a(ss)", ()))
            allowed.clear()
        elif rule.allow:
            access = allowed.get(key, "")
            allowed[key] = "".join(letter for letter in "rwm" if letter in access or letter in rule.access)
        else:
            for other in filter(lambda other: covers(key, other), allowed):
                allowed[other] = "".join(letter for letter in allowed[other] if letter not in rule.access)
    entries = tuple((_device(*key), access) for key, access in allowed.items() if access)
    return ("DevicePolicy", "s", "strict"), ("DeviceAllow", "a(ss)", entries)


def _device(kind: str, major: int | None, minor: int | None) -> str:
    name = "block" if kind == "b" else "char"
    if major is None:
        return f"{name}-*"
    return f"{name}-{major}" if minor is None else f"/dev/{name}/{major}:{minor}"


def _writes(operations: Sequence[Operation]) -> list[tuple[str, str]]:
    """Gives file and value of each write; of a choice of files, that of systemd."""
    found = []
    for operation in operations:
        if isinstance(operation, WriteCgroupFile):
            found.append((operation.file, operation.value))
        elif isinstance(operation, WriteFirstCgroupFile):
            found.append(operation.choices[-1])
        elif isinstance(operation, SetMemoryLimits) and operation.limit is not None:
            found.append(("memory.limit_in_bytes", str(operation.limit)))
    return found


def _file_properties(version: int, file: str, value: str) -> list[Property]:
    """Gives the properties that mean the same as one write. A value that is none is the kernel's to refuse."""
    words = value.split()
    if file in _NUMBERS:
        number = _amount(value)
        return [(_NUMBERS[file], "t", number)] if number is not None else []
    if file in _SETS and version == 2:
        return [(_SETS[file], "ay", _bits(value))] if _is_list(value) else []
    if file == "io.weight" and len(words) == 2 and words[1].isdigit():
        device, number = words[0], int(words[1])
        if device == "default":
            return [("IOWeight", "t", number)]
        return [("IODeviceWeight", "a(st)", ((f"/dev/block/{device}", number),))]
    if file == "io.max":
        return [_rate(words[0], *word.partition("=")) for word in words[1:] if word.partition("=")[0] in _RATES]
    if file in _RATE_FILES and len(words) == 2 and words[1].isdigit():
        return [(_RATE_FILES[file], "a(st)", ((f"/dev/block/{words[0]}", int(words[1])),))]
    return []


def _rate(device: str, key: str, _equals: str, value: str) -> Property:
    number = _amount(value)
    return _RATES[key], "a(st)", ((f"/dev/block/{device}", INFINITY if number is None else number),)


def _quota(operations: Sequence[Operation]) -> list[Property]:
    """Gives the quota per second and the period, which are in one file of v2 and in two of v1."""
    quota, period = "", ""
    for file, value in _writes(operations):
        if file == "cpu.max":
            quota, _, period = value.partition(" ")
        elif file == "cpu.cfs_quota_us":
            quota = value
        elif file == "cpu.cfs_period_us":
            period = value
    if not (quota or period):
        return []
    length = int(period) if period.isdigit() else 100_000
    each = INFINITY
    if quota.isdigit() and length:
        # systemd counts in percents, and rounds down: what it sets may not be less than what was asked for.
        each = -(-int(quota) * _SECOND // length // _PERCENT) * _PERCENT
    return [("CPUQuotaPerSecUSec", "t", each), ("CPUQuotaPeriodUSec", "t", length)]


def _amount(value: str) -> int | None:
    if value in ("max", "-1"):
        return INFINITY
    return int(value) if value.isascii() and value.isdigit() else None


def _is_list(value: str) -> bool:
    """Tells whether this is a list of numbers such as 0-3,7, none of which is beyond what a kernel can have."""
    return value.isascii() and all(
        part.isdigit() and len(part) < 5 for group in value.split(",") for part in group.strip().split("-", 1)
    )


def _bits(value: str) -> tuple[int, ...]:
    """Gives such a list (cpuset(7), List format) as bytes of a mask, the lowest first."""
    mask = 0
    for group in value.split(","):
        first, _dash, last = group.strip().partition("-")
        for number in range(int(first), int(last or first) + 1):
            mask |= 1 << number
    return tuple(mask.to_bytes((mask.bit_length() + 7) // 8, "little"))
