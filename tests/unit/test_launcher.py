"""bin/ocipy: where it finds the package, and what has no say in that."""

import os
import shutil
import subprocess
import sys

import pytest

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
LAUNCHER = f"{CHECKOUT}/ocipy/bin/ocipy"
VERSION = f"python{sys.version_info.major}.{sys.version_info.minor}"
MAIN = """
import os, sys
def main(words):
    modules = ",".join(sorted(sys.modules))
    os.write(int(os.environ.get("TO", "1")), "\\n".join([__file__, repr(words), repr(sys.path), modules, ""]).encode())
    os._exit(7)
"""


def write(path, text):
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w") as file:
        file.write(text)


def make_package(directory, main=MAIN):
    write(f"{directory}/ocipy/__init__.py", "")
    for name in ("__main__.py", "archive.py"):
        shutil.copy(f"{CHECKOUT}/ocipy/{name}", f"{directory}/ocipy/{name}")
    write(f"{directory}/ocipy/cli/__init__.py", "")
    write(f"{directory}/ocipy/cli/main.py", main)
    return f"{directory}/ocipy/cli/main.py"


def make_launcher(directory):
    os.makedirs(directory, exist_ok=True)
    return shutil.copy(LAUNCHER, f"{directory}/ocipy")


def launch(*command, **options):
    """Gives where main.py was found, its words, sys.path and the names of the modules."""
    result = subprocess.run(command, **{"env": {}, "stdout": subprocess.PIPE, "check": False, **options})
    assert result.returncode == 7
    place, words, path, modules, _ = result.stdout.decode().split("\n")
    return place, words, path, modules.split(",")


@pytest.mark.parametrize("libraries", [
    f"lib/{VERSION}/site-packages", f"lib/{VERSION}/dist-packages", "lib/python3/dist-packages",
    "lib/python3.99/site-packages", f"local/lib/{VERSION}/dist-packages",
])
def test_installed_package_is_found_from_the_prefix(tmp_path, libraries):
    main = make_package(tmp_path / libraries)
    place, *_ = launch(make_launcher(tmp_path / "bin"), cwd="/")
    assert place == main


def test_package_of_the_checkout_is_found(tmp_path):
    main = make_package(tmp_path)
    place, *_ = launch(make_launcher(tmp_path / "ocipy/bin"), cwd="/")
    assert place == main


def test_package_is_found_through_symlinks(tmp_path):
    main = make_package(tmp_path)
    os.symlink(make_launcher(tmp_path / "ocipy/bin"), tmp_path / "one")
    os.symlink("one", tmp_path / "two")
    assert launch(tmp_path / "two", cwd="/")[0] == main
    assert launch("./two", cwd=tmp_path)[0] == main


def test_package_is_found_through_path(tmp_path):
    main = make_package(tmp_path)
    make_launcher(tmp_path / "ocipy/bin")
    assert launch("ocipy", env={"PATH": f"{tmp_path}/ocipy/bin"}, cwd="/")[0] == main


def test_neighbour_named_ocipy_of_the_prefix_is_not_taken_for_the_package(tmp_path):
    """From ~/bin/ocipy, /home/ocipy/ is the home of someone else."""
    make_package(tmp_path / "home")
    write(tmp_path / "home/me/__init__.py", "")
    result = subprocess.run([make_launcher(tmp_path / "home/me/bin")], capture_output=True, text=True)
    assert result.returncode == 1
    assert "no package ocipy" in result.stderr


def test_missing_package_is_one_line_on_stderr(tmp_path):
    launcher = make_launcher(tmp_path / "bin")
    result = subprocess.run([launcher], capture_output=True, text=True)
    assert result.returncode == 1
    assert result.stdout == ""
    assert result.stderr == (
        f"ocipy: no package ocipy: {launcher} is in no checkout and nothing is installed in {tmp_path}/bin/../lib\n"
    )


def test_words_reach_main_as_they_are(tmp_path):
    make_package(tmp_path)
    _, words, *_ = launch(make_launcher(tmp_path / "ocipy/bin"), "--flag", "", "a b")
    assert words == "['--flag', '', 'a b']"


def plant(directory):
    for name in ("os", "json", "site", "sitecustomize", "usercustomize", "ocipy", "ctypes", "encodings"):
        write(f"{directory}/{name}.py", "import posix; posix._exit(66)\n")


def test_modules_planted_in_the_working_directory_are_not_imported(tmp_path):
    plant(tmp_path / "cwd")
    main = make_package(tmp_path, MAIN.replace("import os, sys", "import os, sys, json, ctypes, site"))
    assert launch(make_launcher(tmp_path / "ocipy/bin"), cwd=tmp_path / "cwd")[0] == main


