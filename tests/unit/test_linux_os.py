"""The own, small `os` and `os.path` give what the library's give."""

import os
import posixpath

import pytest

from ocipy.linux import os as own

PATHS = ["", "/", "//", "///", ".", "..", "a", "/a", "a/", "a//b", "/a/../..", "../a", "a/../../b", "./a/.", "//a/b/..",
         "/a/b/c", "a/b/", "ä/ö", "/.."]  # fmt: skip


@pytest.mark.parametrize("path", PATHS)
def test_path_functions_agree_with_the_library(path):
    for name in ("dirname", "basename", "normpath"):
        assert getattr(own.path, name)(path) == getattr(posixpath, name)(path), name
    if path:
        assert own.path.abspath(path) == posixpath.abspath(path)
    for second in PATHS:
        assert own.path.join(path, second) == posixpath.join(path, second)


def test_what_exists_agrees_with_the_library(tmp_path):
    (tmp_path / "file").write_text("")
    (tmp_path / "directory").mkdir()
    (tmp_path / "link").symlink_to("directory")
    (tmp_path / "broken").symlink_to("nowhere")
    for path in [*map(str, tmp_path.iterdir()), f"{tmp_path}/missing", f"{tmp_path}/file/below", "nul\0"]:
        for name in ("exists", "lexists", "isdir", "islink"):
            assert getattr(own.path, name)(path) == getattr(posixpath, name)(path), (name, path)
    assert own.path.samefile(tmp_path / "link", tmp_path / "directory")
    assert not own.path.samefile(tmp_path / "link", tmp_path / "file")


def test_bytes_that_are_no_utf8_survive():
    for name in (b"caf\xc3\xa9", b"caf\xe9"):
        assert own.fsencode(own.fsdecode(name)) == name == own.fsencode(name)


def test_makedirs_makes_what_is_missing_above(tmp_path):
    own.makedirs(f"{tmp_path}/a/b/c", 0o700)
    assert os.stat(tmp_path / "a/b/c").st_mode & 0o777 == 0o700
    with pytest.raises(FileExistsError):
        own.makedirs(f"{tmp_path}/a/b/c")


def test_environment_is_that_of_the_process():
    assert own.environment()["PATH"] == os.environ["PATH"]
