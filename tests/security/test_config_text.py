"""config.json as text: strange strings, names that become file names, and what two readers could disagree on."""

from __future__ import annotations

import json

import pytest
from support import host, requires
from support.hostile import LIMIT, check_refusal

NAMESPACE = {"type": "network", "path": "/proc/" + "x" * 70_000}


def raw(ocipy, bundle, text):
    """The outcome of `create` with this text as config.json."""
    (bundle.path / "config.json").write_bytes(text if isinstance(text, bytes) else text.encode())
    id = ocipy.new_id()
    return ocipy("create", "-b", bundle.path, id, timeout=LIMIT)


# --- length and separators


def test_sec_2021_43784_long_namespace_path(attempt, bundle):
    bundle.share("network").linux["namespaces"].append(NAMESPACE)
    bundle.shell("echo the-program-ran").write()
    result = attempt(bundle)
    assert len(result.err) < 10_000
    assert result.code and "linux.namespaces" in result.err and "File name too long" in result.err


def set_at(config, path, value):
    *parents, last = path
    for name in parents:
        config = config[name]
    config[last] = value


STRINGS = {
    "process.args[0]": ("process", "args", 0),
    "process.env[0]": ("process", "env", 0),
    "process.cwd": ("process", "cwd"),
    "root.path": ("root", "path"),
    "hostname": ("hostname",),
    "mounts[0].destination": ("mounts", 0, "destination"),
    "mounts[0].source": ("mounts", 0, "source"),
    "mounts[0].type": ("mounts", 0, "type"),
    "mounts[1].options[0]": ("mounts", 1, "options", 0),
    "linux.maskedPaths[0]": ("linux", "maskedPaths", 0),
    "linux.readonlyPaths[0]": ("linux", "readonlyPaths", 0),
    "linux.cgroupsPath": ("linux", "cgroupsPath"),
    "linux.mountLabel": ("linux", "mountLabel"),
    "annotations": ("annotations", "key"),
    "linux.sysctl": ("linux", "sysctl", "net.ipv4.ip_forward"),
}


@pytest.mark.parametrize("place", STRINGS)
def test_sec_2021_43784_nul_in_every_string(attempt, bundle, place):
    bundle.config["annotations"] = {}
    bundle.linux["sysctl"] = {}
    bundle.shell("echo the-program-ran")
    set_at(bundle.config, STRINGS[place], "/A=b\0c")
    check_refusal(attempt(bundle), place, "NUL")


@pytest.mark.parametrize(
    "place", ["mounts[0].destination", "mounts[0].source", "process.env[0]", "hostname", "annotations"]
)
def test_sec_2021_43784_newline_stays_in_its_string(attempt, bundle, place):
    """No protocol or file of ours is split by it: contained, or refused in one line."""
    bundle.config["annotations"] = {}
    set_at(bundle.config, STRINGS[place], "/A=b\nc\n" if place != "hostname" else "a\nb")
    attempt.either(bundle)


def test_sec_2021_43784_text_of_a_hundred_thousand_bytes(attempt, bundle):
    bundle.process["env"].append("LONG=" + "x" * 100_000)
    assert attempt.contained(bundle, "echo ${#LONG}") == "100000\n"


def test_sec_runc_3879_environment_value_is_not_told(ocipy, bundle, scratch):
    log = scratch / "log"
    for entry in ("PASSWORD=hunter2\0x", "=hunter2", "hunter2", "PASSWORD=hunter2\ud800"):
        bundle.process["env"] = [entry]
        bundle.write()
        result = ocipy("create", "-b", bundle.path, ocipy.new_id(), flags=("--log", log)).refused("process.env[0]")
        assert "hunter2" not in result.err + log.read_text()


# --- strings that become file names


@requires.controller("memory")
@pytest.mark.parametrize("size", ["../x", "2MB/../../memory", "2MB/..", "2 MB", "", "2MB\n", "２MB", "-2MB", "0MB.x"])
def test_sec_runc_4103_page_size(attempt, bundle, size):
    bundle.resources["hugepageLimits"] = [{"pageSize": size, "limit": 0}]
    attempt.refused(bundle, "linux.resources.hugepageLimits[0].pageSize")


@pytest.mark.parametrize("name", ["../memory.max", "a/b", "..", ".", "", "/etc/passwd", "x\0y", "cgroup.procs/../x"])
def test_sec_runc_4103_unified_keys(attempt, bundle, name):
    bundle.resources["unified"] = {name: "1"}
    attempt.refused(bundle, "linux.resources.unified")


@pytest.mark.parametrize("device", ["mlx5_0 hca_handle=9", "a\nb", "", " "])
def test_sec_runc_4103_rdma_device(attempt, bundle, device):
    bundle.resources["rdma"] = {device: {"hcaHandles": 1}}
    attempt.refused(bundle, "linux.resources.rdma")


@pytest.mark.parametrize("major", [-1, 2**12, 2**32, "8", 8.5])
def test_sec_runc_4103_block_device_numbers(attempt, bundle, major):
    bundle.resources["blockIO"] = {"throttleReadBpsDevice": [{"major": major, "minor": 0, "rate": 1}]}
    attempt.refused(bundle, "linux.resources.blockIO.throttleReadBpsDevice[0].major")


