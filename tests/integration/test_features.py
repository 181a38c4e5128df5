"""What features promises is tried: each name that it lists, in a real container of this host."""

import json
import sys

import pytest
from support import host, requires

pytestmark = requires.ocipy_itself
# Options that take another mount than a fresh tmpfs.
BINDS = ("bind", "rbind")
# CLONE_NEW* as /proc/PID/ns names them.
FILES = {"mount": "mnt", "network": "net"}

BIG_ENDIAN = {
    "SCMP_ARCH_MIPS", "SCMP_ARCH_MIPS64", "SCMP_ARCH_MIPS64N32", "SCMP_ARCH_PARISC", "SCMP_ARCH_PARISC64",
    "SCMP_ARCH_PPC", "SCMP_ARCH_PPC64", "SCMP_ARCH_S390", "SCMP_ARCH_S390X",
}  # fmt: skip
OTHER_ORDER = BIG_ENDIAN if sys.byteorder == "little" else {"SCMP_ARCH_X86_64", "SCMP_ARCH_AARCH64"}


@pytest.fixture
def document(ocipy):
    return json.loads(ocipy("features").ok().out)


def test_each_namespace_that_features_lists_can_be_new(ocipy, bundle, document):
    kinds = document["linux"]["namespaces"]
    for kind in kinds:
        if kind != "user":
            bundle.namespace(kind)
    box = ocipy.start(bundle, "sleep", "1000")
    for kind in kinds:
        if kind != "user":
            file = FILES.get(kind, kind)
            assert host.namespace(box.pid, file) != host.namespace("self", file), kind


def test_the_user_namespace_that_features_lists_can_be_new(ocipy, bundle, document):
    from support.users import mapped

    assert "user" in document["linux"]["namespaces"]
    box = ocipy.start(mapped(bundle), "sleep", "1000")
    assert host.namespace(box.pid, "user") != host.namespace("self", "user")


def test_each_mount_option_that_features_lists_is_taken(ocipy, bundle, document, scratch):
    for option in document["mountOptions"]:
        target = f"/options/{option}"
        if option in BINDS:
            bundle.mount(target, "bind", scratch, option)
        else:
            bundle.mount(target, "tmpfs", "none")
            bundle.mounts[-1]["options"] = [option] if option != "remount" else []
    bundle.mount("/options/remount", "tmpfs", "none", "remount", "ro")
    box = ocipy.start(bundle, "sleep", "1000")
    targets = {mount.target for mount in host.mounts(box.pid)}
    assert {f"/options/{option}" for option in document["mountOptions"]} <= targets


@pytest.mark.parametrize(("option", "seen"), [
    ("ro", "ro"), ("nosuid", "nosuid"), ("nodev", "nodev"), ("noexec", "noexec"), ("noatime", "noatime"),
    ("nodiratime", "nodiratime"), ("nosymfollow", "nosymfollow"), ("rro", "ro"), ("rnosuid", "nosuid"),
])
def test_mount_option_that_features_lists_is_in_force(ocipy, bundle, document, option, seen):
    assert option in document["mountOptions"]
    bundle.mount("/seen", "tmpfs", "none", option)
    box = ocipy.start(bundle, "sleep", "1000")
    assert seen in host.mount_at(box.pid, "/seen").options


def test_each_hook_that_features_lists_is_run(ocipy, bundle, document, scratch):
    (scratch / "hook").write_text(f'#!/bin/sh\ntouch {scratch}/$1\n')
    (scratch / "hook").chmod(0o755)
    bundle.mount(str(scratch), "bind", scratch, "bind")
    bundle.config["hooks"] = {
        name: [{"path": f"{scratch}/hook", "args": ["hook", name], "env": ["PATH=/bin:/usr/bin"]}]
        for name in document["hooks"]
    }
    ocipy.run(bundle, "true").ok()
    assert all((scratch / name).exists() for name in document["hooks"])


def test_each_capability_that_features_lists_can_be_granted(ocipy, bundle, document):
    """Those that this process does not have are left out with a warning that names them."""
    names = document["linux"]["capabilities"]
    bundle.capabilities(*names)
    box = ocipy.start(bundle, "sleep", "1000")
    granted = int(host.status(box.pid)["CapBnd"], 16)
    assert granted == int(host.status("self")["CapBnd"], 16) & (1 << len(names)) - 1
    for number, name in enumerate(names):
        assert granted >> number & 1 or name in box.result.err


@pytest.fixture
def seccomp(document):
    if not document["linux"]["seccomp"]["enabled"]:
        pytest.skip("needs libseccomp2")
    return document["linux"]["seccomp"]


def test_each_action_and_operator_that_features_lists_loads_into_the_kernel(ocipy, bundle, seccomp):
    # Calls that no program makes.
    calls = iter((
        "acct", "swapon", "swapoff", "reboot", "nfsservctl", "vhangup", "syslog", "quotactl", "ustat", "uselib",
        "sysfs", "settimeofday", "adjtimex", "iopl", "ioperm", "init_module", "delete_module",
    ))  # fmt: skip
    rules = [{"names": [next(calls)], "action": name} for name in seccomp["actions"] if name != "SCMP_ACT_ALLOW"]
    for name in seccomp["operators"]:
        argument = {"index": 0, "value": 1, "op": name}
        rules.append({"names": [next(calls)], "action": "SCMP_ACT_ERRNO", "args": [argument]})
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules}
    result = ocipy.run(bundle, "grep", "^Seccomp:", "/proc/self/status").ok()
    assert result.out.split() == ["Seccomp:", "2"]


def with_all_flags(seccomp, architectures):
    return {
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": architectures,
        "flags": seccomp["supportedFlags"],
        "syscalls": [{"names": ["reboot"], "action": "SCMP_ACT_ERRNO"}],
    }


def test_all_architectures_and_flags_that_features_lists_load_into_the_kernel(ocipy, bundle, seccomp):
    bundle.linux["seccomp"] = with_all_flags(seccomp, [name for name in seccomp["archs"] if name not in OTHER_ORDER])
    result = ocipy.run(bundle, "grep", "^Seccomp:", "/proc/self/status").ok()
    assert result.out.split() == ["Seccomp:", "2"]


def test_architecture_of_another_byte_order_is_recognized_and_refused(ocipy, bundle, seccomp):
    """features-linux.md asks for the names that are recognized; no filter can hold architectures of both orders."""
    name = next(name for name in seccomp["archs"] if name in OTHER_ORDER)
    bundle.linux["seccomp"] = with_all_flags(seccomp, [name])
    ocipy.run(bundle, "true").refused("linux.seccomp.architectures[0]", name)


def test_no_flag_is_supported_that_the_kernel_refuses(seccomp):
    assert set(seccomp["supportedFlags"]) <= set(seccomp["knownFlags"])


@pytest.mark.parametrize("prefix", [(), ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")])
def test_features_is_the_same_for_every_user(ocipy, document, prefix):
    assert json.loads(ocipy("features", prefix=prefix).ok().out) == document


def test_features_is_the_same_without_proc_and_cgroups(ocipy, document):
    inside = ("unshare", "-m", "sh", "-ec", 'umount -lR /sys/fs/cgroup; umount -l /proc; exec "$@"', "sh")
    result = ocipy("features", prefix=inside).ok()
    assert (json.loads(result.out), result.err) == (document, "")
