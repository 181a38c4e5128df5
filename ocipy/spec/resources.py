"""The tables of linux.resources: config-linux.md, from Control groups to Unified."""

from __future__ import annotations

from .fields import array, boolean, choice, integer, mapping, matching, members, not_empty, record, text, then
from .model import (
    CPU,
    BlockIO,
    DeviceRule,
    HugepageLimit,
    Memory,
    Network,
    NetworkPriority,
    Resources,
    ThrottleDevice,
    WeightDevice,
)

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fields import Problems

UINT16 = integer(0, 2**16 - 1)
UINT32 = integer(0, 2**32 - 1)
UINT64 = integer(0, 2**64 - 1)
INT64 = integer(-(2**63), 2**63 - 1)
# The kernel's dev_t has 12 bits for the major and 20 for the minor number (linux/kdev_t.h).
MAJOR = integer(0, 2**12 - 1)
MINOR = integer(0, 2**20 - 1)


def is_page_size(value: str) -> bool:
    digits, unit = value[:-2], value[-2:]
    return digits.isascii() and digits.isdigit() and unit in ("KB", "MB", "GB")


def is_file_name(value: str) -> bool:
    return value not in ("", ".", "..") and "/" not in value


# --- devices

# The engines write a missing number as -1 too.
_any_or_major = integer(-1, 2**12 - 1)
_any_or_minor = integer(-1, 2**20 - 1)
_access = matching(
    lambda value: set(value) <= set("rwm") and len(set(value)) == len(value),
    "a combination of r, w and m",
)


def _device_rule(value: Any, path: str, problems: Problems) -> Any:
    found = _device_rule_members(value, path, problems)
    if found is None:
        return None
    return DeviceRule(
        property=path,
        allow=found["allow"],
        type=found.get("type") or "a",
        major=None if found.get("major", -1) < 0 else found["major"],
        minor=None if found.get("minor", -1) < 0 else found["minor"],
        access=found.get("access") or "rwm",
    )


_device_rule_members = members(
    required={"allow": boolean},
    optional={"type": choice("a", "c", "b", ""), "major": _any_or_major, "minor": _any_or_minor, "access": _access},
)

# --- memory, cpu, pids

_BYTES = integer(-1, 2**63 - 1)

_memory = record(
    Memory,
    optional={
        "limit": _BYTES,
        "reservation": _BYTES,
        "swap": _BYTES,
        "kernel": _BYTES,
        "kernelTCP": _BYTES,
        "swappiness": integer(0, 100),
        "disableOOMKiller": boolean,
        "useHierarchy": boolean,
        "checkBeforeUpdate": boolean,
    },
)


def _check_burst(cpu: dict[str, Any], path: str, problems: Problems) -> None:
    burst, quota = cpu.get("burst", 0), cpu.get("quota", 0)
    if 0 < quota < burst:
        problems.append((f"{path}.burst", f"{burst} is larger than the quota, {quota}"))


_cpu = record(
    CPU,
    check=_check_burst,
    optional={
        "shares": UINT64,
        "quota": INT64,
        "burst": UINT64,
        "period": UINT64,
        "realtimeRuntime": INT64,
        "realtimePeriod": UINT64,
        "cpus": text,
        "mems": text,
        "idle": integer(0, 1),
    },
)

_pids = then(members({}, {"limit": INT64}), lambda pids: pids.get("limit"))

# --- blockIO


def _check_weight(device: dict[str, Any], path: str, problems: Problems) -> None:
    if "weight" not in device and "leafWeight" not in device:
        problems.append((path, "weight or leafWeight is required"))


_weight_devices = array(
    record(
        WeightDevice,
        required={"major": MAJOR, "minor": MINOR},
        optional={"weight": UINT16, "leafWeight": UINT16},
        check=_check_weight,
    )
)
_throttle_devices = array(record(ThrottleDevice, required={"major": MAJOR, "minor": MINOR, "rate": UINT64}))

_block_io = record(
    BlockIO,
    optional={
        "weight": UINT16,
        "leafWeight": UINT16,
        "weightDevice": _weight_devices,
        "throttleReadBpsDevice": _throttle_devices,
        "throttleWriteBpsDevice": _throttle_devices,
        "throttleReadIOPSDevice": _throttle_devices,
        "throttleWriteIOPSDevice": _throttle_devices,
    },
)

# --- hugepageLimits, network, rdma, unified

_hugepage_limit = record(
    HugepageLimit,
    required={
        "pageSize": matching(is_page_size, "a page size such as 64KB, 2MB or 1GB"),
        "limit": UINT64,
    },
)

_network = record(
    Network,
    optional={
        "classID": UINT32,
        "priorities": array(record(NetworkPriority, required={"name": not_empty, "priority": UINT32})),
    },
)


def _check_rdma(device: dict[str, Any], path: str, problems: Problems) -> None:
    if not device:
        problems.append((path, "hcaHandles or hcaObjects is required"))


_rdma = then(
    mapping(not_empty, members({}, {"hcaHandles": UINT32, "hcaObjects": UINT32}, _check_rdma)),
    lambda pairs: tuple((name, limits.get("hcaHandles"), limits.get("hcaObjects")) for name, limits in pairs if limits),
)

_unified = mapping(matching(is_file_name, "the name of a file in a cgroup"), text)

resources = record(
    Resources,
    optional={
        "devices": array(_device_rule),
        "memory": _memory,
        "cpu": _cpu,
        "pids": _pids,
        "blockIO": _block_io,
        "hugepageLimits": array(_hugepage_limit),
        "network": _network,
        "rdma": _rdma,
        "unified": _unified,
    },
)
