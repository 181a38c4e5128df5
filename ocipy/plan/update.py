"""Changed limits of a container that exists -> operations, and its configuration afterwards."""

from __future__ import annotations

from ..errors import ConfigError
from ..spec.resources import resources
from .cgroup import compile_resources
from .cgroup_limits import RESOURCES
from .cgroup_operations import WriteCgroupFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .facts import CgroupFacts
    from .operation import Operation

    Document = dict[str, Any]

# The engines write 0 for a limit that they leave as it is. Where 0 is a value of its own, it counts.
_ZERO_IS_NOTHING = frozenset({
    "limit", "reservation", "swap", "kernel", "kernelTCP", "shares", "quota", "period", "realtimeRuntime",
    "realtimePeriod", "weight", "leafWeight", "classID",
})  # fmt: skip
# What makes two elements of an array speak of the same thing.
_KEYS = {
    "weightDevice": ("major", "minor"), "throttleReadBpsDevice": ("major", "minor"),
    "throttleWriteBpsDevice": ("major", "minor"), "throttleReadIOPSDevice": ("major", "minor"),
    "throttleWriteIOPSDevice": ("major", "minor"), "hugepageLimits": ("pageSize",), "priorities": ("name",),
}  # fmt: skip
# Properties that are written together, or whose values the kernel checks against each other: one brings the others.
_TOGETHER = (
    ("cpu", ("period", "quota", "burst")),
    ("cpu", ("realtimePeriod", "realtimeRuntime")),
    ("cpu", ("idle", "shares")),
    ("memory", ("limit", "swap", "checkBeforeUpdate")),
)
_BURST = {1: "cpu.cfs_burst_us", 2: "cpu.max.burst"}


def compile_update(
    present: Document, given: Any, facts: CgroupFacts, directories: tuple[tuple[str, str], ...]
) -> tuple[list[Operation], list[str], Document]:
    """Gives the operations, warnings, and linux.resources as it is afterwards.

    present: linux.resources of the container's config.json; given: an object of that form with what is to change.
    Nothing else changes, and device rules never do. Raises ConfigError with each property that is wrong, contradicts
    another, or can't be set on this host.
    """
    _check(given)
    changes = _stated(given)
    changes.pop("devices", None)
    _unlimit_swap(changes, present)
    after = _merged(present, changes)
    written = {name: dict(value) if isinstance(value, dict) else value for name, value in changes.items()}
    for section, names in _TOGETHER:
        if any(name in changes.get(section, {}) for name in names):
            written[section] |= {name: after[section][name] for name in names if name in after[section]}
    operations, warnings = compile_resources(_check(written), facts, directories, devices=False)
    return [*_release_burst(changes, present, facts, directories), *operations], warnings, after


def _check(document: Any) -> Any:
    """Gives the typed value of a linux.resources. Raises ConfigError."""
    problems: list[tuple[str, str]] = []
    value = resources(document, RESOURCES, problems)
    if problems:
        raise ConfigError(problems)
    return value


def _stated(value: Any, name: str = "") -> Any:
    """Gives a document without what says nothing: null, empty text, arrays and objects, and 0 where it is no value."""
    if not isinstance(value, dict):
        return value
    # pids.limit alone of its name: 0 allows no further process.
    zeros = _ZERO_IS_NOTHING if name != "pids" else ()
    members = {key: _stated(member, key) for key, member in value.items()}
    return {
        key: member for key, member in members.items()
        if member not in (None, "", [], {}) and not (member == 0 and key in zeros)
    }


def _unlimit_swap(changes: Document, present: Document) -> None:
    """As runc has it, unlimited memory makes a limit of memory plus swap void, which can't be below."""
    memory = changes.get("memory", {})
    if memory.get("limit") == -1 and "swap" not in memory and (present.get("memory") or {}).get("swap"):
        memory["swap"] = -1


def _merged(present: Any, changes: Any, name: str = "") -> Any:
    """Gives a document with changes in it; elements of arrays are changed by their keys."""
    if isinstance(changes, dict):
        result = dict(present or {})
        for key, member in changes.items():
            result[key] = _merged(result.get(key), member, key)
        return result
    if name in _KEYS:
        elements: dict[tuple[Any, ...], Any] = {}
        for element in (*(present or ()), *changes):
            key = tuple(element[part] for part in _KEYS[name])
            elements[key] = {**elements.get(key, {}), **element}
        return list(elements.values())
    return changes


def _release_burst(
    changes: Document, present: Document, facts: CgroupFacts, directories: tuple[tuple[str, str], ...]
) -> list[Operation]:
    """A burst must not be above the quota at any moment, so it goes first and comes back last; that also makes it 0."""
    cpu = changes.get("cpu", {})
    if not (present.get("cpu") or {}).get("burst") or not ("quota" in cpu or "burst" in cpu):
        return []
    place = next(directory for names, directory in directories if facts.version == 2 or "cpu" in names.split(","))
    property = f"{RESOURCES}.cpu.burst"
    return [WriteCgroupFile(property=property, directory=place, file=_BURST[facts.version], value="0")]
