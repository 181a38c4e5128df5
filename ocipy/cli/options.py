"""The parser of a command line: runc's syntax (`-flag`, `--flag`, `--flag=v`, `--flag v`) in a page."""

from __future__ import annotations

from ..errors import OcipyError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    # The parsed command line: `arguments["pid-file"]` is an option by its long name, `arguments["operands"]` the rest.
    Arguments = dict[str, Any]


class Option:
    """A flag. names: long name first, without dashes. value: placeholder of its value, "" for a switch.

    default: that of a switch is False unless something else shall tell that it was not given.
    repeated: the values are collected in a list.
    """

    __slots__ = ("default", "help", "names", "repeated", "value")

    def __init__(self, *names: str, help: str, value: str = "", default: Any = None, repeated: bool = False) -> None:
        self.names = names
        self.help = help
        self.value = value
        self.default: Any = False if default is None and not value else default
        self.repeated = repeated


class Verb:
    """What a verb takes: operands (as shown in its usage line, with their least and greatest number) and options.

    stop: True when everything after the first operand is an operand too (a command with flags of its own).
    """

    __slots__ = ("help", "least", "most", "operands", "options", "stop")

    def __init__(
        self, help: str, *, operands: str = "", least: int = 0, most: int | None = 0,
        options: Sequence[Option] = (), stop: bool = False,
    ) -> None:
        self.help = help
        self.operands = operands
        self.least = least
        self.most = most
        self.options = options
        self.stop = stop


class UsageError(OcipyError):
    """A command line that does not fit the verb."""


def parse(words: Sequence[str], options: Sequence[Option], *, stop: bool = False) -> Arguments:
    """Splits `words` into options and operands.

    stop: end at the first operand, which then starts the operands. Raises UsageError on an unknown flag, on a
    missing value and on a switch that is given one other than true or false.
    """
    known = {name: option for option in options for name in option.names}
    values = {option.names[0]: [] if option.repeated else option.default for option in options}
    operands = values["operands"] = []
    rest = iter(words)
    for word in rest:
        if word == "--":
            operands.extend(rest)
        elif not word.startswith("-") or word == "-":
            operands.append(word)
            if stop:
                operands.extend(rest)
        else:
            flag, assigned, text = word.lstrip("-").partition("=")
            option = known.get(flag)
            if option is None:
                raise UsageError(f"flag provided but not defined: -{flag}")
            _store(values, option, word, text if assigned else None, rest)
    return values


def _store(values: Arguments, option: Option, word: str, text: str | None, rest: Any) -> None:
    name = option.names[0]
    if not option.value:
        if text not in (None, "true", "false"):
            raise UsageError(f"invalid boolean value {text!r} for -{name}")
        values[name] = text != "false"
        return
    if text is None:
        text = next(rest, None)
        if text is None:
            raise UsageError(f"flag needs an argument: {word}")
    if option.repeated:
        values[name].append(text)
    else:
        values[name] = text


def number(text: str, flag: str) -> int:
    """Gives the value of a flag that takes a non-negative decimal number. Raises UsageError otherwise.

    int() alone would also take `１２`, `1_0` and ` 1`.
    """
    if not (text.isascii() and text.isdigit()):
        raise UsageError(f"invalid value {text!r} for flag -{flag}: a decimal number is needed")
    return int(text)


def usage(program: str, verb: Verb) -> str:
    """Gives the help text of a verb."""
    lines = [f"usage: {program}{' [options]' if verb.options else ''}{' ' + verb.operands if verb.operands else ''}",
             "", verb.help, ""]
    if verb.options:
        lines.append("options:")
        lines += option_lines(verb.options)
    return "\n".join(lines).rstrip() + "\n"


def option_lines(options: Sequence[Option]) -> list[str]:
    """Gives one aligned line of help per option."""
    heads = [
        "  " + ", ".join(("-" if len(name) == 1 else "--") + name for name in option.names)
        + (f" {option.value}" if option.value else "")
        for option in options
    ]
    width = max(map(len, heads)) + 2
    return [f"{head:<{width}}{option.help}" for head, option in zip(heads, options, strict=True)]
