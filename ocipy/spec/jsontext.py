"""JSON text, read strictly (RFC 8259) and written: the C scanner and encoder of `_json`.

The json package around them costs 15 ms of imports, mostly for `re`; it is imported to explain a bad text only.
Not for the container's side: a first decode may import.
"""

from __future__ import annotations

import _json
import sys

from ..errors import OcipyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from types import SimpleNamespace
    from typing import Any
else:
    SimpleNamespace = type(sys.implementation)

# The largest message of the engines' own transport (gRPC, 16 MiB): no configuration that came over it is larger.
SIZE_LIMIT = 16 << 20
# A configuration nests about ten deep; what walks over a value may then do so by recursion.
DEPTH_LIMIT = 64

_SPACE = " \t\n\r"


def _unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    # Two readers that pick a different one of two equal keys disagree on what the container is.
    members = dict(pairs)
    if len(members) != len(pairs):
        names = [name for name, _ in pairs]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"the object has the key {encode(twice)} twice")
    return members


def _integer(digits: str) -> int:
    try:
        return int(digits)
    except ValueError:
        raise ValueError(f"an integer of {len(digits)} digits is too large") from None


def _fraction(digits: str) -> float:
    value = float(digits)
    if value - value != 0:
        raise ValueError("the number is too large")
    return value


def _constant(name: str) -> None:
    raise ValueError(f"{name} is not JSON")


def _rules() -> SimpleNamespace:
    """Gives what make_scanner asks for."""
    return SimpleNamespace(
        strict=True,
        object_hook=None,
        object_pairs_hook=_unique,
        parse_float=_fraction,
        # The C scanner is quick only with int itself; its own ValueError stands for _integer's refusal.
        parse_int=int,
        parse_constant=_constant,
    )


_scan = _json.make_scanner(_rules())  # type: ignore[arg-type]


def decode(data: bytes) -> Any:
    """Gives the value of a JSON text.

    data: UTF-8, at most SIZE_LIMIT bytes. Duplicate keys, NaN, Infinity, trailing data, too deep nesting and
    integers of thousands of digits are refused. Raises OcipyError with line and column (from 1, in characters).
    """
    if len(data) > SIZE_LIMIT:
        raise OcipyError(f"not readable as JSON: {len(data)} bytes are more than the limit of {SIZE_LIMIT}")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        raise _failure(data[: error.start].decode(), error.start, "a byte that is not UTF-8") from None
    start = len(text) - len(text.lstrip(_SPACE))
    try:
        value, end = _scan(text, start)
    except (StopIteration, ValueError, SystemError, RecursionError):
        # SystemError: before 3.12 the scanner cannot raise JSONDecodeError unless json.decoder is loaded.
        raise _explain(text, start) from None
    if text.count("[") + text.count("{") > DEPTH_LIMIT and _too_deep(value):
        raise _locate(text, start)
    if text[end:].strip(_SPACE):
        end = len(text) - len(text[end:].lstrip(_SPACE))
        raise _failure(text, end, "text follows the end of the value")
    return value


def _too_deep(value: Any) -> bool:
    level = [value]
    for _ in range(DEPTH_LIMIT):
        level = [
            item
            for parent in level
            if isinstance(parent, (dict, list))
            for item in (parent.values() if isinstance(parent, dict) else parent)
        ]
    return any(isinstance(item, (dict, list)) for item in level)


def _failure(text: str, position: int, reason: str) -> OcipyError:
    line = text.count("\n", 0, position) + 1
    column = position - text.rfind("\n", 0, position)
    return OcipyError(f"not readable as JSON: line {line}, column {column}: {reason}")


def _explain(text: str, start: int) -> OcipyError:
    from json.decoder import JSONDecodeError

    try:
        _scan(text, start)
    except StopIteration as error:
        return _failure(text, min(error.value, len(text)), "a value is expected")
    except JSONDecodeError as error:
        return _failure(text, error.pos, error.msg)
    except (ValueError, RecursionError):
        pass
    return _locate(text, start)


def _locate(text: str, start: int) -> OcipyError:
    """Finds the place of a refused value: a second, slow scan that remembers where each value begins."""
    from json.decoder import JSONArray, JSONObject  # type: ignore[attr-defined]
    from json.scanner import py_make_scanner  # type: ignore[attr-defined]

    position, depth = start, 0

    def scan(text: str, index: int) -> Any:
        nonlocal position
        position = index
        return scan_value(text, index)

    def nested(parse: Callable[[], Any]) -> Any:
        nonlocal depth
        depth += 1
        if depth > DEPTH_LIMIT:
            raise ValueError(f"the values are nested more than {DEPTH_LIMIT} deep")
        parsed = parse()
        depth -= 1
        return parsed

    def parse_object(state: tuple[str, int], strict: bool, _scan: Any, hook: Any, _pairs: Any, memo: Any) -> Any:
        def unique(pairs: list[tuple[str, Any]]) -> Any:
            nonlocal position
            position = state[1] - 1
            return _unique(pairs)

        return nested(lambda: JSONObject(state, strict, scan, hook, unique, memo))

    rules = _rules()
    rules.parse_int = _integer
    rules.parse_string = _json.scanstring
    rules.parse_object = parse_object
    rules.parse_array = lambda state, _scan: nested(lambda: JSONArray(state, scan))
    rules.memo = {}
    scan_value = py_make_scanner(rules)
    try:
        scan(text, start)
        reason = "the value is not JSON"
    except (ValueError, RecursionError) as error:
        reason = str(error)
    return _failure(text, position, reason)


def _refuse_value(value: object) -> None:
    raise TypeError(f"{type(value).__name__} has no form in JSON")


# markers, default, encoder, indent, key separator, item separator, sort_keys, skipkeys, allow_nan
_encode = _json.make_encoder(
    None, _refuse_value, _json.encode_basestring_ascii, None, ":", ",", False, False, False,
)  # fmt: skip


def encode(value: Any) -> str:
    """Gives a value as compact JSON text, ASCII only. Raises TypeError or ValueError for what JSON cannot hold."""
    return "".join(_encode(value, 0))


def encode_pretty(value: Any, indent: str) -> str:
    """Gives a value as JSON text with one member or element per line, as Go's json.MarshalIndent does.

    indent: the white space of one level. No newline at the end.
    """
    return _lines(value, indent, "\n")


def _lines(value: Any, indent: str, margin: str) -> str:
    inner = margin + indent
    if isinstance(value, dict) and value:
        members = (f"{inner}{encode(name)}: {_lines(member, indent, inner)}" for name, member in value.items())
        return "{" + ",".join(members) + margin + "}"
    if isinstance(value, (list, tuple)) and value:
        return "[" + ",".join(inner + _lines(element, indent, inner) for element in value) + margin + "]"
    return encode(value)
