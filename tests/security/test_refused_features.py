"""Parts of the isolation that ocipy does not have: asked for, they are refused by name, and nothing is begun."""

from __future__ import annotations

import pytest
from support import host
from support.hostile import check_refusal

MAP = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]


def refused(ocipy, bundle, word, *flags):
    id = ocipy.new_id()
    result = check_refusal(ocipy.created(bundle, "true", id=id, flags=flags), word, "support")
    assert host.statesnap(ocipy.root) == host.cgsnap(id) == host.mntsnap(str(bundle.path)) == []
    return result


@pytest.mark.parametrize("name", ["uidMappings", "gidMappings"])
def test_sec_2014_8989_user_namespace_is_never_ignored(ocipy, bundle, name):
    bundle.linux[name] = MAP
    refused(ocipy, bundle, f"linux.{name}")


def test_sec_2014_5206_user_namespace_without_maps(ocipy, bundle):
    bundle.namespace("user")
    refused(ocipy, bundle, "linux.namespaces")


def test_sec_2014_5207_user_namespace_by_path(ocipy, bundle):
    bundle.namespace("user", "/proc/self/ns/user")
    refused(ocipy, bundle, "linux.namespaces")


def test_sec_2019_16884_selinux_label_is_never_ignored(ocipy, bundle):
    bundle.process["selinuxLabel"] = "system_u:system_r:container_t:s0"
    refused(ocipy, bundle, "process.selinuxLabel")


def test_sec_2019_16884_mount_label_is_never_ignored(ocipy, bundle):
    bundle.linux["mountLabel"] = "system_u:object_r:container_file_t:s0"
    refused(ocipy, bundle, "linux.mountLabel")


def test_sec_2019_16884_apparmor_profile_is_never_ignored(ocipy, bundle):
    bundle.process["apparmorProfile"] = "unconfined-is-not-what-was-asked"
    refused(ocipy, bundle, "process.apparmorProfile")


@pytest.mark.parametrize("name", ["uidMappings", "gidMappings"])
def test_sec_idmapped_mounts_are_never_ignored(ocipy, bundle, name):
    bundle.mount("/data", "bind", bundle.path, "bind").mounts[-1][name] = MAP
    refused(ocipy, bundle, f"mounts[{len(bundle.mounts) - 1}].{name}")


@pytest.mark.parametrize("name, value", [
    ("intelRdt", {"closID": "x"}), ("memoryPolicy", {"mode": "MPOL_BIND"}), ("netDevices", {"eth0": {}}),
])  # fmt: skip
def test_sec_other_properties_are_never_ignored(ocipy, bundle, name, value):
    bundle.linux[name] = value
    refused(ocipy, bundle, f"linux.{name}")


def test_sec_crun_1_24_systemd_manager_is_never_ignored(ocipy, bundle):
    refused(ocipy, bundle, "systemd", "--systemd-cgroup")


@pytest.mark.parametrize("verb", ["checkpoint", "restore"])
def test_sec_2026_94603_restore_does_not_exist(ocipy, bundle, verb):
    box = ocipy.create(bundle, "true")
    result = ocipy(verb, box.id)
    assert result.code == 3 and "no such command" in result.err
    assert box.status() == "created"


def test_sec_2025_24965_handlers_do_not_exist(ocipy, bundle):
    """crun's krun handler wrote into the image; an annotation that asks for one changes nothing."""
    before = {path.name for path in bundle.rootfs.iterdir()}
    bundle.config["annotations"] = {"run.oci.handler": "krun", "run.oci.delegate-cgroup": "../x"}
    assert ocipy.run(bundle, "true").code == 0
    assert {path.name for path in bundle.rootfs.iterdir()} == before
