"""linux.resources.devices -> the rules as the kernel gets them.

Every list starts from "nothing is allowed", whatever the configuration says or lacks: a list that is absent, empty or
begins with an odd rule must not leave the host's devices open (GHSA-g54h-m393-cpwq). The devices that the
specification promises to every container come last.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import DeviceRule

    # Type, major, minor.
    Key = tuple[str, int | None, int | None]


class Rule(Record):
    """type is `a` only for a rule on every device and every access. major, minor None: any."""

    property: str
    allow: bool
    type: str
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


# config-linux.md, Default Devices, with /dev/pts/* and /dev/tty; nodes may be made, for any device, but not opened.
_DEFAULTS = (
    ("c", None, None, "m"),
    ("b", None, None, "m"),
    ("c", 1, 3, "rwm"),
    ("c", 1, 5, "rwm"),
    ("c", 1, 7, "rwm"),
    ("c", 1, 8, "rwm"),
    ("c", 1, 9, "rwm"),
    ("c", 5, 0, "rwm"),
    ("c", 5, 2, "rwm"),
    ("c", 136, None, "rwm"),
    ("c", 10, 200, "rwm"),
)


def device_rules(rules: tuple[DeviceRule, ...]) -> list[Rule]:
    """Gives the whole list for one container: deny all, the configuration's rules in order, the default devices."""
    result = [Rule(property="", allow=False, type="a")]
    for rule in rules:
        result += _normalize(rule)
    for kind, major, minor, access in _DEFAULTS:
        result.append(Rule(property="", allow=True, type=kind, major=major, minor=minor, access=access))
    return result


def _normalize(rule: DeviceRule) -> list[Rule]:
    """The kernel takes a rule of type `a` for all devices and all access and ignores the rest of it.

    So that {"allow": true, "access": "r"} does not allow writing, such a rule becomes one for b and one for c.
    """
    major, minor = (None if number is None or number < 0 else number for number in (rule.major, rule.minor))
    access = "".join(letter for letter in "rwm" if letter in rule.access) or "rwm"
    whole = major is None and minor is None and access == "rwm"
    types = (rule.type,) if rule.type in ("b", "c") or whole else ("b", "c")
    return [
        Rule(property=rule.property, allow=rule.allow, type=kind, major=major, minor=minor, access=access)
        for kind in types
    ]


def v1_lines(rules: list[Rule]) -> tuple[list[tuple[str, str, str]], list[tuple[str, str]]]:
    """Gives what to write to cgroup v1 (property, file, line), and problems (property, message).

    cgroup-v1/devices.rst: a cgroup has a default and a list of exceptions from it. A write against the default adds
    an exception; a write that repeats the default takes back exceptions of exactly the same numbers, and leaves
    overlapping ones in force without an error. So what a rule takes back is written exception by exception, and a
    rule that would have to cut a hole in an exception is a problem.
    """
    lines: list[tuple[str, str, str]] = []
    problems: list[tuple[str, str]] = []
    default = True
    exceptions: dict[Key, tuple[str, str]] = {}
    for rule in rules:
        file = "devices.allow" if rule.allow else "devices.deny"
        if rule.type == "a":
            if not lines or default != rule.allow or exceptions:
                lines.append((rule.property, file, "a"))
            default = rule.allow
            exceptions.clear()
            continue
        key = (rule.type, rule.major, rule.minor)
        if rule.allow != default:
            access, owner = exceptions.get(key, ("", rule.property))
            more = "".join(letter for letter in rule.access if letter not in access)
            if more:
                exceptions[key] = (access + more, owner)
                lines.append((rule.property, file, _line(key, rule.access)))
            continue
        for other, (access, owner) in list(exceptions.items()):
            common = "".join(letter for letter in access if letter in rule.access)
            if not common or not _overlap(key, other):
                continue
            if not covers(key, other):
                # Making nodes is allowed again for all devices by the defaults.
                if common == "m" and not rule.allow:
                    continue
                text = f"cgroup v1 cannot {file[8:]} {_line(key, common)} as an exception from {_line(other, access)}"
                problems.append((rule.property or owner, text))
                continue
            lines.append((rule.property, file, _line(other, common)))
            rest = "".join(letter for letter in access if letter not in common)
            if rest:
                exceptions[other] = (rest, owner)
            else:
                del exceptions[other]
    return lines, problems


def v2_rules(rules: list[Rule]) -> tuple[tuple[bool, str, int | None, int | None, str], ...]:
    """Gives the fields of AttachDeviceProgram."""
    return tuple((rule.allow, rule.type, rule.major, rule.minor, rule.access) for rule in rules)


def _line(key: Key, access: str) -> str:
    kind, *numbers = key
    return f"{kind} {':'.join('*' if number is None else str(number) for number in numbers)} {access}"


def _overlap(key: Key, other: Key) -> bool:
    kind, major, minor = key
    return kind == other[0] and (major in (None, other[1]) or other[1] is None) and (
        minor in (None, other[2]) or other[2] is None
    )


def covers(key: Key, other: Key) -> bool:
    """Tells whether every device of `other` is one of `key`."""
    kind, major, minor = key
    return kind == other[0] and major in (None, other[1]) and minor in (None, other[2])