@pytest.mark.parametrize("path", ["../x", "/../x", "/a/../../b", "a/..", "..", "/.."])
def test_sec_crun_1_28_cgroup_path_with_parents(attempt, bundle, path):
    bundle.linux["cgroupsPath"] = path
    attempt.refused(bundle, "linux.cgroupsPath")


def test_sec_runc_2310_container_is_in_the_wanted_cgroup(ocipy, bundle):
    id = ocipy.new_id()
    bundle.linux["cgroupsPath"] = f"/{id}"
    box = ocipy.create(bundle, "true", id=id)
    for controller in ("memory", "pids", "devices", "freezer"):
        if (host.CGROUP_ROOT / controller).is_dir() or host.CGROUP_V2:
            assert str(host.cgroup(box.pid, controller)).endswith(f"/{id}")


# --- sysctls

SYSCTLS = {
    "kernel.core_pattern": "|/bin/x", "kernel/core_pattern": "x", "net.ipv4/../../kernel/core_pattern": "x",
    "net/ipv4/../../kernel/core_pattern": "x", "net.ipv4.conf.a/b/../x": "1", "vm.overcommit_memory": "1",
    "fs.file-max": "1", "kernel.modprobe": "/x", "kernel.sysrq": "1", "user.max_user_namespaces": "1",
    "net..ipv4.ip_forward": "1", ".net.ipv4.ip_forward": "1", "net.ipv4.ip_forward.": "1", "net.ipv4.ip_forward ": "1",
    "": "1", "net.ipv4.ip_forward\nkernel.sysrq": "1", "kernel.hostname": "x", "../net": "1", "kernel.shm": "1",
    "kernel.msgmax/../core_pattern": "x", "fs.mqueue./../../kernel/core_pattern": "x",
}  # fmt: skip


def test_sec_2022_0811_sysctl_names(attempt, bundle, core_pattern):
    for name, value in SYSCTLS.items():
        bundle.linux["sysctl"] = {name: value}
        attempt.refused(bundle, "linux.sysctl")


def test_sec_2022_0811_value_with_a_newline(attempt, bundle):
    bundle.linux["sysctl"] = {"kernel.msgmax": "4096\nkernel.core_pattern=x"}
    attempt.refused(bundle, "linux.sysctl", "newline")


def test_sec_2022_0811_value_with_a_plus_is_one_value(attempt, bundle):
    bundle.linux["sysctl"] = {"kernel.domainname": "a+kernel.core_pattern=b"}
    assert attempt.contained(bundle, "cat /proc/sys/kernel/domainname") == "a+kernel.core_pattern=b\n"


@pytest.mark.parametrize(("shared", "name"), [
    ("network", "net.ipv4.ip_forward"), ("uts", "kernel.domainname"), ("ipc", "kernel.msgmax"),
    ("ipc", "fs.mqueue.msg_max"),
])  # fmt: skip
def test_sec_2022_0811_sysctl_of_a_shared_namespace(attempt, bundle, shared, name):
    bundle.share(shared).linux["sysctl"] = {name: "1"}
    if shared == "uts":
        del bundle.config["hostname"]
    attempt.refused(bundle, "linux.sysctl", f"needs a {shared} namespace")


# --- what two readers could disagree on


def text_of(bundle):
    return json.dumps(bundle.config)


@pytest.mark.parametrize("old, new", [
    ('"uid": 0', '"uid": 0, "uid": 1000'), ('"uid": 0', '"uid": 1000, "\\u0075id": 0'),
    ('"uid": 0', '"uid": NaN'), ('"uid": 0', '"uid": Infinity'), ('"uid": 0', '"uid": -Infinity'),
    ('"uid": 0', '"uid": 1' + "0" * 5000), ('"uid": 0', '"uid": 1e400'), ('"uid": 0', "'uid': 0"),
    ('"uid": 0', '"uid": 0,'), ('"uid": 0', '"uid": 0 // c\n'), ('"hostname": "ocipy"', '"hostname": "a\tb"'),
    ('"hostname": "ocipy"', '"hostname": "\\ud800"'), ('"uid": 0', '"uid": 0x0'), ('"uid": 0', '"uid": 00'),
], ids=str)  # fmt: skip
def test_sec_json_differences_are_refused(ocipy, bundle, old, new):
    """Duplicate keys, NaN, comments and the like: what the engine read must be what the runtime reads."""
    text = text_of(bundle)
    assert text.count(old) == 1
    result = raw(ocipy, bundle, text.replace(old, new))
    check_refusal(result)
    assert len(result.err) < 1000


@pytest.mark.parametrize("text", [
    b"", b"\0", b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}", b"[" * 100_000, b'{"a":' * 100_000, b"{}{}", b"null", b"[]",
    b"{" + b'"x":1,' * 300_000 + b'"y":1}', b"[" + b"1," * 9_000_000 + b"1]", b'{"a":"' + b"x" * (17 << 20) + b'"}',
], ids=lambda text: f"{text[:8]!r}-{len(text)}")  # fmt: skip
def test_sec_json_hostile_texts_are_refused(ocipy, bundle, text):
    check_refusal(raw(ocipy, bundle, text))


def test_sec_json_lone_surrogate_in_the_output_is_harmless(ocipy, bundle):
    """An unknown property may hold anything; nothing of it is printed raw."""
    bundle.config["org.example.unknown"] = "\ud800\x1b[2J"
    check_refusal(raw(ocipy, bundle, text_of(bundle).replace('"1.3.0"', '"9.0.0"')), "ociVersion")
