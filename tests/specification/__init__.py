"""Every normative sentence of the OCI runtime specification 1.3.0, with the test that holds it.

A module of this package is a document: `runtime.py` has that of runtime.md, as DOCUMENT. The sentences are in our own
words, in the order of the document. `conformance/spec` writes conformance/SPEC.md from them, and
`tests/unit/test_specification.py` keeps the two together and finds the named tests.
"""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from typing import NamedTuple

LEVELS = ("MUST", "MUST NOT", "REQUIRED", "SHOULD", "SHOULD NOT", "RECOMMENDED", "MAY", "OPTIONAL", "WILL", "WILL NOT")


class Sentence(NamedTuple):
    """One duty, wish or permission.

    level: the specification's word, one of LEVELS; in small letters where the document writes it so.
    holds: the tests that fail when it is broken, as pytest is given them, without parameters:
    `tests/integration/test_hooks.py::test_hooks_run_in_the_order_of_the_config`; or a string, when it is one.
    why: why it does not apply to ocipy, or why ocipy does otherwise, or what the test shows.
    """

    level: str
    text: str
    holds: str | tuple[str, ...] = ()
    why: str = ""

    def tests(self) -> tuple[str, ...]:
        return (self.holds,) if isinstance(self.holds, str) else self.holds


class Document(NamedTuple):
    """name: as in the specification's repository. sections: heading, in the order of the document, to its sentences."""

    name: str
    sections: dict[str, tuple[Sentence, ...]]

    def numbered(self) -> Iterator[tuple[str, Sentence]]:
        """Gives each sentence with its id: document, section and number in it, as in `runtime.query-state.2`."""
        for heading, sentences in self.sections.items():
            for number, sentence in enumerate(sentences, 1):
                yield f"{self.name.removesuffix('.md')}.{heading.lower().replace(' ', '-')}.{number}", sentence


def documents() -> list[Document]:
    """Gives all documents, by name."""
    modules = [importlib.import_module(f"{__name__}.{module.name}") for module in pkgutil.iter_modules(__path__)]
    return sorted((module.DOCUMENT for module in modules), key=lambda document: document.name)
