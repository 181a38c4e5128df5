"""Mounts, as the kernel makes them in the container."""

from __future__ import annotations

import ctypes
import os
import stat

import pytest
from support.rootfs import (
    CLONE_NEWNS,
    DEFAULT_MOUNTS,
    build,
    flags_of,
    isolated,
    lines_of,
    mountinfo,
    read,
    refused,
    run,
    spec_of,
)

from ocipy.errors import OcipyError
from ocipy.linux.libc import syscall
from ocipy.linux.mount import mount as classic_mount
from ocipy.plan.facts import CgroupFacts, HostFacts


def test_mounts_appear_in_the_order_of_the_config(bare):
    wanted = ["/proc", "/dev", "/dev/pts", "/sys", "/b", "/a"]
    extra = (("/b", "tmpfs", "tmpfs", ()), ("/a", "", str(bare), ("bind", "ro")))

    def check():
        assert [line.split()[4] for line in lines_of("/proc/self/mountinfo")][1:] == wanted

    run(bare, spec_of((*DEFAULT_MOUNTS, *extra)), check)


def test_bind_sets_only_the_flags_that_are_named(bare):
    def child():
        source = str(bare / "volume")
        os.mkdir(source)
        classic_mount("tmpfs", source, "tmpfs", 0x2 | 0x4, "")
        build(bare, spec_of((*DEFAULT_MOUNTS, ("/data", "", "volume", ("bind", "ro", "dev", "mode=755", "size=1k")))))
        own, _superblock = flags_of("/data")
        assert "ro" in own and "nosuid" in own and "nodev" not in own

    isolated(child)


def test_bind_of_a_file_makes_a_file(bare):
    def check():
        assert read("/etc/deep/hosts") == "names"

    (bare / "hosts").write_text("names")
    run(bare, spec_of((*DEFAULT_MOUNTS, ("/etc/deep/hosts", "bind", "hosts", ("rbind",)))), check)


def test_recursive_readonly_reaches_the_mounts_below(bare):
    def child():
        source = str(bare / "volume")
        os.mkdir(source)
        classic_mount("tmpfs", source, "tmpfs", 0, "")
        os.mkdir(f"{source}/below")
        classic_mount("tmpfs", f"{source}/below", "tmpfs", 0, "")
        both = (("/plain", "", source, ("rbind", "ro")), ("/deep", "", source, ("rbind", "rro", "rnoatime")))
        build(bare, spec_of((*DEFAULT_MOUNTS, *both)))
        assert "ro" in flags_of("/plain")[0] and "rw" in flags_of("/plain/below")[0]
        assert {"ro", "noatime"} <= set(flags_of("/deep/below")[0])

    isolated(child)


def test_propagation_options_are_applied(bare):
    volumes = [(f"/{kind}", "", str(bare / "canary"), ("rbind", kind)) for kind in ("rshared", "rprivate")]

    def check():
        assert mountinfo()["/rshared"][6].startswith("shared:")
        assert mountinfo()["/rprivate"][6] == "-"

    (bare / "canary").mkdir()
    run(bare, spec_of((*DEFAULT_MOUNTS, *volumes)), check)


def test_superblock_options_reach_the_file_system(bare):
    options = ("sync", "lazytime", "dirsync", "silent", "loud", "nomand", "noiversion", "mode=700")

    def check():
        _own, superblock = flags_of("/data")
        assert {"sync", "lazytime", "dirsync"} <= set(superblock)
        assert stat.S_IMODE(os.stat("/data").st_mode) == 0o700

    run(bare, spec_of((*DEFAULT_MOUNTS, ("/data", "tmpfs", "tmpfs", options))), check)


def test_iversion_is_accepted(bare):
    def check():
        assert {"ro", "nosuid", "noatime"} <= set(flags_of("/data")[0])

    extra = (("/data", "tmpfs", "tmpfs", ("iversion", "nosuid", "noatime", "ro")),)
    run(bare, spec_of((*DEFAULT_MOUNTS, *extra)), check)


def test_unknown_option_is_refused_in_the_kernels_words(bare):
    mounts = (*DEFAULT_MOUNTS, ("/data", "tmpfs", "tmpfs", ("foo",)))
    refused(bare, spec_of(mounts), "tmpfs", "foo", "Unknown parameter")


def test_overlay_takes_a_long_list_of_lower_directories(bare):
    lower = []
    for index in range(12):
        directory = bare / ("layer-with-a-long-name-" + "x" * 40 + str(index))
        directory.mkdir()
        (directory / f"file{index}").write_text("")
        lower.append(str(directory))
    extra = (("/data", "overlay", "overlay", ("lowerdir=" + ":".join(lower), "ro")),)

    def check():
        assert len(os.listdir("/data")) == 12

    run(bare, spec_of((*DEFAULT_MOUNTS, *extra)), check)


