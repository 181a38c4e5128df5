"""Containers of an ordinary user: what it may not gain, and what nobody may gain by it."""

from __future__ import annotations

import hashlib
import os
import subprocess
from pathlib import Path

import pytest
from support import host, requires
from support.named_user import AS_USER, FIRST, UID
from support.ordinary import with_own_id
from support.runtime import LAUNCHER
from support.users import mapped

pytestmark = [requires.ocipy_itself, requires.program("setpriv")]
FLAGS = ("ro", "nosuid", "nodev", "noexec")
CLEARING = {"ro": "rw", "nosuid": "suid", "nodev": "dev", "noexec": "exec"}


@pytest.fixture
def ocipy(user):
    return user()


@pytest.fixture
def bundle(make_bundle):
    return with_own_id(make_bundle())


# --- cgroups


@requires.bare_user
@pytest.mark.parametrize("namespaced", [True, False])
def test_sec_2023_25809_cgroup_of_the_caller(ocipy, bundle, namespaced):
    """Where the container has no cgroup of its own it sees those of others, whatever the mount asks for."""
    if not namespaced:
        bundle.share("cgroup")
    for mount in bundle.mounts:
        if mount["destination"] == "/sys/fs/cgroup":
            mount["options"] = ["rw"]
    bundle.capabilities("CAP_DAC_OVERRIDE", "CAP_SYS_ADMIN")
    script = """
        grep -c ' /sys/fs/cgroup.* cgroup' /proc/mounts
        grep ' /sys/fs/cgroup.* cgroup' /proc/mounts | grep -v ' ro,'
        for d in $(grep ' /sys/fs/cgroup.* cgroup' /proc/mounts | cut -d' ' -f2); do
            mkdir $d/x 2>&1
            for f in $d/cgroup.procs $d/tasks $d/*/cgroup.procs; do
                [ -e $f ] && (echo 1 >$f) 2>&1
            done
        done | grep -v 'Read-only file system'"""
    views, *writable = ocipy.run(bundle, "sh", "-c", script).out.splitlines()
    assert int(views) > 0 and writable == []


# --- groups


def test_sec_2014_8989_groups_that_deny_cannot_be_dropped(user, bundle):
    ocipy = user("setpriv", f"--reuid={UID}", f"--regid={UID}", f"--groups={FIRST}", "--")
    box = ocipy.start(bundle, "sh", "-c", "cat /proc/self/setgroups; sleep 100")
    host.wait_for(lambda: box.output() == "deny\n", "the word")
    assert host.status(box.pid)["Groups"].split() == [str(FIRST)]


def test_sec_2014_8989_no_groups_are_added(ocipy, bundle):
    bundle.process["user"] = {"uid": 0, "gid": 0, "additionalGids": [0]}
    ocipy.created(bundle, "true").refused("process.user.additionalGids", "additional groups")
    del bundle.process["user"]["additionalGids"]
    box = ocipy.start(bundle, "sleep", "100")
    ocipy("exec", "--additional-gids", "0", box.id, "id").refused("process.user.additionalGids", "setgroups")


# --- locked flags


def below_a_mount(user, scratch, flags):
    """The command line where a directory is a mount with these flags, which its user namespaces cannot take away."""
    place = scratch / "locked"
    place.mkdir()
    script = f'mount -t tmpfs -o {",".join(flags) or "rw"} none {place} && exec "$@"'
    return user("unshare", "--mount", "sh", "-c", script, "sh", *AS_USER), place


@pytest.mark.parametrize("wanted", [("bind",), ("rbind", "ro"), ("bind", "nosuid"), ("rbind", "rnoexec")])
@pytest.mark.parametrize("flags", [(), ("ro",), ("nosuid", "nodev"), FLAGS])
def test_sec_2014_5206_flags_of_the_source_stay(user, bundle, scratch, flags, wanted):
    ocipy, place = below_a_mount(user, scratch, flags)
    bundle.mount("/mnt", "bind", place, *wanted)
    result = ocipy.run(bundle, "sh", "-c", "grep ' /mnt ' /proc/mounts").ok()
    have = set(result.out.split()[3].split(","))
    assert {*flags, *(word.removeprefix("r") if word == "rnoexec" else word for word in wanted[1:])} <= have


@pytest.mark.parametrize("flag", FLAGS)
def test_sec_2014_5207_flag_that_is_to_be_cleared_is_named(user, bundle, scratch, flag):
    ocipy, place = below_a_mount(user, scratch, FLAGS)
    bundle.mount("/mnt", "bind", place, "bind", CLEARING[flag])
    ocipy.created(bundle, "true").refused("mounts[", "locked", f"leave out {CLEARING[flag]}")


