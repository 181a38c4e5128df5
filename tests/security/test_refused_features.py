"""Parts of the isolation that ocipy does not have: asked for, they are refused by name, and nothing is begun."""

from __future__ import annotations

import json

import pytest
from support import host
from support.hostile import check_refusal

from ocipy.linux.security import security_modules

MAP = [{"containerID": 0, "hostID": 100_000, "size": 65_536}]


def refused(ocipy, bundle, word, reason="support", flags=()):
    id = ocipy.new_id()
    result = check_refusal(ocipy.created(bundle, "true", id=id, flags=flags), word, reason)
    assert host.statesnap(ocipy.root) == host.cgsnap(id) == host.mntsnap(str(bundle.path)) == []
    return result


@pytest.mark.parametrize("name", ["uidMappings", "gidMappings"])
def test_sec_2014_8989_mappings_without_a_user_namespace_are_never_ignored(ocipy, bundle, name):
    bundle.linux[name] = MAP
    refused(ocipy, bundle, f"linux.{name}", "namespace")


def test_sec_2014_5206_user_namespace_without_maps(ocipy, bundle):
    bundle.namespace("user")
    refused(ocipy, bundle, "linux.uidMappings", "required")


LABELS = (
    ("AppArmor", "process", "apparmorProfile", "a-profile"),
    ("SELinux", "process", "selinuxLabel", "system_u:system_r:container_t:s0"),
    ("SELinux", "linux", "mountLabel", "system_u:object_r:container_file_t:s0"),
)


@pytest.mark.parametrize(("module", "room", "name", "value"), LABELS, ids=lambda value: value)
def test_sec_2019_16884_label_is_never_dropped_without_a_word(ocipy, bundle, scratch, module, room, name, value):
    """Set or refused where the kernel has the module; where nothing could enforce it, told on stderr or in the log."""
    bundle.config[room][name] = value
    if module in security_modules():
        refused(ocipy, bundle, f"{room}.{name}", "no AppArmor profile" if module == "AppArmor" else "support")
        return
    said = f"{room}.{name}: not applied: the kernel runs no {module}"
    assert said in ocipy.run(bundle, "true").ok().err
    log = scratch / "log"
    assert ocipy("--log", log, "--log-format", "json", "run", "-b", bundle.path, ocipy.new_id()).ok().err == ""
    assert [json.loads(line)["level"] for line in log.read_text().splitlines() if said in line] == ["warning"]


@pytest.mark.parametrize("name", ["uidMappings", "gidMappings"])
def test_sec_idmapped_mounts_are_never_ignored(ocipy, bundle, name):
    bundle.mount("/data", "bind", bundle.path, "bind").mounts[-1].update(uidMappings=MAP, gidMappings=MAP)
    refused(ocipy, bundle, f"mounts[{len(bundle.mounts) - 1}].{name}")


@pytest.mark.parametrize("name, value", [
    ("intelRdt", {"closID": "x"}), ("memoryPolicy", {"mode": "MPOL_BIND"}), ("netDevices", {"eth0": {}}),
])  # fmt: skip
def test_sec_other_properties_are_never_ignored(ocipy, bundle, name, value):
    bundle.linux[name] = value
    refused(ocipy, bundle, f"linux.{name}")


def test_sec_no_resctrl_is_touched_when_none_is_asked_for(traced, bundle):
    """config-linux.md, IntelRdt."""
    trace = traced(bundle.args("true"), "%file,fsopen")
    seen = "".join(file.read_text() for file in trace.directory.iterdir())
    assert "pivot_root" in seen and "/sys/fs/cgroup" in seen and "resctrl" not in seen


def test_sec_crun_1_24_systemd_manager_is_never_ignored(ocipy, bundle):
    if host.SYSTEMD:
        box = ocipy.create(bundle, "true", flags=["--systemd-cgroup"])
        assert host.cgroup(box.pid, "pids").name == f"ocipy-{box.id}.scope"
    else:
        refused(ocipy, bundle, "systemd", "does not run", flags=("--systemd-cgroup",))


@pytest.mark.parametrize("verb", ["checkpoint", "restore"])
def test_sec_2026_94603_restore_does_not_exist(ocipy, bundle, verb):
    box = ocipy.create(bundle, "true")
    result = ocipy(verb, box.id)
    assert result.code == 1 and "not supported" in result.err
    assert box.status() == "created"


def test_sec_2025_24965_handlers_do_not_exist(ocipy, bundle):
    """crun's krun handler wrote into the image; an annotation that asks for one changes nothing."""
    before = {path.name for path in bundle.rootfs.iterdir()}
    bundle.config["annotations"] = {"run.oci.handler": "krun", "run.oci.delegate-cgroup": "../x"}
    assert ocipy.run(bundle, "true").code == 0
    assert {path.name for path in bundle.rootfs.iterdir()} == before
