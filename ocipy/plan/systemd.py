"""linux.cgroupsPath as systemd has it, slice:prefix:name -> the scope that is the container's cgroup."""

from __future__ import annotations

from ..errors import ConfigError
from .cgroup_operations import CgroupOperation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..spec.model import Spec
    from .facts import CgroupFacts

_PATH = "linux.cgroupsPath"
_ANNOTATION = "org.systemd.property."
# systemd.unit(5): what a name may consist of, and its greatest length.
_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789:-_.\\")
_LONGEST = 255
_OWN = ("Delegate", "PIDFDs", "PIDs", "Slice")


class StartScope(CgroupOperation):
    """Have systemd make the unit, put init into it and keep to `properties`: name, D-Bus signature and value.

    directories: pairs of controller list ("" for cgroup v2) and the directory that the unit has as its cgroup.
    """

    unit: str
    properties: tuple[tuple[str, str, Any], ...]
    directories: tuple[tuple[str, str], ...]

    def describe(self) -> str:
        values = (f"{name}={_text(value)}" for name, _signature, value in self.properties)
        return f"have systemd start {self.unit} with init in it: {' '.join(values)}"


def start_scope(
    spec: Spec, facts: CgroupFacts, id: str, directories: tuple[tuple[str, str], ...],
    limits: tuple[tuple[str, str, Any], ...],
) -> StartScope:  # fmt: skip
    """Gives the operation. limits: properties that say what the limits are. Raises ConfigError."""
    slice, unit = _scope(spec.linux.cgroupsPath, facts, id)
    properties: list[tuple[str, str, Any]] = [
        ("Description", "s", f"ocipy container {id}"),
        ("Slice", "s", slice),
        ("Delegate", "b", True),
        ("DefaultDependencies", "b", False),
        *((f"{name}Accounting", "b", True) for name in ("Memory", "CPU", "IO", "Tasks")),
        *_annotated(spec),
        *limits,
    ]
    return StartScope(property=_PATH, unit=unit, properties=tuple(properties), directories=directories)


def scope(path: str, id: str, default: str = "system.slice") -> tuple[str, str]:
    """Gives the names of slice and unit. path: linux.cgroupsPath; default: slice of one that names none.

    Raises ConfigError.
    """
    parts = (path or f":ocipy:{_escape(id)}").split(":")
    if len(parts) != 3 or not parts[2]:
        raise _error(f"{path!r} is not of the form slice:prefix:name, which systemd needs")
    slice, prefix, name = parts
    if name.endswith(".slice"):
        raise _error(f"{name!r} is a slice, and a process can be put into a scope only; name it otherwise")
    unit = f"{prefix}-{name}.scope"
    if not _CHARACTERS.issuperset(unit) or len(unit) > _LONGEST:
        raise _error(f"{unit!r} is no name of a unit: letters, digits and -_.\\ only, at most {_LONGEST}")
    return slice or default, unit


def _scope(path: str, facts: CgroupFacts, id: str) -> tuple[str, str]:
    return scope(path, id, "user.slice" if facts.systemd else "system.slice")


def scope_directories(path: str, facts: CgroupFacts, id: str) -> tuple[tuple[str, str], ...]:
    """Gives pairs of controller list ("" for v2) and directory of the scope in each hierarchy. Raises ConfigError."""
    slice, unit = _scope(path, facts, id)
    below = f"{facts.systemd}{expand(slice)}/{unit}"
    mounts = [*facts.hierarchies, ("", facts.unified)] if facts.unified else facts.hierarchies
    return tuple((controllers, mount + below) for controllers, mount in mounts)


def expand(slice: str) -> str:
    """Gives the path of a slice, "" for the root: a-b.slice lies in a.slice (systemd.slice(5)). Raises ConfigError."""
    name = slice.removesuffix(".slice")
    if name == "-" and name != slice:
        return ""
    levels = name.split("-")
    if name == slice or not all(levels) or not _CHARACTERS.issuperset(slice):
        raise _error(f"{slice!r} is no name of a slice, such as machine.slice or a-b.slice")
    return "".join(f"/{'-'.join(levels[: count + 1])}.slice" for count in range(len(levels)))


def _escape(id: str) -> str:
    """An id may have a plus sign, a unit may not (systemd-escape(1))."""
    return id.replace("+", "\\x2b")


def _error(text: str) -> ConfigError:
    return ConfigError([(_PATH, text)])


def _annotated(spec: Spec) -> list[tuple[str, str, Any]]:
    """Gives the properties that annotations ask for, as runc has it. Raises ConfigError."""
    from ..spec.gvariant import parse

    properties: list[tuple[str, str, Any]] = []
    problems: list[tuple[str, str]] = []
    for key, text in spec.annotations:
        if not key.startswith(_ANNOTATION):
            continue
        try:
            properties.append(_property(key.removeprefix(_ANNOTATION), *parse(text)))
        except ValueError as error:
            problems.append((f'annotations["{key}"]', str(error)))
    if problems:
        raise ConfigError(problems)
    return properties


def _property(name: str, signature: str, value: Any) -> tuple[str, str, Any]:
    """systemd's files have times in seconds and names in Sec, its bus has microseconds and USec."""
    if not (name.isascii() and name.isalpha()) or len(name) < 3:
        raise ValueError(f"{name!r} is no name of a property")
    if name in _OWN:
        raise ValueError(f"{name} is set by the runtime")
    if not name.endswith("Sec") or name.endswith("USec"):
        return name, signature, value
    if signature not in ("n", "q", "i", "u", "x", "t", "d") or not 0 <= value * 1_000_000 < 1 << 64:
        raise ValueError(f"{value!r} is no number of seconds")
    return f"{name.removesuffix('Sec')}USec", "t", int(value * 1_000_000)


def _text(value: Any) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_text(member) for member in value)}]"
    return "infinity" if value == (1 << 64) - 1 else str(value).lower() if isinstance(value, bool) else str(value)