def test_tmpfs_takes_the_mode_of_the_directory_under_it(bare):
    (bare / "rootfs" / "data").mkdir(mode=0o711)

    def check():
        assert stat.S_IMODE(os.stat("/data").st_mode) == 0o711
        assert stat.S_IMODE(os.stat("/new").st_mode) == 0o1777

    run(bare, spec_of((*DEFAULT_MOUNTS, ("/data", "tmpfs", "", ()), ("/new", "tmpfs", "", ()))), check)


def test_readonly_tmpfs_takes_mount_points_before_it_is_closed(bare):
    mounts = (*DEFAULT_MOUNTS, ("/run", "tmpfs", "", ("ro",)), ("/run/deep/x", "bind", "rootfs/marker", ("bind",)))

    def check():
        assert read("/run/deep/x") == "inside"
        assert "ro" in flags_of("/run")[0]

    run(bare, spec_of(mounts), check)


def test_tmpcopyup_copies_everything(bare):
    source = bare / "rootfs" / "data"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_text("x" * 100_000)
    os.chmod(source / "sub" / "file", 0o4640)
    os.chown(source / "sub", 12, 34)
    os.symlink("/nowhere", source / "link")
    os.mkfifo(source / "fifo", 0o601)
    os.mknod(source / "node", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.setxattr(source / "sub" / "file", "trusted.note", b"kept")
    os.utime(source / "sub" / "file", ns=(1_000_000_001, 2_000_000_002))
    os.chmod(source, 0o750)

    def check():
        assert read("/data/sub/file") == "x" * 100_000
        status = os.stat("/data/sub/file")
        assert stat.S_IMODE(status.st_mode) == 0o4640 and status.st_mtime_ns == 2_000_000_002
        assert (os.stat("/data/sub").st_uid, os.stat("/data/sub").st_gid) == (12, 34)
        assert os.readlink("/data/link") == "/nowhere"
        assert os.lstat("/data/fifo").st_mode == 0o601 | stat.S_IFIFO
        assert os.stat("/data/node").st_rdev == os.makedev(1, 3)
        assert os.getxattr("/data/sub/file", "trusted.note") == b"kept"
        assert stat.S_IMODE(os.stat("/data").st_mode) == 0o750
        assert mountinfo()["/data"][4] == "/data" and "ro" in flags_of("/data")[0]

    run(bare, spec_of((*DEFAULT_MOUNTS, ("/data", "tmpfs", "tmpfs", ("tmpcopyup", "ro")))), check)


def test_remount_changes_an_earlier_mount(bare):
    mounts = (
        *DEFAULT_MOUNTS,
        ("/data", "tmpfs", "tmpfs", ("nosuid",)),
        ("/data", "tmpfs", "tmpfs", ("remount", "ro", "size=8k")),
    )

    def check():
        own, superblock = flags_of("/data")
        assert {"ro", "nosuid"} <= set(own) and {"ro", "size=8k"} <= set(superblock)

    run(bare, spec_of(mounts), check)


@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("kind", ["absolute", "relative", "file"])
def test_sec_2019_19921_proc_and_sys_on_anything_but_a_directory_are_refused(bare, canary, name, kind):
    place = bare / "rootfs" / name
    if place.exists():
        place.rmdir()
    if kind == "file":
        place.write_text("")
    else:
        place.symlink_to(canary if kind == "absolute" else "../canary")
    refused(bare, spec_of(DEFAULT_MOUNTS), "must be mounted on ordinary directory", f"/{name}")


def test_sec_2019_18837_destination_links_stay_inside(bare, canary):
    (bare / "rootfs" / "absolute").symlink_to(canary)
    (bare / "rootfs" / "relative").symlink_to("../../../../canary/new")
    mounts = (*DEFAULT_MOUNTS, ("/absolute", "tmpfs", "", ()), ("/relative/deep", "tmpfs", "", ()))

    def check():
        assert os.path.ismount("/canary/new/deep")
        assert os.path.ismount(str(canary))

    run(bare, spec_of(mounts), check)


def test_sec_2024_45310_dangling_destination_is_made_inside(bare, canary):
    (bare / "rootfs" / "etc").mkdir()
    (bare / "rootfs" / "etc" / "hosts").symlink_to(canary / "new")
    mounts = (*DEFAULT_MOUNTS, ("/etc/hosts", "bind", "rootfs/marker", ("bind",)))

    def check():
        assert read("/etc/hosts") == "inside"

    run(bare, spec_of(mounts), check)


@pytest.mark.parametrize("target", ["loop", "/proc/self/root", "/proc/self/fd/0"])
def test_destination_through_a_loop_or_magic_link_is_refused(bare, target):
    (bare / "rootfs" / "loop").symlink_to(target)
    refused(bare, spec_of((*DEFAULT_MOUNTS, ("/loop/x", "tmpfs", "", ()))), "/loop/x")


def test_sec_2025_52881_destination_that_leads_into_proc_is_refused(bare):
    (bare / "rootfs" / "innocent").symlink_to("proc/sys/kernel")
    refused(bare, spec_of((*DEFAULT_MOUNTS, ("/innocent", "tmpfs", "", ()))), "/innocent", "inside /proc")


def test_bind_on_proc_is_refused_unless_it_is_a_procfs(bare):
    refused(bare, spec_of((("/proc", "", "rootfs", ("bind",)),)), "not of type proc")
    run(bare, spec_of((("/proc", "", "/proc", ("rbind",)),)), lambda: read("/proc/self/stat"))


def test_sec_2023_27561_bind_of_a_procfs_does_not_follow_a_link(bare, canary):
    (bare / "rootfs" / "proc").rmdir()
    (bare / "rootfs" / "proc").symlink_to("elsewhere")
    (bare / "rootfs" / "elsewhere").mkdir()
    refused(bare, spec_of((("/proc", "", "/proc", ("rbind",)),)), "/proc must not be reached through a symbolic link")


def test_bind_over_a_permitted_file_of_proc(bare):
    mounts = (*DEFAULT_MOUNTS, ("/proc/uptime", "", "rootfs/marker", ("bind",)))
    run(bare, spec_of(mounts), lambda: read("/proc/uptime").index("inside"))


def test_missing_source_is_named(bare):
    refused(bare, spec_of((*DEFAULT_MOUNTS, ("/data", "", "absent", ("bind",)))), str(bare / "absent"))


def test_directory_on_a_file_is_refused(bare):
    mounts = (*DEFAULT_MOUNTS, ("/marker", "", "rootfs", ("bind",)))
    refused(bare, spec_of(mounts), "/marker is a file", "the source is a directory")


def test_parallel_creates_share_a_root(bare):
    mounts = (*DEFAULT_MOUNTS, ("/a/b/c/d", "tmpfs", "", ()), ("/x/y/file", "", "rootfs/marker", ("bind",)))
    children = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            try:
                syscall("unshare", CLONE_NEWNS)
                build(bare, spec_of(mounts))
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 20


def test_sec_2021_30465_swapped_destination_never_leaves_the_root(bare, canary):
    volume = bare / "volume"
    (volume / "real").mkdir(parents=True)
    (volume / "link").symlink_to(canary)
    swapper = os.fork()
    if swapper == 0:
        exchange = ctypes.CDLL(None).renameat2
        directory = os.open(volume, os.O_PATH)
        while True:
            exchange(directory, b"real", directory, b"link", 2)
    try:
        for _ in range(50):
            mounts = (
                *DEFAULT_MOUNTS,
                ("/vol", "", str(volume), ("bind",)),
                ("/vol/real/made/here", "tmpfs", "", ()),
            )

            def child(mounts=mounts):
                try:
                    build(bare, spec_of(mounts))
                except (OcipyError, OSError):
                    return
                places = [line.split()[4] for line in lines_of("/proc/self/mountinfo")]
                assert all(place.startswith("/") and "//deleted" not in place for place in places)

            isolated(child)
    finally:
        os.kill(swapper, 9)
        os.waitpid(swapper, 0)

def v1_facts():
    hierarchies = []
    for line in lines_of("/proc/self/mountinfo"):
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup":
            name = fields[4].rpartition("/")[2]
            hierarchies.append(("name=systemd" if name == "systemd" else name, fields[4]))
    return tuple(hierarchies)


@pytest.mark.skipif(not v1_facts(), reason="needs cgroup v1")
@pytest.mark.parametrize("namespaced", [True, False])
def test_cgroup_v1_shows_each_hierarchy_readonly(bare, namespaced):
    hierarchies = v1_facts()
    facts = HostFacts(cgroup=CgroupFacts(version=1, hierarchies=hierarchies), capabilities=0)
    mounts = (*DEFAULT_MOUNTS, ("/sys/fs/cgroup", "cgroup", "cgroup", ("nosuid", "noexec", "nodev", "ro")))
    names = ("mount", "cgroup") if namespaced else ("mount",)

    def check():
        assert sorted(os.listdir("/sys/fs/cgroup")) == sorted(place.rpartition("/")[2] for _, place in hierarchies)
        for name in os.listdir("/sys/fs/cgroup"):
            assert {"ro", "nosuid", "nodev", "noexec"} <= set(flags_of(f"/sys/fs/cgroup/{name}")[0])
            assert os.path.exists(f"/sys/fs/cgroup/{name}/cgroup.procs")
        with pytest.raises(OSError, match="Read-only"):
            os.mkdir("/sys/fs/cgroup/x")

    flags = CLONE_NEWNS | (0x02000000 if namespaced else 0)
    run(bare, spec_of(mounts, namespaces=names), check, facts=facts, cgroups=hierarchies, flags=flags)
