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
    # What is for a filter is for a config that has one.


def test_second_container_with_a_filter_is_made_without_a_slow_module(bundle, ocipy):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        {"names": ["swapoff"], "action": "SCMP_ACT_ERRNO"}]}
    bundle.args("true").write()
    seen = []
    for _ in range(2):
        status, modules = loaded("--root", ocipy.root, "run", "--bundle", str(bundle.path), ocipy.new_id())
        assert status == 0
        seen.append(modules)
    assert not seen[1] & SLOW
    assert seen[0] - seen[1] == {"ocipy.linux.library", "ocipy.linux.libseccomp", "ocipy.runtime.seccomp", "struct"}
