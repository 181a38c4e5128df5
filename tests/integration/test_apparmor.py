"""AppArmor: what a container executes is confined by the profile that config.json names."""

import os
import shutil
import subprocess

import pytest
from support import host
from support.users import mapped

from ocipy.linux.security import security_modules

pytestmark = [
    pytest.mark.skipif("AppArmor" not in security_modules(), reason="needs AppArmor, which this kernel does not run"),
    pytest.mark.skipif(not shutil.which("apparmor_parser"), reason="needs apparmor_parser"),
]
CURRENT = ("cat", "/proc/self/attr/apparmor/current")


def parse(word, name, rules):
    text = f"profile {name} flags=(attach_disconnected) {{ file, capability, signal, {rules} }}"
    subprocess.run(["apparmor_parser", word, "--skip-cache"], input=text, text=True, check=True)


@pytest.fixture
def profile():
    """The name of a profile that the kernel has, by which files named forbidden cannot be written."""
    name, rules = f"ocipy-test-{os.getpid()}", "deny /**forbidden w,"
    parse("--replace", name, rules)
    yield name
    parse("--remove", name, rules)


def test_program_is_confined_by_the_profile(ocipy, bundle, profile):
    bundle.process["apparmorProfile"] = profile
    assert ocipy.run(bundle, *CURRENT).ok().out == f"{profile} (enforce)\n"
    done = ocipy.run(bundle, "sh", "-c", "touch /allowed; touch /forbidden")
    assert "Permission denied" in done.err and done.code == 1
    assert sorted(name for name in os.listdir(bundle.rootfs) if name in ("allowed", "forbidden")) == ["allowed"]


@pytest.mark.parametrize("change", ["user", "noNewPrivileges", "user namespace", "no namespaces of its own"])
def test_profile_holds_whatever_the_process_is(ocipy, bundle, profile, change):
    bundle.process["apparmorProfile"] = profile
    bundle.process["noNewPrivileges"] = change == "noNewPrivileges"
    if change == "user":
        bundle.process["user"] = {"uid": 1000, "gid": 1000}
    elif change == "user namespace":
        mapped(bundle)
    elif change == "no namespaces of its own":
        bundle.linux["namespaces"] = [{"type": "mount"}]
        del bundle.config["hostname"]
    assert ocipy.run(bundle, *CURRENT).ok().out == f"{profile} (enforce)\n"


def test_exec_is_confined_as_the_container_or_as_it_says(ocipy, bundle, profile):
    bundle.process["apparmorProfile"] = profile
    box = ocipy.start(bundle, "sleep", "1000")
    assert ocipy("exec", box.id, *CURRENT).ok().out == f"{profile} (enforce)\n"
    assert ocipy("exec", "--apparmor", "unconfined", box.id, *CURRENT).ok().out == "unconfined\n"
    free = ocipy.start(bundle, "sleep", "1000")
    assert ocipy("exec", "--apparmor", profile, free.id, *CURRENT).ok().out == f"{profile} (enforce)\n"


def test_missing_profile_is_named(ocipy, bundle):
    bundle.process["apparmorProfile"] = "ocipy-test-absent"
    id = ocipy.new_id()
    refused = ocipy.created(bundle, "true", id=id).refused("no AppArmor profile ocipy-test-absent").err
    assert "process.apparmorProfile" in refused and "apparmor_parser --replace" in refused
    assert host.statesnap(ocipy.root) == host.cgsnap(id) == []
    del bundle.process["apparmorProfile"]
    box = ocipy.start(bundle, "sleep", "1000")
    assert "process.apparmorProfile" in ocipy("exec", "--apparmor", "ocipy-test-absent", box.id, "true").refused().err


def test_hooks_of_the_host_are_not_confined(ocipy, bundle, scratch, profile):
    bundle.process["apparmorProfile"] = profile
    written = {kind: scratch / kind for kind in ("createRuntime", "createContainer", "poststart")}
    bundle.config["hooks"] = {
        kind: [{"path": "/bin/sh", "args": ["sh", "-c", f"{' '.join(CURRENT)} >{path}"]}]
        for kind, path in written.items()
    }
    ocipy.start(bundle, "sleep", "1000")
    assert {kind: path.read_text() for kind, path in written.items()} == dict.fromkeys(written, "unconfined\n")


def test_sec_2019_16884_what_an_image_has_at_proc_takes_no_profile_away(ocipy, bundle, profile):
    """CVE-2019-16884, CVE-2025-62596: the profile was written to a file of the image."""
    bundle.process["apparmorProfile"] = profile
    planted = bundle.rootfs / "proc/self/attr/apparmor"
    planted.mkdir(parents=True)
    (planted / "exec").write_text("")
    assert ocipy.run(bundle, *CURRENT).ok().out == f"{profile} (enforce)\n"
    assert (planted / "exec").read_text() == ""


def test_sec_crun_1_12_process_that_gets_the_profile_has_one_thread(ocipy, bundle, profile):
    """The kernel keeps it for one thread alone."""
    bundle.process["apparmorProfile"] = profile
    box = ocipy.create(bundle, "sleep", "1000")
    assert host.status(box.pid)["Threads"] == "1"
