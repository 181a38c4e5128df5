"""The check of a document against the JSON schemas: for people, who can wait for jsonschema to be imported."""

from __future__ import annotations

import os

from ..errors import OcipyError
from .fields import member
from .jsontext import decode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator
    from typing import Any

SCHEMAS = ("config", "state", "features")

_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


def schema_directory(package: str = _PACKAGE) -> str:
    """Gives the directory of the schemas.

    package: the directory of the package ocipy. The schemas lie beside it in a checkout, and in share/ocipy/schemas
    of the installation's prefix, which is some directory above the package. Raises OcipyError when neither is there.
    """
    above = os.path.dirname(package)
    places = [os.path.join(above, "schemas")]
    while above != os.path.dirname(above):
        places.append(os.path.join(above, "share/ocipy/schemas"))
        above = os.path.dirname(above)
    for place in places:
        if os.path.exists(os.path.join(place, "config.schema.json")):
            return place
    raise OcipyError(f"the JSON schemas are not installed: {places[0]} and share/ocipy/schemas above it are missing")


def read_schema(name: str) -> Any:
    """Gives one of SCHEMAS as a value. Raises OcipyError."""
    with open(os.path.join(schema_directory(), f"{name}.schema.json"), "rb") as file:
        return decode(file.read())


def schema_problems(name: str, document: Any) -> list[tuple[str, str]]:
    """Gives pairs of property path and message for each breach of one of SCHEMAS.

    document: a decoded value. Raises OcipyError when jsonschema is not installed.
    """
    try:
        from jsonschema import Draft202012Validator
    except ImportError:
        hint = "apt install python3-jsonschema"
        raise OcipyError("the Python package jsonschema is not installed", hint=hint) from None
    validator = Draft202012Validator(read_schema(name))
    return [problem for error in validator.iter_errors(without_null(document)) for problem in _problems(error)]


def without_null(value: Any) -> Any:
    """Gives the value without its null members, which count as absent: Go encodes an unset pointer so."""
    if isinstance(value, dict):
        return {name: without_null(item) for name, item in value.items() if item is not None}
    if isinstance(value, list):
        return [without_null(item) for item in value]
    return value


def _problems(error: Any) -> Iterator[tuple[str, str]]:
    path = ""
    for step in error.absolute_path:
        path = f"{path}[{step}]" if isinstance(step, int) else member(path, step)
    if "propertyNames" in error.absolute_schema_path:
        yield member(path, error.instance), f"the name {_breach(error)}"
    elif error.validator == "required":
        for name in error.validator_value:
            if name not in error.instance:
                yield member(path, name), "the property is required"
    elif error.validator == "dependentRequired":
        for name, others in error.validator_value.items():
            for other in others:
                if name in error.instance and other not in error.instance:
                    yield member(path, other), f"the property is required with {name}"
    else:
        yield path, _breach(error)


def _breach(error: Any) -> str:
    # jsonschema's own words repeat the whole value, and a value may be long, or a secret.
    limit = error.validator_value
    match error.validator:
        case "type":
            return f"must be of type {limit}"
        case "enum":
            return f"must be one of {', '.join(filter(None, limit))}"
        case "pattern":
            return f"must match {limit}"
        case "minimum" | "maximum":
            return f"must have the {error.validator} {limit}"
        case "minItems" | "minLength" | "minProperties":
            return f"must have at least {limit} of its parts"
        case "maxItems" | "maxLength" | "maxProperties":
            return f"must have at most {limit} of its parts"
    return f"breaks the rule {error.validator} of the schema"
