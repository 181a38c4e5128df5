"""What ocipy does not implement is refused by name, and only when it is used."""

import pytest

from ocipy.spec.jsontext import encode
from ocipy.spec.load import load
from ocipy.spec.unsupported import unsupported

SECCOMP = {"defaultAction": "SCMP_ACT_ALLOW"}
MAPPINGS = [{"containerID": 0, "hostID": 0, "size": 1}]


def paths(linux=None, process=None, mounts=()):
    document = {
        "ociVersion": "1.3.0",
        "root": {"path": "rootfs"},
        "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}} | (process or {}),
        "mounts": [{"destination": "/first"}, *({"destination": "/a"} | mount for mount in mounts)],
        "linux": linux or {},
    }
    return [path for path, _ in unsupported(load(encode(document).encode()))]


@pytest.mark.parametrize(
    ("linux", "path"),
    [
        ({"seccomp": {"defaultAction": "SCMP_ACT_NOTIFY"}}, "linux.seccomp.defaultAction"),
        ({"seccomp": SECCOMP | {"syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]}},
         "linux.seccomp.syscalls[0].action"),
        ({"seccomp": SECCOMP | {"flags": ["SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]}},
         "linux.seccomp.flags[1]"),
        ({"intelRdt": {"closID": "a"}}, "linux.intelRdt"),
        ({"intelRdt": {}}, "linux.intelRdt"),
        ({"netDevices": {"eth0": {}}}, "linux.netDevices"),
        ({"memoryPolicy": {"mode": "MPOL_LOCAL"}}, "linux.memoryPolicy"),
    ],
)
def test_unsupported_names_a_property_of_linux(linux, path):
    assert paths(linux) == [path]


@pytest.mark.parametrize(
    ("mount", "path"),
    [
        ({"options": ["rbind", "idmap"]}, "mounts[1].options[1]"),
        ({"options": ["ridmap"]}, "mounts[1].options[0]"),
        ({"options": ["idmap=uids=0-1-1"]}, "mounts[1].options[0]"),
    ],
)
def test_unsupported_names_an_id_mapped_mount(mount, path):
    assert paths(mounts=[mount]) == [path]


def test_unsupported_names_both_mappings_of_a_mount():
    mount = {"uidMappings": MAPPINGS, "gidMappings": MAPPINGS}
    assert paths(mounts=[mount]) == ["mounts[1].uidMappings", "mounts[1].gidMappings"]


def test_unsupported_is_empty_for_properties_that_are_empty():
    linux = {"uidMappings": [], "gidMappings": None, "seccomp": None, "mountLabel": "", "netDevices": {},
             "intelRdt": None, "memoryPolicy": None}  # fmt: skip
    mount = {"uidMappings": [], "gidMappings": None, "options": ["ro", "mode=755"]}
    assert paths(linux, {"apparmorProfile": "", "selinuxLabel": None}, [mount]) == []


def test_unsupported_takes_a_spec_without_a_process():
    assert unsupported(load(b'{"ociVersion": "1.0.0", "root": {"path": "r"}}')) == []
