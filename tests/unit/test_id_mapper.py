"""newuidmap and newgidmap: where they are looked for, and what is told of their failures."""

import pytest

from ocipy.errors import OcipyError
from ocipy.runtime import id_mapper


def helper(directory, name, script):
    path = directory / name
    path.write_text(f"#!/bin/sh\n{script}\n")
    path.chmod(0o755)
    return str(path)


def test_helper_gets_the_process_and_all_ranges(tmp_path):
    path = helper(tmp_path, "newuidmap", f"echo $* >{tmp_path}/words; env >{tmp_path}/env")
    id_mapper.map_ids("linux.uidMappings", path, 77, ((0, 1000, 1), (1, 100000, 65536)))
    assert (tmp_path / "words").read_text() == "77 0 1000 1 1 100000 65536\n"
    assert "HOME" not in (tmp_path / "env").read_text()


@pytest.mark.parametrize(("name", "property", "file"), [
    ("newuidmap", "linux.uidMappings", "/etc/subuid"), ("newgidmap", "linux.gidMappings", "/etc/subgid"),
])
def test_failure_is_told_with_its_reason_and_the_remedy(tmp_path, name, property, file):
    path = helper(tmp_path, name, "echo not allowed >&2; exit 1")
    with pytest.raises(OcipyError) as caught:
        id_mapper.map_ids(property, path, 77, ((0, 1000, 1),))
    assert caught.value.property == property and "not allowed" in caught.value.message
    assert file in caught.value.hint and f"--add-{file[5:]}s" in caught.value.hint


def test_helper_that_does_not_end_is_killed(tmp_path, monkeypatch):
    monkeypatch.setattr(id_mapper, "_PATIENCE", 0)
    with pytest.raises(OcipyError, match="no end"):
        id_mapper.map_ids("linux.uidMappings", helper(tmp_path, "newuidmap", "sleep 100"), 77, ())


def test_helpers_are_not_looked_for_in_path(tmp_path, monkeypatch):
    helper(tmp_path, "newthing", "true")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert id_mapper.program("newthing") == "" and id_mapper.program("env") == "/usr/bin/env"
