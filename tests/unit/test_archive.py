"""The archive of compiled modules: never older than the sources, never in the way."""

import os
import shutil
import subprocess
import time

import pytest

from tests.support.modules import CHECKOUT

ARCHIVE = f"archive.{__import__('sys').implementation.cache_tag}.bin"


@pytest.fixture
def copy(tmp_path):
    """A copy of the package without compiled files; gives the directory that holds it."""
    shutil.copytree(f"{CHECKOUT}/ocipy", tmp_path / "ocipy", ignore=shutil.ignore_patterns("__pycache__"))
    return tmp_path


def version(directory):
    done = subprocess.run([directory / "ocipy/bin/ocipy", "--version"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout


def archive(directory):
    return directory / "ocipy/__pycache__" / ARCHIVE


def test_first_run_makes_the_archive_and_the_next_leaves_it(copy):
    version(copy)
    made = archive(copy).stat()
    version(copy)
    assert archive(copy).stat().st_ino == made.st_ino


def test_changed_source_counts_at_once(copy):
    version(copy)
    source = copy / "ocipy/cli/main.py"
    source.write_text(source.read_text().replace("spec: 1.3.0", "spec: 1.3.0 changed"))
    os.utime(source, (time.time() + 10, time.time() + 10))
    assert "1.3.0 changed" in version(copy)


def test_damaged_archive_is_made_anew(copy):
    version(copy)
    archive(copy).write_bytes(b"\0 no archive")
    assert version(copy).startswith("ocipy version")
    assert archive(copy).stat().st_size > 10_000


def test_new_module_is_found_beside_an_archive_that_lacks_it(copy):
    version(copy)
    (copy / "ocipy/cli/state.py").rename(copy / "ocipy/cli/moved.py")
    (copy / "ocipy/cli/state.py").write_text("from .moved import VERB, execute\n")
    done = subprocess.run([copy / "ocipy/bin/ocipy", "state", "--help"], capture_output=True, text=True)
    assert done.stdout.startswith("usage: ocipy state")
