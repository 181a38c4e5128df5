"""newuidmap and newgidmap: where they are looked for, and what is told of their failures."""

import os

import pytest

from ocipy.errors import OcipyError
from ocipy.host import installed, users
from ocipy.host.finding import OK, WARN, Host
from ocipy.plan.facts import CgroupFacts
from ocipy.runtime import caller, id_mapper


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


def test_helpers_are_looked_for_where_the_system_has_them_and_not_in_path(tmp_path, monkeypatch):
    """By create as by doctor, which so tells of the one that create would run."""
    system, mine = tmp_path / "system", tmp_path / "mine"
    system.mkdir()
    mine.mkdir()
    helper(mine, "newuidmap", "true")
    monkeypatch.setenv("PATH", str(mine))
    monkeypatch.setattr(installed, "DIRECTORIES", (str(system),))
    monkeypatch.setattr(caller, "is_host_root", lambda: False)
    host = Host(uid=1000, capabilities=0, privileged=False, cgroups=CgroupFacts(), root="")

    def seen():
        told = next(row for row in users.look(host) if row.name == "newuidmap")
        return caller.caller("auto").newuidmap, told.verdict, told.found

    assert seen()[:2] == ("", WARN) and str(mine) not in seen()[2]
    path = helper(system, "newuidmap", "true")
    assert seen()[0] == path and seen()[2].startswith(f"{path} has no set-user-id bit")
    os.chmod(path, 0o4755)
    assert seen()[1:] == (OK, path) or os.geteuid() != 0
