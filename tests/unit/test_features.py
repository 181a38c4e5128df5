"""`ocipy features` is what callers parse: valid, complete, and nothing but JSON."""

import json

import pytest

from ocipy.cli import features as verb
from ocipy.cli.options import parse
from ocipy.linux.capability import NAMES
from ocipy.plan.mount_options import parse_options
from ocipy.spec.jsontext import encode
from ocipy.spec.load import load
from ocipy.spec.schema import schema_problems
from ocipy.spec.unsupported import unsupported


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
