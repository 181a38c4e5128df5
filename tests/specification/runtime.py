"""runtime.md."""

from __future__ import annotations

from . import Document, Sentence

DOCUMENT = Document(
    "runtime.md",
    {
        "State": (
            Sentence(
                "MUST", "asking for the state of a container that does not exist is an error",
                "tests/integration/test_state_list.py::test_state_of_a_missing_container_says_does_not_exist",
            ),
        ),
    },
)
