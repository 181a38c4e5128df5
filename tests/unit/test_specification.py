"""The table of the specification's sentences is whole, and names tests that exist."""

import ast
import functools
import subprocess
from pathlib import Path

import pytest
from specification import LEVELS, documents

CHECKOUT = Path(__file__).resolve().parents[2]
SENTENCES = [pair for document in documents() for pair in document.numbered()]


@functools.cache
def names_in(file):
    """Gives the names of the tests in a file, without running it."""
    path = CHECKOUT / file
    if not path.is_file():
        return frozenset()
    functions = (node for node in ast.parse(path.read_text()).body if isinstance(node, ast.FunctionDef))
    return frozenset(node.name for node in functions if node.name.startswith("test_"))


@pytest.mark.parametrize(("id", "sentence"), SENTENCES, ids=[id for id, _sentence in SENTENCES])
def test_every_named_test_exists(id, sentence):
    for test in sentence.tests():
        file, _colons, name = test.partition("::")
        assert name in names_in(file), f"{id}: there is no {test}"


@pytest.mark.parametrize(("id", "sentence"), SENTENCES, ids=[id for id, _sentence in SENTENCES])
def test_no_cell_is_empty(id, sentence):
    assert sentence.level.upper() in LEVELS
    assert sentence.text.strip(), id
    assert all(sentence.tests()) and (sentence.holds or sentence.why.strip()), f"{id}: neither a test nor a reason"
    assert "|" not in sentence.text + sentence.why and "\n" not in sentence.text + sentence.why, id


def test_no_sentence_is_there_twice():
    assert len({id for id, _sentence in SENTENCES}) == len(SENTENCES)


def test_the_written_table_is_up_to_date():
    done = subprocess.run([CHECKOUT / "conformance/spec", "--check"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
