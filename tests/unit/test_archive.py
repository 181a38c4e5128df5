"""The archive of compiled modules: never older than the sources, never in the way."""

import os
import shutil
import subprocess
import sys
import time
from importlib.util import spec_from_file_location

import pytest
from support.modules import CHECKOUT

ARCHIVE = f"main.{sys.implementation.cache_tag}.bin"


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
    done = subprocess.run([copy / "ocipy/bin/ocipy", "spec", "--help"], capture_output=True, text=True)
    assert done.stdout.startswith("usage: ocipy spec")


def test_verbs_that_share_an_archive_do_not_pay_for_the_first_of_them(copy):
    version(copy)
    alone = archive(copy).read_bytes()
    archive(copy).unlink()
    subprocess.run([copy / "ocipy/bin/ocipy", "features"], capture_output=True, check=True)
    assert len(archive(copy).read_bytes()) == len(alone)


def test_failed_command_makes_no_archive(copy):
    subprocess.run([copy / "ocipy/bin/ocipy", "--no-such-flag"], capture_output=True)
    assert not archive(copy).exists()


@pytest.mark.parametrize("words", [("state", "--help"), ("--help", "state")])
def test_help_of_a_verb_makes_no_archive_that_lacks_its_work(copy, words):
    subprocess.run([copy / "ocipy/bin/ocipy", *words], capture_output=True, check=True)
    assert not list(copy.glob("ocipy/__pycache__/state.*"))


def test_archived_modules_know_their_source(copy):
    subprocess.run([copy / "ocipy/bin/ocipy", "spec", "--bundle", copy], check=True)
    version(copy)
    code = f"""
import posix, sys
def leave(_code):
    main = sys.modules["ocipy.cli.main"]
    print(main.__file__, main.__package__, "ocipy.archive" not in sys.modules, flush=True)
    leave.really(0)
leave.really, posix._exit = posix._exit, leave
exec(open(__file__ := {str(copy / "ocipy/__main__.py")!r}).read())
"""
    command = ["/usr/bin/python3", "-IS", "-c", code, "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert done.stdout.split()[-3:] == [f"{copy}/ocipy/cli/main.py", "ocipy.cli", "True"]


def test_archived_modules_have_the_names_that_importing_gives_them(copy):
    """Their import statements are not executed."""
    subprocess.run([copy / "ocipy/bin/ocipy", "spec", "--bundle", copy], check=True)
    code = f"""
import posix, sys
def leave(_code):
    names = {{
        (module, name, str(type(value)), getattr(value, "__module__", None), getattr(value, "__name__", None))
        for module in list(sys.modules) if module.startswith("ocipy.") and module != "ocipy.archive"
        for name, value in vars(sys.modules[module]).items() if name[:2] != "__" and name != "annotations"
    }}
    print("ocipy.archive" in sys.modules, sorted(map(str, names)), flush=True)
    leave.really(0)
leave.really, posix._exit = posix._exit, leave
exec(open(__file__ := {str(copy / "ocipy/__main__.py")!r}).read())
"""
    command = ["/usr/bin/python3", "-IS", "-c", code, "--root", copy / "root", "delete", "--force", "absent"]
    imported, archived = (subprocess.run(command, capture_output=True, text=True).stdout for _ in range(2))
    assert imported.startswith("True [") and len(imported) > 10_000
    assert archived == imported.replace("True", "False", 1)


def test_whole_package_is_in_the_archive_so_that_nothing_is_imported(copy):
    version(copy)
    command = ["/usr/bin/python3", "-IS", "-X", "importtime", copy / "ocipy/__main__.py", "--version"]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert not [line for line in done.stderr.splitlines() if "ocipy" in line or "__future__" in line]


def test_moved_package_is_read_from_its_new_place(copy, tmp_path):
    """A copy with its caches must not run the code of the original."""
    version(copy)
    shutil.copytree(copy / "ocipy", tmp_path / "other/ocipy")
    source = tmp_path / "other/ocipy/cli/main.py"
    source.write_text(source.read_text().replace("spec: 1.3.0", "spec: 1.3.0 moved"))
    assert "moved" in version(tmp_path / "other")


def test_lines_are_known_with_debug_only(copy):
    source = copy / "ocipy/cli/state.py"
    raising = "def execute(*_):\n    raise RuntimeError('x')\n\n\ndef old("
    source.write_text(source.read_text().replace("def execute(", raising))
    launcher = copy / "ocipy/bin/ocipy"
    said = subprocess.run([launcher, "--debug", "state", "one"], capture_output=True, text=True).stderr
    assert 'cli/state.py", line' in said and "RuntimeError: x" in said
    said = subprocess.run([launcher, "state", "one"], capture_output=True, text=True).stderr
    assert said == "ocipy: internal error: RuntimeError: x\n"


def test_start_is_compiled_beside_the_archive_as_python_would(copy):
    """bin/ocipy hands it to the interpreter; importlib must take it for what it is as well."""
    version(copy)
    compiled = copy / f"ocipy/__pycache__/__main__.{sys.implementation.cache_tag}.pyc"
    before = compiled.read_bytes()
    spec = spec_from_file_location("anything", copy / "ocipy/__main__.py")
    assert spec.loader.get_code("anything").co_filename == str(copy / "ocipy/__main__.py")
    assert compiled.read_bytes() == before, "it was not taken and made anew"
