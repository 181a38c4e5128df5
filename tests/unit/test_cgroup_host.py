"""Where the hierarchies of cgroup v1 are mounted."""

import pytest

from ocipy.cgroup import host


@pytest.mark.parametrize(("mounts", "expected"), [
    ({"cpu,cpuacct", "cpu", "cpuacct"}, "cpu,cpuacct"),
    ({"cpu", "cpuacct"}, "cpu"),
    ({"memory"}, None),
])  # fmt: skip
def test_hierarchy_of_several_controllers_is_named_by_the_list_where_the_others_are_links(
    monkeypatch, mounts, expected
):
    """In the container the links are made beside the mount: by a link's name it would be in their way."""
    monkeypatch.setattr(host, "_is", lambda path, _magic: path.removeprefix("/sys/fs/cgroup/") in mounts)
    found = host._mount_point("cpu,cpuacct")
    assert found == (expected and f"/sys/fs/cgroup/{expected}")