@pytest.mark.parametrize("flag", FLAGS)
def test_sec_2014_5207_flags_are_not_cleared_from_inside(user, bundle, scratch, flag):
    ocipy, place = below_a_mount(user, scratch, FLAGS)
    bundle.mount("/mnt", "bind", place, "bind").capabilities("CAP_SYS_ADMIN")
    script = f"mount -o remount,bind,{CLEARING[flag]} /mnt; grep ' /mnt ' /proc/mounts"
    result = ocipy.run(bundle, "sh", "-c", script)
    assert set(FLAGS) <= set(result.out.split()[3].split(","))


# --- who is root


def test_sec_crun_1_29_identity_map_does_not_make_a_namespace_the_hosts(scratch):
    """A map of all ids to themselves, as systemd 260 writes it, is that of the initial user namespace as well."""
    holder = subprocess.Popen(
        ["unshare", "--user", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE, text=True
    )
    holder.stdout.readline()
    try:
        for kind in ("uid", "gid"):
            Path(f"/proc/{holder.pid}/{kind}_map").write_text("0 0 4294967295")
        enter = ["nsenter", f"--user=/proc/{holder.pid}/ns/user", "--setuid=0", "--setgid=0"]
        ask = "from ocipy.linux.proc import is_host_root; print(is_host_root())"
        words = ["/usr/bin/python3", "-c", ask]
        asked = {"text": True, "cwd": LAUNCHER.parents[2]}
        assert subprocess.check_output([*enter, *words], **asked) == "False\n"
        assert subprocess.check_output(words, **asked) == "True\n"
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_sec_2026_84042_no_helper_is_looked_for_in_path(user, make_bundle, scratch):
    """What is called newuidmap in a directory of the caller, or of the image, does not run."""
    planted = scratch / "planted"
    planted.mkdir()
    bundle = mapped(make_bundle(), (0, UID, 1), (1, FIRST, 10))
    for place in (planted, bundle.rootfs / "usr/bin"):
        place.mkdir(exist_ok=True)
        for name in ("newuidmap", "newgidmap"):
            (place / name).write_text(f"#!/bin/sh\ntouch {scratch}/output0/ran\nexit 1\n")
            (place / name).chmod(0o755)
    ocipy = user(*AS_USER, "env", f"PATH={planted}:/usr/bin:/bin")
    result = ocipy.created(bundle, "true", cwd=planted)
    assert result.code == 1 and not (scratch / "output0/ran").exists()


# --- processes of the same user


def test_sec_2016_9962_init_cannot_be_looked_at_by_others_of_the_user(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    # What cannot be dumped belongs to root: proc(5).
    assert os.stat(f"/proc/{box.pid}/environ").st_uid == 0


def test_sec_2016_9962_container_cannot_look_at_processes_of_its_user(ocipy, bundle):
    """Not even where it sees all of them."""
    outside = subprocess.Popen([*AS_USER, "sleep", "1000"], env={"SECRET": "word"})
    try:
        bundle.share("pid").unmount("/proc").mount("/proc", "bind", "/proc", "rbind")
        bundle.capabilities("CAP_SYS_PTRACE", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH")
        bundle.linux.update(maskedPaths=[], readonlyPaths=[])
        there = f"/proc/{outside.pid}"
        script = f"cat {there}/environ; ls {there}/root/; readlink {there}/fd/1; (: >>{there}/mem) && echo opened"
        result = ocipy.run(bundle, "sh", "-c", script)
        assert result.out == "" and result.err.lower().count("denied") >= 3
    finally:
        outside.kill()
        outside.wait()


# --- the interpreter

KEEP = """#!/proc/self/exe
import os
os.dup2(os.open("/proc/self/exe", os.O_RDONLY), 50)
os.execv("/bin/sh", ["sh", "-c", '''
    while [ ! -e /go ]; do sleep 0.01; done
    chmod 777 /proc/self/fd/50
    (echo overwritten >>/proc/self/fd/50) 2>&1
    exit 0'''])
"""


def test_sec_2019_5736_interpreter_of_the_user(ocipy, user_interpreter, bundle):
    """Who owns the file may write it in a container, too: so the container's process is not started from it."""
    before = hashlib.sha256(user_interpreter.read_bytes()).digest()
    bundle.host_python()
    bundle.file("entry", KEEP, 0o755)
    (bundle.rootfs / "entry").chmod(0o755)
    box = ocipy.create(bundle, "/entry").start()
    host.wait_for(lambda: host.status(box.pid)["Name"] == "sh", "the shell that kept the descriptor")
    (bundle.rootfs / "go").touch()
    box.wait()
    assert hashlib.sha256(user_interpreter.read_bytes()).digest() == before, box.output()
    assert "not permitted" in box.output()
