"""linux.uidMappings and gidMappings to operations, and what the kernel would refuse."""

import pytest

from ocipy.plan.users import compile_users, uid_on_host
from ocipy.spec.jsontext import encode
from ocipy.spec.load import load

WIDE = [{"containerID": 0, "hostID": 100000, "size": 65536}]


def spec(user=None, namespace=None, **linux):
    document = {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0} | (user or {})},
        "linux": {
            "namespaces": [{"type": "user"} | (namespace or {})], "uidMappings": WIDE, "gidMappings": WIDE,
        } | linux,
    }
    return load(encode(document).encode())


def compiled(*arguments, **linux):
    problems, warnings = [], []
    return *compile_users(spec(*arguments, **linux), problems, warnings), problems, warnings


def test_mappings_are_written_from_the_hosts_side_and_root_inside_makes_the_mounts():
    (write,), (enter,), problems, warnings = compiled()
    assert write.side == "host" and write.uids == write.gids == ((0, 100000, 65536),)
    assert enter.side == "container" and (enter.uid, enter.gid) == (0, 0)
    assert not problems and not warnings


def test_least_id_makes_the_mounts_where_0_is_not_mapped():
    mappings = [{"containerID": 9, "hostID": 5, "size": 1}, {"containerID": 4, "hostID": 8, "size": 2}]
    _write, (enter,), problems, _warnings = compiled({"uid": 9, "gid": 4}, uidMappings=mappings, gidMappings=mappings)
    assert (enter.uid, enter.gid) == (4, 4) and not problems


def test_namespace_by_path_has_its_own_mappings():
    write, (enter,), problems, warnings = compiled({"uid": 99999999}, {"path": "/proc/1/ns/user"})
    assert write == [] and (enter.uid, enter.gid) == (0, 0)
    assert not problems
    assert [warning.partition(":")[0] for warning in warnings] == ["linux.uidMappings", "linux.gidMappings"]


def test_mappings_alone_are_a_problem():
    _write, _enter, problems, _warnings = compiled(namespaces=[])
    assert [path for path, _text in problems] == ["linux.uidMappings", "linux.gidMappings"]


@pytest.mark.parametrize(("mappings", "text"), [
    ([], "is required"),
    ([{"containerID": 0, "hostID": 1, "size": 5}, {"containerID": 4, "hostID": 100, "size": 5}], "containerID 4"),
    ([{"containerID": 0, "hostID": 1, "size": 5}, {"containerID": 40, "hostID": 3, "size": 5}], "hostID 3"),
    ([{"containerID": 0, "hostID": 4294967294, "size": 2}], "last id"),
    ([{"containerID": i, "hostID": i, "size": 1} for i in range(341)], "340"),
])
def test_mappings_that_the_kernel_refuses_are_a_problem(mappings, text):
    _write, _enter, problems, _warnings = compiled(gidMappings=mappings)
    assert len(problems) == 1
    assert problems[0][0] == "linux.gidMappings" and text in problems[0][1]


@pytest.mark.parametrize(("user", "path"), [
    ({"uid": 65536}, "process.user.uid"),
    ({"gid": 65536}, "process.user.gid"),
    ({"additionalGids": [65535, 65536]}, "process.user.additionalGids[1]"),
])
def test_user_that_is_not_mapped_is_a_problem(user, path):
    _write, _enter, problems, _warnings = compiled(user)
    assert [found for found, _text in problems] == [path]


def test_uid_as_the_host_sees_it():
    assert uid_on_host(spec({"uid": 7})) == 100007
    assert uid_on_host(spec({"uid": 7}, namespaces=[], uidMappings=[], gidMappings=[])) == 7
    assert uid_on_host(spec({"uid": 7}, {"path": "/proc/1/ns/user"})) == 0
