"""`ocipy features` is what callers parse: valid, complete, and nothing but JSON."""

import json
import subprocess
import sys

import pytest

from ocipy.cli import features as verb
from ocipy.cli.options import parse
from ocipy.linux import libsystemd
from ocipy.linux.capability import NAMES
from ocipy.plan.cgroup import compile_cgroup
from ocipy.plan.facts import CgroupFacts
from ocipy.plan.mount_options import parse_options
from ocipy.plan.process import capability_masks
from ocipy.spec.jsontext import encode
from ocipy.spec.load import load
from ocipy.spec.schema import schema_problems
from ocipy.spec.unsupported import unsupported

# features.md and features-linux.md of 1.3.0: each object and its properties.
PROPERTIES = {
    "": "ociVersionMin ociVersionMax hooks mountOptions linux annotations potentiallyUnsafeConfigAnnotations",
    "linux": "namespaces capabilities cgroup seccomp apparmor selinux memoryPolicy intelRdt mountExtensions netDevices",
    "linux.cgroup": "v1 v2 systemd systemdUser rdma",
    "linux.seccomp": "enabled actions operators archs knownFlags supportedFlags",
    "linux.apparmor": "enabled",
    "linux.selinux": "enabled",
    "linux.memoryPolicy": "modes flags",
    "linux.intelRdt": "enabled schemata monitoring",
    "linux.mountExtensions": "idmap",
    "linux.mountExtensions.idmap": "enabled",
    "linux.netDevices": "enabled",
}
MAPPING = [{"containerID": 0, "hostID": 0, "size": 1}]


def refused(**changes):
    """Gives the properties of a config.json that are refused as not supported."""
    config = {"ociVersion": "1.3.0", "root": {"path": "r"}, **changes}
    return [path for path, _text in unsupported(load(encode(config).encode()))]


def objects(value, path=""):
    yield path, value
    for name, member in value.items():
        if isinstance(member, dict) and name != "annotations":
            yield from objects(member, f"{path}.{name}".lstrip("."))


@pytest.fixture
def document(capsys):
    assert verb.execute(None, parse([], verb.VERB.options)) == 0
    captured = capsys.readouterr()
    assert captured.err == ""
    return json.loads(captured.out)


def test_features_is_valid(document):
    pytest.importorskip("jsonschema")
    assert schema_problems("features", document) == []


def test_features_names_the_versions_and_the_six_hooks(document):
    assert (document["ociVersionMin"], document["ociVersionMax"]) == ("1.0.0", "1.3.0")
    assert document["hooks"] == [
        "prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop",
    ]  # fmt: skip


def test_features_versions_are_in_order_and_both_accepted(document):
    versions = [document["ociVersionMin"], document["ociVersionMax"]]
    assert sorted(versions, key=lambda version: tuple(map(int, version.split(".")))) == versions
    for version in versions:
        assert load(encode({"ociVersion": version, "root": {"path": "r"}}).encode()).ociVersion == version


def test_features_has_no_property_beyond_the_specification(document):
    for path, value in objects(document):
        assert set(value) <= set(PROPERTIES[path].split()), path


def test_features_leaves_nothing_unsaid_but_what_goes_with_seccomp(document):
    """An absent property or null would mean "unknown" to a caller."""
    for path, value in objects(document):
        assert None not in value.values(), path
        assert path == "linux.seccomp" or set(value) == set(PROPERTIES[path].split()), path


@pytest.mark.parametrize("value", [{}, {"linux": None, "hooks": None}, {"linux": {"seccomp": None, "cgroup": {}}}])
def test_features_schema_takes_absent_and_null_for_all_but_the_versions(value):
    pytest.importorskip("jsonschema")
    assert schema_problems("features", {"ociVersionMin": "1.0.0", "ociVersionMax": "1.3.0", **value}) == []
    for name in ("ociVersionMin", "ociVersionMax"):
        versions = {"ociVersionMin": "1.0.0", "ociVersionMax": "1.3.0", name: None}
        assert [path for path, _text in schema_problems("features", {**versions, **value})] == [name]


