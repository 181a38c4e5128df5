"""The converters that the tables of config.json are made of.

A converter takes a value of the document, its property path and the list of problems. It gives the typed value; on a
bad value it adds pairs of path and message to the problems and gives None. Nothing is raised, so that one reading
finds all problems. No message repeats a string of the document that may be a secret (arguments, environment).
"""

from __future__ import annotations

from .jsontext import encode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..record import Record

    Problems = list[tuple[str, str]]
    Converter = Callable[[Any, str, Problems], Any]
    Check = Callable[[dict[str, Any], str, Problems], None]

_KINDS = {
    dict: "an object", list: "an array", str: "a string", bool: "a boolean", int: "a number", float: "a fraction",
    type(None): "null",
}  # fmt: skip


def member(path: str, name: str) -> str:
    """Gives the property path of a member: `a.b`, `a["b.c"]`, or the bare name at the top."""
    if not (name.isidentifier() and name.isascii()):
        return f"{path}[{encode(name)}]"
    return f"{path}.{name}" if path else name


def wrong_kind(value: Any, path: str, needed: str, problems: Problems) -> None:
    problems.append((path, f"{needed} is needed, not {_KINDS[type(value)]}"))


# --- scalars


def boolean(value: Any, path: str, problems: Problems) -> Any:
    if value is True or value is False:
        return value
    wrong_kind(value, path, "a boolean", problems)


def integer(low: int, high: int) -> Converter:
    """An integer from low to high: the width that the kernel has for it."""

    def convert(value: Any, path: str, problems: Problems) -> Any:
        # type, not isinstance: True is an int of Python.
        if type(value) is not int:
            wrong_kind(value, path, "an integer", problems)
        elif low <= value <= high:
            return value
        else:
            problems.append((path, f"{_digits(value)} is not in the range from {low} to {high}"))

    return convert


def _quoted(value: str) -> str:
    return encode(value if len(value) <= 80 else value[:77] + "...")


def _digits(value: int) -> str:
    return str(value) if value.bit_length() <= 128 else "the number"


def text(value: Any, path: str, problems: Problems) -> Any:
    """A string that the kernel can take: no NUL ends it early, and UTF-8 can hold it."""
    if type(value) is not str:
        wrong_kind(value, path, "a string", problems)
    elif "\0" in value:
        problems.append((path, "the string contains a NUL character"))
    elif not value.isascii() and any("\ud800" <= letter <= "\udfff" for letter in value):
        problems.append((path, "the string contains half of a surrogate pair"))
    else:
        return value


def matching(test: Callable[[str], Any], needed: str, *, secret: bool = False) -> Converter:
    """A string that passes the test. secret: it is not repeated in the message."""

    def convert(value: Any, path: str, problems: Problems) -> Any:
        if text(value, path, problems) is None:
            return None
        if test(value):
            return value
        problems.append((path, f"{needed} is needed" if secret else f"{_quoted(value)} is not {needed}"))

    return convert


def choice(*words: str) -> Converter:
    """One of the listed strings."""
    known = frozenset(words)

    def convert(value: Any, path: str, problems: Problems) -> Any:
        if type(value) is not str:
            wrong_kind(value, path, "a string", problems)
        elif value in known:
            return value
        else:
            problems.append((path, f"{_quoted(value)} is not one of {', '.join(filter(None, words))}"))

    return convert


def bounded(size: int) -> Converter:
    """A string of at most `size` bytes."""
    return matching(lambda value: len(value.encode()) <= size, f"a string of at most {size} bytes", secret=True)


not_empty = matching(lambda value: value, "a string that is not empty", secret=True)
absolute_path = matching(lambda value: value.startswith("/"), "an absolute path")
# Go's omitempty makes "" and an absent property the same thing.
absolute_path_or_empty = matching(lambda value: not value or value.startswith("/"), "an absolute path")
env_entry = matching(lambda value: value.find("=") > 0, "NAME=value with a name that is not empty", secret=True)


# --- collections


def array(convert_element: Converter, *, unique: str = "") -> Converter:
    """An array, as a tuple. unique: name of a member of which no two elements may have the same value."""

    def convert(value: Any, path: str, problems: Problems) -> Any:
        if type(value) is not list:
            wrong_kind(value, path, "an array", problems)
            return None
        elements = tuple([convert_element(element, f"{path}[{i}]", problems) for i, element in enumerate(value)])
        if unique:
            _refuse_twins(elements, unique, path, problems)
        return elements

    return convert


def _refuse_twins(elements: tuple[Any, ...], name: str, path: str, problems: Problems) -> None:
    seen: dict[str, int] = {}
    for i, element in enumerate(elements):
        if element is None:
            continue
        value = getattr(element, name)
        if value in seen:
            problems.append((f"{path}[{i}].{name}", f"{value} is given twice, first in {path}[{seen[value]}]"))
        seen.setdefault(value, i)


def not_empty_array(convert_element: Converter) -> Converter:
    convert_array = array(convert_element)

    def convert(value: Any, path: str, problems: Problems) -> Any:
        if value == []:
            problems.append((path, "the array is empty"))
        return convert_array(value, path, problems)

    return convert


def mapping(convert_name: Converter, convert_value: Converter) -> Converter:
    """An object with free names, as a tuple of (name, value) pairs."""

    def convert(value: Any, path: str, problems: Problems) -> Any:
        if type(value) is not dict:
            wrong_kind(value, path, "an object", problems)
            return None
        pairs = []
        for name, item in value.items():
            place = member(path, name)
            convert_name(name, place, problems)
            pairs.append((name, convert_value(item, place, problems)))
        return tuple(pairs)

    return convert


def members(
    required: dict[str, Converter],
    optional: dict[str, Converter] | None = None,
    check: Check | None = None,
) -> Converter:
    """An object with the given properties, as a dict of those that are there.

    Unknown properties are ignored and null is absent, as the specification and Go's encoder have it.
    check: looks at the properties together; called when each for itself is right.
    """
    table = {**required, **(optional or {})}

    def convert(value: Any, path: str, problems: Problems) -> Any:
        if type(value) is not dict:
            wrong_kind(value, path, "an object", problems)
            return None
        before = len(problems)
        stem = f"{path}." if path else ""
        found = {}
        for name, item in value.items():
            if item is not None and name in table:
                found[name] = table[name](item, stem + name, problems)
        for name in required:
            if name not in found:
                problems.append((stem + name, "the property is required"))
        if len(problems) > before:
            return None
        if check:
            check(found, path, problems)
        return found

    return convert


def then(convert: Converter, change: Callable[[Any], Any]) -> Converter:
    """What `convert` gives, changed."""

    def converted(value: Any, path: str, problems: Problems) -> Any:
        value = convert(value, path, problems)
        return None if value is None else change(value)

    return converted


def record(
    cls: type[Record],
    required: dict[str, Converter] | None = None,
    optional: dict[str, Converter] | None = None,
    check: Check | None = None,
) -> Converter:
    """An object with the given properties, as a Record; its field `property`, if any, is the path."""
    convert_members = members(required or {}, optional, check)
    placed = "property" in cls.FIELDS

    def convert(value: Any, path: str, problems: Problems) -> Any:
        values = convert_members(value, path, problems)
        if values is None:
            return None
        if placed:
            values["property"] = path
        return cls(**values)

    return convert


def untyped(value: Any, path: str, problems: Problems) -> Any:
    """An object that is kept as it is in the document."""
    if type(value) is dict:
        return value
    wrong_kind(value, path, "an object", problems)