def test_python_variables_have_no_say(tmp_path):
    plant(tmp_path / "planted")
    planted = f"{tmp_path}/planted"
    main = make_package(tmp_path, MAIN.replace("import os, sys", "import os, sys, json, ctypes"))
    environment = {"PYTHONPATH": planted, "PYTHONHOME": planted, "PYTHONSTARTUP": f"{planted}/os.py",
                   "PYTHONUSERBASE": planted, "PYTHONINSPECT": "1", "HOME": planted}
    assert launch(make_launcher(tmp_path / "ocipy/bin"), env=environment)[0] == main


def test_neighbours_of_the_package_cannot_replace_the_standard_library(tmp_path):
    libraries = tmp_path / f"lib/{VERSION}/site-packages"
    plant(libraries)
    os.unlink(libraries / "ocipy.py")
    make_package(libraries, MAIN.replace("import os, sys", "import os, sys, json, ctypes"))
    _, _, path, _ = launch(make_launcher(tmp_path / "bin"))
    assert "site-packages" not in path


def test_start_imports_nothing_but_its_own(tmp_path):
    make_package(tmp_path)
    bare = subprocess.check_output(["/usr/bin/python3", "-IS", "-c", "import os, sys; print(*sys.modules)"], text=True)
    *_, modules = launch(make_launcher(tmp_path / "ocipy/bin"))
    assert set(modules) - set(bare.split()) == {
        "__future__", "_ast", "gc", "ocipy", "ocipy.archive", "ocipy.cli", "ocipy.cli.main",
    }


@pytest.mark.parametrize("closed", ["0<&-", "0<&- 1>&- 2>&-", "2>&-"])
def test_closed_standard_descriptors_lead_to_dev_null(closed):
    """Else the next file that is opened would get the number, and what is printed would land in it."""
    code = f"""
import os, sys
sys.path.append({CHECKOUT!r})
from ocipy.cli.main import open_closed
open_closed()
for descriptor in map(int, sys.argv[1:]):
    assert os.path.samefile(descriptor, "/dev/null")
    assert os.get_inheritable(descriptor)
os._exit(7)
"""
    words = [word[0] for word in closed.split()]
    command = ["sh", "-c", f'exec "$0" -IS -c "$@" {closed}', "/usr/bin/python3", code, *words]
    assert subprocess.run(command).returncode == 7


def test_module_run_starts_isolated(tmp_path):
    """`python3 -m ocipy`: the same process as bin/ocipy, also where the working directory holds planted modules."""
    main = make_package(tmp_path, MAIN.replace("def main", "import json, ctypes\ndef main"))
    for name in ("json", "ctypes/__init__"):
        write(f"{tmp_path}/{name}.py", "import posix; posix._exit(66)\n")
    place, words, path, modules = launch("/usr/bin/python3", "-m", "ocipy", "a", "b", cwd=tmp_path)
    assert (place, words) == (main, "['a', 'b']")
    assert str(tmp_path) not in path
    assert "site" not in modules


def test_launcher_is_executable_and_starts_isolated(tmp_path):
    assert os.access(LAUNCHER, os.X_OK)
    make_package(tmp_path, "import sys\ndef main(words):\n    sys.exit(str(sys.flags))\n")
    said = subprocess.run([make_launcher(tmp_path / "ocipy/bin")], capture_output=True, text=True).stderr
    assert "isolated=1" in said and "no_site=1" in said and "utf8_mode=1" in said


def test_enable_reaches_installed_packages_after_the_standard_library(tmp_path):
    libraries = tmp_path / f"lib/{VERSION}/site-packages"
    plant(libraries)
    os.unlink(libraries / "ocipy.py")
    make_package(libraries, "from .packages import enable\nenable()\nenable()\nimport something\n" + MAIN.replace(
        "import os, sys", "import os, sys, json"))
    shutil.copy(f"{CHECKOUT}/ocipy/cli/packages.py", libraries / "ocipy/cli")
    write(f"{libraries}/something.py", "")
    write(f"{libraries}/code.pth", "import os; os._exit(66)\n")
    _, _, path, modules = launch(make_launcher(tmp_path / "bin"))
    assert "something" in modules
    assert path.count(str(libraries)) == 1


def test_umask_of_the_caller_lets_nobody_else_write_the_cache(tmp_path):
    make_package(tmp_path)
    launch("/bin/sh", "-c", f"umask 0; exec {make_launcher(tmp_path / 'ocipy/bin')}")
    assert os.stat(tmp_path / "ocipy/cli/__pycache__").st_mode & 0o022 == 0