@pytest.mark.parametrize("annotations", [{"": "x"}, {"a": 1}, ["a"]])
def test_features_schema_refuses_bad_annotations(annotations):
    pytest.importorskip("jsonschema")
    assert schema_problems("features", {"ociVersionMin": "1.0.0", "ociVersionMax": "1.3.0", "annotations": annotations})


def test_features_asks_nothing_of_the_host():
    """The document is the program's own: once the modules are loaded, making it opens no file and runs nothing."""
    code = """
import sys
from ocipy.cli.features import features
features()
seen = []
sys.addaudithook(lambda event, _args: seen.append(event))
features()
print([event for event in seen if event.startswith(("open", "os.", "subprocess", "socket"))])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


def test_features_lists_mount_options_that_the_plan_knows(document):
    # What the plan does not know becomes data of the file system.
    assert [option for option in document["mountOptions"] if parse_options((option,)).data] == []


def test_features_lists_all_mount_options_of_the_specification_but_idmap(document):
    required = (
        "async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec "
        "noiversion nolazytime norelatime nostrictatime nosuid private rbind relatime remount ro rprivate rshared "
        "rslave runbindable rw shared silent slave strictatime suid sync unbindable "
        # Those that it should have, and tmpcopyup, which it may.
        "nosymfollow symfollow rro rrw rdev rnodev rexec rnoexec rsuid rnosuid ratime rnoatime rdiratime rnodiratime "
        "rrelatime rnorelatime rstrictatime rnostrictatime rsymfollow rnosymfollow mand nomand tmpcopyup"
    )
    assert set(required.split()) <= set(document["mountOptions"])


def test_features_lists_all_capabilities(document):
    assert document["linux"]["capabilities"] == list(NAMES)


def test_features_lists_capabilities_that_are_recognized(document):
    for name in document["linux"]["capabilities"]:
        config = {
            "ociVersion": "1.3.0", "root": {"path": "r"},
            "process": {"args": ["x"], "cwd": "/", "user": {"uid": 0, "gid": 0}, "capabilities": {"bounding": [name]}},
        }  # fmt: skip
        warnings = []
        capability_masks(load(encode(config).encode()).process.capabilities, -1, warnings)
        assert warnings == []


@pytest.mark.parametrize(
    ("feature", "use"),
    [
        ("intelRdt", {"linux": {"intelRdt": {}}}),
        ("netDevices", {"linux": {"netDevices": {"eth0": {}}}}),
        ("idmap", {"mounts": [{"destination": "/a", "uidMappings": MAPPING, "gidMappings": MAPPING}]}),
    ],
)
def test_features_says_enabled_exactly_for_what_is_not_refused(document, feature, use):
    linux = document["linux"]
    said = linux["mountExtensions"]["idmap"] if feature == "idmap" else linux[feature]
    assert said["enabled"] == (refused(**use) == [])


@pytest.mark.parametrize("there", [True, False])
def test_features_says_systemd_exactly_where_libsystemd_is(monkeypatch, there):
    monkeypatch.setattr(libsystemd, "NAME", "libc.so.6" if there else "libocipy-test.so.0")
    cgroup = verb.features()["linux"]["cgroup"]
    assert cgroup["systemd"] is cgroup["systemdUser"] is there


@pytest.mark.parametrize("feature", [{"schemata": ["L3:0=f"]}, {"enableMonitoring": True}])
def test_features_says_nothing_of_resctrl_is_there(document, feature):
    assert set(document["linux"]["intelRdt"].values()) == {False}
    assert refused(linux={"intelRdt": feature}) == ["linux.intelRdt"]


def test_features_lists_no_memory_policy_because_each_is_refused(document):
    assert document["linux"]["memoryPolicy"] == {"modes": [], "flags": []}
    assert refused(linux={"memoryPolicy": {"mode": "MPOL_DEFAULT"}}) == ["linux.memoryPolicy"]


@pytest.mark.parametrize("version", [1, 2])
def test_features_says_rdma_because_both_versions_of_cgroups_get_its_limits(document, version):
    limits = {"linux": {"resources": {"rdma": {"mlx5_1": {"hcaHandles": 1}}}}}
    spec = load(encode({"ociVersion": "1.3.0", "root": {"path": "r"}, **limits}).encode())
    if version == 1:
        facts = CgroupFacts(version=1, hierarchies=(("rdma", "/sys/fs/cgroup/rdma"),))
    else:
        facts = CgroupFacts(version=2, unified="/sys/fs/cgroup", available=("rdma",))
    written = [operation.wire()[3:5] for operation in compile_cgroup(spec, facts, "id")[0]]
    assert ("rdma.max", "mlx5_1 hca_handle=1") in written
    assert document["linux"]["cgroup"]["rdma"] is document["linux"]["cgroup"][f"v{version}"] is True


def test_features_names_the_annotations_that_change_what_ocipy_does(document):
    """The signal that `kill` sends when none is named, and properties of the scope that systemd makes."""
    assert document["potentiallyUnsafeConfigAnnotations"] == [
        "org.opencontainers.image.stopSignal", "org.systemd.property.",
    ]  # fmt: skip


def test_features_lists_exactly_the_namespaces_that_are_supported(document):
    for name in ("cgroup", "ipc", "mount", "network", "pid", "time", "user", "uts"):
        config = {"ociVersion": "1.3.0", "root": {"path": "r"}, "linux": {"namespaces": [{"type": name}]}}
        supported = not unsupported(load(encode(config).encode()))
        assert (name in document["linux"]["namespaces"]) == supported


def test_features_tells_its_version(document):
    from ocipy import __version__

    assert document["annotations"]["org.opencontainers.ocipy.version"] == __version__


@pytest.fixture
def seccomp(document):
    if not document["linux"]["seccomp"]["enabled"]:
        pytest.skip("needs libseccomp2")
    return document["linux"]["seccomp"]


@pytest.mark.parametrize(("listed", "place"), [
    ("actions", lambda name: {"defaultAction": name}),
    ("operators", lambda name: {"syscalls": [
        {"names": ["read"], "action": "SCMP_ACT_TRAP", "args": [{"index": 0, "value": 0, "op": name}]}]}),
    ("archs", lambda name: {"architectures": [name]}),
    ("knownFlags", lambda name: {"flags": [name]}),
    ("supportedFlags", lambda name: {"flags": [name]}),
])
def test_features_lists_of_seccomp_what_a_config_can_have(seccomp, listed, place):
    assert seccomp[listed]
    for name in seccomp[listed]:
        profile = {"defaultAction": "SCMP_ACT_ALLOW", **place(name)}
        config = {"ociVersion": "1.3.0", "root": {"path": "r"}, "linux": {"seccomp": profile}}
        assert unsupported(load(encode(config).encode())) == []


def test_features_lists_no_part_of_the_seccomp_listener(seccomp):
    assert "SCMP_ACT_NOTIFY" not in seccomp["actions"]
    assert "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV" not in seccomp["knownFlags"]


def test_features_lists_the_flags_of_seccomp_that_the_kernel_has(seccomp):
    # All of them are older than the oldest kernel that ocipy runs on.
    assert seccomp["supportedFlags"] == seccomp["knownFlags"]


def test_features_tells_the_version_of_libseccomp(document, seccomp):
    assert document["annotations"]["io.github.seccomp.libseccomp.version"].count(".") == 2


def test_features_says_that_seccomp_is_off_without_libseccomp(monkeypatch):
    from ocipy.linux import libseccomp

    monkeypatch.setattr(libseccomp, "NAME", "libseccomp-that-is-not-there.so.2")
    document = verb.features()
    assert document["linux"]["seccomp"] == {"enabled": False}
    assert list(document["annotations"]) == ["org.opencontainers.ocipy.version"]
