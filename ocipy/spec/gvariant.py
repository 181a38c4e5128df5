"""Values of D-Bus in the text format of GVariant, as annotations hold them: `'text'`, `true`, `uint64 5`, `['a', 'b']`.

https://docs.gtk.org/glib/gvariant-text-format.html, without dictionaries and maybes, which no property of a unit has.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # D-Bus signature and value; "" for the signature of an empty array without a type.
    Typed = tuple[str, Any]

_KEYWORDS = {
    "boolean": "b", "byte": "y", "int16": "n", "uint16": "q", "int32": "i", "uint32": "u", "int64": "x",
    "uint64": "t", "double": "d", "string": "s", "objectpath": "o", "signature": "g",
}  # fmt: skip
_RANGES = {
    "y": (0, 1 << 8), "n": (-1 << 15, 1 << 15), "q": (0, 1 << 16), "i": (-1 << 31, 1 << 31), "u": (0, 1 << 32),
    "x": (-1 << 63, 1 << 63), "t": (0, 1 << 64),
}  # fmt: skip
_ESCAPES = {"n": "\n", "t": "\t", "r": "\r", "a": "\a", "b": "\b", "f": "\f", "v": "\v"}
_HEXADECIMAL = {"u": 4, "U": 8}
_SPACE = " \t\n"
_ENDS = f"{_SPACE},[]()<>'\""


def parse(text: str) -> tuple[str, Any]:
    """Gives D-Bus signature and value (as linux/libsystemd.py wants it). Raises ValueError that tells what is wrong."""
    parser = _Parser(text)
    signature, value = parser.value("")
    parser.end()
    if not signature:
        raise ValueError("the type of an empty array must be given, such as @as []")
    return signature, value


class _Parser:
    def __init__(self, text: str) -> None:
        self._text = text
        self._at = 0

    def end(self) -> None:
        if self._next():
            raise ValueError(f"{self._text[self._at:]!r} is too much")

    def value(self, wanted: str) -> Typed:
        """Parses one value. wanted: its type, "" for the one that the text has."""
        first = self._next()
        if first in ("'", '"'):
            return self._typed("s", self._string(), wanted)
        if first == "[":
            return self._array(wanted)
        if first == "(":
            return self._structure(wanted)
        word = self._word()
        if first == "@":
            return self.value(_same(word[1:], wanted))
        if word in _KEYWORDS:
            return self.value(_same(_KEYWORDS[word], wanted))
        if word in ("true", "false"):
            return self._typed("b", word == "true", wanted)
        return _number(word, wanted)

    def _typed(self, signature: str, value: Any, wanted: str) -> Typed:
        # A path and a signature are written as texts.
        return (wanted if signature == "s" and wanted in ("o", "g") else _same(signature, wanted)), value

    def _next(self) -> str:
        """Gives the next character that is no space, "" at the end."""
        while self._text[self._at : self._at + 1] in tuple(_SPACE):
            self._at += 1
        return self._text[self._at : self._at + 1]

    def _word(self) -> str:
        begin = self._at
        # The type after @ has brackets of its own.
        ends = _SPACE if self._text[begin : begin + 1] == "@" else _ENDS
        while self._at < len(self._text) and self._text[self._at] not in ends:
            self._at += 1
        if begin == self._at:
            raise ValueError(f"a value is missing before {self._text[begin:]!r}")
        return self._text[begin : self._at]

    def _string(self) -> str:
        quote = self._text[self._at]
        self._at += 1
        result = ""
        while (character := self._text[self._at : self._at + 1]) != quote:
            if not character:
                raise ValueError(f"a closing {quote} is missing")
            self._at += 1
            result += self._escaped() if character == "\\" else character
        self._at += 1
        return result

    def _escaped(self) -> str:
        character = self._text[self._at : self._at + 1]
        count = _HEXADECIMAL.get(character, 0)
        digits = self._text[self._at + 1 : self._at + 1 + count]
        self._at += 1 + count
        if not count:
            return _ESCAPES.get(character, character)
        if len(digits) < count or not all(digit in "0123456789abcdefABCDEF" for digit in digits):
            raise ValueError(f"\\{character}{digits} is no character")
        return chr(int(digits, 16))

    def _array(self, wanted: str) -> Typed:
        if wanted and wanted[0] != "a":
            raise ValueError(f"an array is given where the type is {wanted}")
        element = wanted[1:]
        values: list[Any] = []
        while self._another("]", not values):
            signature, value = self.value(element)
            element = element or signature
            values.append(value)
        return (f"a{element}" if element else ""), tuple(values)

    def _structure(self, wanted: str) -> Typed:
        signatures = ""
        values: list[Any] = []
        while self._another(")", not values):
            signature, value = self.value("")
            signatures += signature
            values.append(value)
        return _same(f"({signatures})", wanted), tuple(values)

    def _another(self, close: str, first: bool) -> bool:
        """Steps over what is before the next member; gives False after the closing bracket."""
        if first:
            self._at += 1
        found = self._next()
        if found == close:
            self._at += 1
            return False
        if not first:
            if found != ",":
                raise ValueError(f"a closing {close} is missing")
            self._at += 1
            if self._next() == close:
                self._at += 1
                return False
        return True


def _same(signature: str, wanted: str) -> str:
    if wanted and signature != wanted:
        raise ValueError(f"a value of type {signature} is given where the type is {wanted}")
    return signature


def _number(word: str, wanted: str) -> Typed:
    """Gives a number, by default an int32, or a double when it has a point or an exponent."""
    digits = word.lstrip("+-").lower()
    if not word.isascii() or "_" in word or not digits[:1].isdigit() or len(word) - len(digits) > 1:
        raise ValueError(f"{word!r} is no value")
    hexadecimal = digits.startswith("0x")
    try:
        if wanted == "d" or (not hexadecimal and ("." in digits or "e" in digits)):
            return _same("d", wanted), float(word)
        # A leading 0 means octal, as in C.
        base = 16 if hexadecimal else 8 if digits[0] == "0" and len(digits) > 1 else 10
        value = int(word, base)
    except ValueError:
        raise ValueError(f"{word!r} is no number") from None
    signature = wanted or "i"
    if signature not in _RANGES:
        raise ValueError(f"a number is given where the type is {signature}")
    low, high = _RANGES[signature]
    if not low <= value < high:
        raise ValueError(f"{word} does not fit into the type {signature}")
    return signature, value
