"""The text format of GVariant, as org.systemd.property annotations hold it."""

import pytest

from ocipy.spec.gvariant import parse


@pytest.mark.parametrize(("text", "signature", "value"), [
    ("'inactive-or-failed'", "s", "inactive-or-failed"),
    ('"it\'s"', "s", "it's"),
    (r"'a\n\'\\\u00e9'", "s", "a\n'\\é"),
    ("true", "b", True),
    (" false ", "b", False),
    ("5", "i", 5),
    ("-5", "i", -5),
    ("+5", "i", 5),
    ("0x1F", "i", 31),
    ("017", "i", 15),
    ("1.5", "d", 1.5),
    ("2e3", "d", 2000.0),
    ("uint64 18446744073709551615", "t", (1 << 64) - 1),
    ("int16 -32768", "n", -32768),
    ("byte 0xff", "y", 255),
    ("double 3", "d", 3.0),
    ("@t 7", "t", 7),
    ("objectpath '/a'", "o", "/a"),
    ("['a', 'b',]", "as", ("a", "b")),
    ("[uint32 1, 2]", "au", (1, 2)),
    ("@as []", "as", ()),
    ("[('/dev/null', 'rw')]", "a(ss)", (("/dev/null", "rw"),)),
    ("[[1], [2, 3]]", "aai", ((1,), (2, 3))),
])  # fmt: skip
def test_value_has_the_type_that_glib_gives_it(text, signature, value):
    found = parse(text)
    assert found == (signature, value) and type(found[1]) is type(value)


@pytest.mark.parametrize(("text", "said"), [
    ("", "a value is missing"),
    ("abc", "'abc' is no value"),
    ("'a", "a closing ' is missing"),
    ("1 2", "'2' is too much"),
    ("[]", "the type of an empty array"),
    ("[1, 'a']", "of type s is given where the type is i"),
    ("[1", "a closing ] is missing"),
    ("uint32 -1", "does not fit into the type u"),
    ("2147483648", "does not fit into the type i"),
    ("uint64 'a'", "of type s is given where the type is t"),
    ("boolean 1", "a number is given where the type is b"),
    ("1_000", "is no value"),
    ("１", "is no value"),
    ("--1", "is no value"),
    ("0x", "is no number"),
    (r"'\u12'", "is no character"),
    ("@u", "a value is missing"),
    ("{'a': 1}", "is no value"),
    ("(1", "a closing ) is missing"),
])  # fmt: skip
def test_what_is_no_value_is_refused_with_the_reason(text, said):
    with pytest.raises(ValueError, match="^") as caught:
        parse(text)
    assert said in str(caught.value)
