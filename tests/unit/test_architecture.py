"""Imports point one way, and only one room knows ctypes."""

import ast
import os
from pathlib import Path

import pytest

PACKAGE = Path(__file__).resolve().parents[2] / "ocipy"
# What each room may import besides itself and the common modules.
COMMON = {"errors", "record", "archive"}
MAY = {
    "cli": {"runtime", "host", "plan", "cgroup", "init", "spec", "linux"},
    "runtime": {"host", "plan", "cgroup", "init", "spec", "linux"},
    "host": {"plan", "cgroup", "linux"},
    "plan": {"spec", "linux"},
    # plan: the facts of the host are gathered as the value that the compiler takes.
    "cgroup": {"plan", "spec", "linux"},
    "init": {"spec", "linux"},
    "spec": {"linux"},
    "linux": set(),
}
FILES = sorted(str(path.relative_to(PACKAGE)) for room in MAY for path in (PACKAGE / room).rglob("*.py"))
FORBIDDEN_ON_ROOTFS = {"makedirs", "realpath", "removedirs"}


def imports(file):
    """Gives (room, module) of each import of this package in a file, type-checking ones apart."""
    tree = ast.parse((PACKAGE / file).read_text())
    checked = {
        id(node) for block in ast.walk(tree) if isinstance(block, ast.If) and isinstance(block.test, ast.Name)
        and block.test.id == "TYPE_CHECKING" for part in block.body for node in ast.walk(part)
    }
    depth = len(Path(file).parts)
    for node in ast.walk(tree):
        if id(node) in checked:
            continue
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield "", alias.name
        elif isinstance(node, ast.ImportFrom):
            if not node.level:
                yield "", node.module
            elif node.level == depth:
                for name in [node.module] if node.module else [alias.name for alias in node.names]:
                    yield name.split(".")[0], name


@pytest.mark.parametrize("file", FILES)
def test_imports_go_down_only(file):
    room = file.split("/")[0]
    rooms = {name for name, _ in imports(file) if name}
    allowed = MAY[room] | {room} | (COMMON if room != "linux" else set())
    assert rooms <= allowed | ({"__version__"} if room == "cli" else set())


@pytest.mark.parametrize("file", [file for file in FILES if not file.startswith("linux/")])
def test_ctypes_is_used_in_the_kernel_room_only(file):
    assert not {module for _, module in imports(file)} & {"ctypes", "_ctypes"}


@pytest.mark.parametrize("file", [file for file in FILES if file.startswith("init/")])
def test_init_resolves_no_path_by_itself(file):
    tree = ast.parse((PACKAGE / file).read_text())
    used = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not used & FORBIDDEN_ON_ROOTFS
    assert not any(
        isinstance(node, ast.Attribute) and node.attr == "path" and getattr(node.value, "id", "") == "os"
        for node in ast.walk(tree)
    )


@pytest.mark.parametrize("file", FILES)
def test_every_file_fits_in_a_head(file):
    assert len((PACKAGE / file).read_text().splitlines()) <= 400


def test_every_module_is_in_a_known_room():
    rooms = {entry for entry in os.listdir(PACKAGE) if (PACKAGE / entry).is_dir()} - {"__pycache__", "bin"}
    assert rooms == set(MAY)
