"""`ocipy validate`: tells everything that is wrong with a config.json, state or features document."""

from __future__ import annotations

import os
import sys

from ..errors import ConfigError, OcipyError
from ..spec.jsontext import decode, encode_pretty
from ..spec.load import load
from ..spec.schema import SCHEMAS, schema_problems
from . import packages
from .options import Option, UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import Arguments

FORMATS = ("text", "json")

VERB = Verb(
    "check a document and print all its errors, each with its property (FILE -: standard input)",
    operands="[FILE]",
    most=1,
    options=(
        Option("bundle", "b", value="DIR", default=".", help="check the config.json of this bundle"),
        Option("format", "f", value="FORMAT", default="text", help="text or json"),
        Option("schema", value="NAME", default="config", help="what FILE is: config, state or features"),
    ),
)


def execute(_settings: object, arguments: Arguments) -> int:
    """Prints the errors and gives the exit code: 1 when there are any. Raises OcipyError, OSError."""
    schema = _one_of(arguments, "schema", SCHEMAS)
    form = _one_of(arguments, "format", FORMATS)
    name, data = _read(arguments, schema)
    problems = find_problems(schema, data)
    if form == "json":
        errors = [{"path": path, "message": message} for path, message in problems]
        print(encode_pretty({"file": name, "valid": not problems, "errors": errors}, "  "))
    elif problems:
        for path, message in problems:
            print(f"{path or name}: {message}")
    else:
        print(f"{name} is valid")
    return 1 if problems else 0


def find_problems(schema: str, data: bytes) -> list[tuple[str, str]]:
    """Gives pairs of property path and message; the path of the document itself is "".

    schema: one of SCHEMAS. A config is also read as `create` reads it; of two messages on one property that reading's
    is given, since it speaks of the property and not of a rule. Raises OcipyError when jsonschema is not installed.
    """
    try:
        document = decode(data)
    except OcipyError as error:
        return [("", str(error))]
    problems = []
    if schema == "config":
        try:
            load(data)
        except ConfigError as error:
            problems = error.problems
    packages.enable()
    known = {path for path, _ in problems}
    return problems + [problem for problem in schema_problems(schema, document) if problem[0] not in known]


def _one_of(arguments: Arguments, flag: str, words: tuple[str, ...]) -> str:
    word: str = arguments[flag]
    if word not in words:
        raise UsageError(f"invalid value {word!r} for flag --{flag}: one of {', '.join(words)} is needed")
    return word


def _read(arguments: Arguments, schema: str) -> tuple[str, bytes]:
    if not arguments["operands"]:
        if schema != "config":
            raise UsageError(f"FILE is needed with --schema {schema}")
        path = os.path.join(arguments["bundle"], "config.json")
    elif arguments["operands"][0] == "-":
        return "standard input", sys.stdin.buffer.read()
    else:
        path = arguments["operands"][0]
    with open(path, "rb") as file:
        return os.path.basename(path), file.read()
