"""pip: what it installs starts as the checkout does."""

import os
import shutil
import subprocess
from importlib.util import find_spec
from zipfile import ZipFile

import pytest

import ocipy

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
PYTHON = "/usr/bin/python3"
VERSION = f"ocipy version {ocipy.__version__}\n"


def pip(*words, **options):
    command = [PYTHON, "-m", "pip", "--disable-pip-version-check", "--no-input", *words]
    result = subprocess.run(command, capture_output=True, text=True, cwd="/", **options)
    assert result.returncode == 0, result.stdout + result.stderr
    return result.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory):
    if not find_spec("pip"):
        pytest.skip("no pip on this host")
    # A copy: setuptools leaves build/ and an egg-info beside what it builds.
    source = tmp_path_factory.mktemp("source") / "ocipy"
    source.mkdir()
    for name in ("ocipy", "schemas"):
        shutil.copytree(f"{CHECKOUT}/{name}", source / name, ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("setup.cfg", "pyproject.toml", "LICENSE", "README.md"):
        if os.path.exists(f"{CHECKOUT}/{name}"):
            shutil.copy(f"{CHECKOUT}/{name}", source)
    # With what it builds with at hand, nothing is downloaded.
    at_hand = find_spec("setuptools") and find_spec("wheel")
    directory = tmp_path_factory.mktemp("wheel")
    pip("wheel", "--no-deps", *(["--no-build-isolation"] if at_hand else []), "-w", str(directory), str(source))
    (path,) = directory.iterdir()
    return str(path)


@pytest.fixture(scope="module")
def environment(wheel, tmp_path_factory):
    directory = tmp_path_factory.mktemp("environment") / "venv"
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", directory], check=True)
    pip("--python", f"{directory}/bin/python", "install", "--no-index", wheel)
    return directory


def output(*command, **options):
    return subprocess.check_output(command, env={}, text=True, **{"cwd": "/", **options})


def test_installed_command_runs_with_an_empty_environment_from_any_directory(environment, tmp_path):
    (tmp_path / "ocipy").mkdir()
    for name in ("os.py", "ocipy/__init__.py"):
        (tmp_path / name).write_text("import posix; posix._exit(66)\n")
    assert output(f"{environment}/bin/ocipy", "--version", cwd=tmp_path).startswith(VERSION)


def test_installed_command_uses_the_installed_package(environment, tmp_path):
    trace = tmp_path / "trace"
    output("/usr/bin/strace", "-f", "-e", "trace=file", "-o", trace, f"{environment}/bin/ocipy", "--version")
    (site,) = (environment / "lib").glob("python3*/site-packages")
    assert f"{site}/ocipy/" in trace.read_text()
    assert CHECKOUT not in trace.read_text()


def test_installed_command_keeps_its_first_line_and_permissions(environment):
    with open(f"{environment}/bin/ocipy") as file:
        assert file.readline() == "#!/bin/sh\n"
    assert os.access(f"{environment}/bin/ocipy", os.X_OK)


def test_installed_module_runs(environment):
    assert output(f"{environment}/bin/python", "-m", "ocipy", "--version").startswith(VERSION)


def test_installed_package_needs_no_other(wheel):
    with ZipFile(wheel) as archive:
        metadata = archive.read(f"ocipy-{ocipy.__version__}.dist-info/METADATA").decode()
    required = [line for line in metadata.splitlines() if line.startswith("Requires-Dist:")]
    assert required
    assert all("extra ==" in line for line in required)


def test_schemas_are_installed(environment):
    names = sorted(name for name in os.listdir(f"{CHECKOUT}/schemas") if name.endswith(".json"))
    assert sorted(os.listdir(environment / "share/ocipy/schemas")) == names
    assert names


def test_validate_finds_the_installed_schemas(environment, tmp_path):
    if not find_spec("jsonschema"):
        pytest.skip("no jsonschema on this host")
    output(f"{environment}/bin/ocipy", "spec", cwd=tmp_path)
    assert "valid" in output(f"{environment}/bin/ocipy", "validate", cwd=tmp_path)


def test_prefix_is_enough(wheel, tmp_path):
    pip("install", "--no-index", "--ignore-installed", "--prefix", str(tmp_path), wheel,
        env={**os.environ, "PIP_BREAK_SYSTEM_PACKAGES": "1"})
    # Debian's pip puts it below local/.
    (command,) = [*tmp_path.glob("bin/ocipy"), *tmp_path.glob("local/bin/ocipy")]
    assert output(command, "--version").startswith(VERSION)


def test_uninstall_leaves_no_file(wheel, tmp_path):
    subprocess.run([PYTHON, "-m", "venv", "--without-pip", tmp_path], check=True)
    before = {path for path in tmp_path.rglob("*") if not path.is_dir()}
    python = f"{tmp_path}/bin/python"
    pip("--python", python, "install", "--no-index", wheel)
    assert (tmp_path / "bin/ocipy").exists()
    pip("--python", python, "uninstall", "-y", "ocipy")
    assert {path for path in tmp_path.rglob("*") if not path.is_dir()} == before
