"""The default configuration and the verb `spec` that writes it."""

import json
import os

import pytest

from ocipy.cli import spec as verb
from ocipy.cli.options import parse
from ocipy.errors import OcipyError
from ocipy.spec.default import default
from ocipy.spec.jsontext import encode, encode_pretty
from ocipy.spec.load import load
from ocipy.spec.unsupported import unsupported


def run(*words):
    return verb.execute(None, parse(words, verb.VERB.options))


@pytest.mark.parametrize("rootless", [False, True])
def test_default_is_accepted_by_the_loader(rootless):
    assert load(encode(default(rootless)).encode()).process.args == ("sh",)


def test_default_uses_nothing_that_is_unsupported():
    assert unsupported(load(encode(default()).encode())) == []


def test_default_gives_no_inheritable_and_no_ambient_capabilities():
    assert set(default()["process"]["capabilities"]) == {"bounding", "effective", "permitted"}


@pytest.mark.parametrize("rootless", [False, True])
def test_default_masks_what_tells_of_the_host(rootless):
    assert {"/proc/kcore", "/proc/interrupts", "/sys/firmware", "/sys/devices/virtual/powercap"} <= set(
        default(rootless)["linux"]["maskedPaths"]
    )


def test_default_denies_all_devices_first():
    assert default()["linux"]["resources"]["devices"] == [{"allow": False, "access": "rwm"}]


def test_default_rootless_maps_the_caller_to_root_of_the_container():
    linux = default(rootless=True)["linux"]
    assert linux["uidMappings"] == [{"containerID": 0, "hostID": os.geteuid(), "size": 1}]
    assert linux["gidMappings"] == [{"containerID": 0, "hostID": os.getegid(), "size": 1}]
    assert {"type": "user"} in linux["namespaces"]


def test_default_rootless_asks_for_nothing_that_root_alone_may():
    document = default(rootless=True)
    assert {"type": "network"} not in document["linux"]["namespaces"]
    assert "resources" not in document["linux"]
    assert "sysfs" not in [mount["type"] for mount in document["mounts"]]
    assert "gid=5" not in encode(document)


def test_spec_writes_the_default_with_tabs(tmp_path):
    assert run("--bundle", str(tmp_path)) == 0
    assert (tmp_path / "config.json").read_text() == encode_pretty(default(), "\t")


def test_spec_rootless_writes_the_rootless_default(tmp_path):
    run("-b", str(tmp_path), "--rootless")
    assert json.loads((tmp_path / "config.json").read_text()) == default(rootless=True)


def test_spec_writes_into_the_working_directory(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    run()
    assert (tmp_path / "config.json").exists()


def test_spec_refuses_to_overwrite(tmp_path):
    (tmp_path / "config.json").write_text("mine")
    with pytest.raises(OcipyError, match="exists"):
        run("--bundle", str(tmp_path))
    assert (tmp_path / "config.json").read_text() == "mine"


def test_spec_does_not_follow_a_symbolic_link(tmp_path):
    (tmp_path / "config.json").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(OcipyError, match="exists"):
        run("--bundle", str(tmp_path))
    assert not (tmp_path / "elsewhere").exists()
