"""create, start and run as they are really done load nothing that is slow to import."""

import pytest
from support.modules import SLOW, loaded


@pytest.mark.parametrize("verb", ["create", "run"])
def test_container_is_made_without_a_slow_module(bundle, ocipy, verb):
    bundle.config["process"]["args"] = ["true"]
    bundle.write()
    id = ocipy.new_id()
    status, modules = loaded("--root", ocipy.root, verb, "--bundle", str(bundle.path), id)
    assert status == 0
    assert not modules & SLOW
