"""JSON text is read strictly, and every refusal names line and column."""

import json
import subprocess
import sys

import pytest

from ocipy.errors import OcipyError
from ocipy.spec.jsontext import DEPTH_LIMIT, SIZE_LIMIT, decode, encode, encode_pretty

VALUE = {"a": [1, -2, 2.5, True, False, None, 'é\n"\U0001f600'], "b": {}, "c": [], "d": {"e": {"f": [[], {}]}}}


def test_decode_gives_the_value_that_json_gives():
    text = json.dumps(VALUE)
    assert decode(text.encode()) == VALUE


def test_decode_takes_utf8_and_white_space_around_the_value():
    assert decode(' \r\n\t{"é": "\U0001f600"}\n'.encode()) == {"é": "\U0001f600"}


@pytest.mark.parametrize(
    ("data", "line", "column", "reason"),
    [
        (b"", 1, 1, "a value is expected"),
        (b"[1,\n  tru]", 2, 3, "a value is expected"),
        (b'{"a" 1}', 1, 6, "':'"),
        (b'{\n"a": 1\n"b": 2}', 3, 1, "','"),
        (b"{a: 1}", 1, 2, "property name"),
        (b'"ab', 1, 1, "Unterminated"),
        (b'"a\x01"', 1, 3, "control character"),
        (b'"\\x"', 1, 2, "escape"),
        (b"1 2", 1, 3, "follows the end"),
        (b"{}\n\n }", 3, 2, "follows the end"),
        (b'{"a": 1,\n "b": {"b": 0, "c": 1, "c": 2}}', 2, 7, 'key "c" twice'),
        (b"[1, NaN]", 1, 5, "NaN"),
        (b"[\n-Infinity]", 2, 1, "-Infinity"),
        (b"[1e999]", 1, 2, "too large"),
        (b"[0, " + b"9" * 5000 + b"]", 1, 5, "5000 digits"),
        (b'"\xff"', 1, 2, "not UTF-8"),
        (b'\n["\xc3"]', 2, 3, "not UTF-8"),
        (b"\xef\xbb\xbf{}", 1, 1, "a value is expected"),
        (b"[" * (DEPTH_LIMIT + 1) + b"]" * (DEPTH_LIMIT + 1), 1, DEPTH_LIMIT + 1, "nested more than"),
        (b"[" * 100_000, 1, DEPTH_LIMIT + 1, "nested more than"),
        (b'{"a":' * 100_000, 1, 5 * DEPTH_LIMIT + 1, "nested more than"),
    ],
)
def test_decode_refuses_with_line_and_column(data, line, column, reason):
    with pytest.raises(OcipyError) as caught:
        decode(data)
    text = str(caught.value)
    assert f"line {line}, column {column}: " in text
    assert reason in text


def test_decode_takes_the_deepest_nesting_allowed():
    assert decode(b"[" * DEPTH_LIMIT + b"]" * DEPTH_LIMIT)


def test_decode_takes_many_shallow_values():
    assert len(decode(b"[" + b"[]," * 1000 + b"{}]")) == 1001


def test_decode_refuses_more_than_the_size_limit():
    with pytest.raises(OcipyError, match="limit"):
        decode(b" " * SIZE_LIMIT + b"1")


def test_decode_explains_a_bad_text_in_a_fresh_interpreter():
    # Before 3.12 the scanner fails without an exception set as long as json.decoder is not imported.
    code = (
        "from ocipy.spec.jsontext import decode\n"
        "try: decode(b'{\"a\" 1}')\n"
        "except Exception as error: print(type(error).__name__, error)"
    )
    result = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout.startswith("OcipyError")
    assert "line 1, column 6" in result.stdout


def test_decode_and_encode_import_neither_json_nor_re():
    code = (
        "import sys\n"
        "from ocipy.spec.jsontext import decode, encode, encode_pretty\n"
        "encode_pretty(decode(encode({'a': [1, 'b']}).encode()), ' ')\n"
        "print(sorted({'json', 're', 'typing', 'enum'} & set(sys.modules)))"
    )
    result = subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, text=True, check=True)
    assert result.stdout == "[]\n"


def test_encode_is_compact_and_ascii():
    text = encode(VALUE)
    assert text.isascii()
    assert ": " not in text and ", " not in text
    assert json.loads(text) == VALUE


def test_encode_keeps_half_of_a_surrogate_pair_as_an_escape():
    assert encode("\ud800") == '"\\ud800"'


@pytest.mark.parametrize("value", [float("nan"), float("inf"), b"", {1}, object()])
def test_encode_refuses_what_json_cannot_hold(value):
    with pytest.raises((TypeError, ValueError)):
        encode([value])


@pytest.mark.parametrize("value", [VALUE, [], {}, [[]], "text", 1, None, [{"a": []}]])
@pytest.mark.parametrize("indent", ["\t", "  "])
def test_encode_pretty_has_the_shape_of_go(value, indent):
    assert encode_pretty(value, indent) == json.dumps(value, indent=indent)
