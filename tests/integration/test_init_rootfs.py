"""The container's root, and what is hidden or read-only in it."""

from __future__ import annotations

import os
import stat

import pytest
from support.rootfs import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
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

from ocipy.init import root
from ocipy.linux.libc import syscall
from ocipy.linux.mount import MS_SHARED
from ocipy.linux.mount import mount as classic_mount


def test_pivot_leaves_only_the_containers_mounts(bare):
    def check():
        assert read("/marker") == "inside"
        assert set(mountinfo()) == {"/", "/proc", "/dev", "/dev/pts", "/sys"}
        assert os.getcwd() == "/"

    run(bare, spec_of(DEFAULT_MOUNTS), check)


@pytest.mark.parametrize("propagation", ["", "rshared"])
def test_mounts_do_not_reach_the_host(bare, propagation):
    def host():
        place = str(bare / "rootfs")
        classic_mount("tmpfs", place, "tmpfs", 0, "")
        classic_mount("", place, "", MS_SHARED, "")
        before = read("/proc/self/mountinfo")
        if os.fork() == 0:
            syscall("unshare", CLONE_NEWNS)
            build(bare, spec_of(DEFAULT_MOUNTS, rootfsPropagation=propagation))
            os._exit(0 if os.path.ismount("/proc") else 1)
        assert os.wait()[1] == 0
        assert read("/proc/self/mountinfo") == before

    isolated(host)


def test_no_pivot_hides_the_hosts_proc_and_sysfs(bare):
    def check():
        assert read("/marker") == "inside"
        assert os.getcwd() == "/"
        lines = [line.split() for line in lines_of("/proc/self/mountinfo")]
        whole = [line[4] for line in lines if line[3] == "/" and line[line.index("-") + 1] in ("proc", "sysfs")]
        assert sorted(whole) == ["/proc", "/sys"]

    run(bare, spec_of(DEFAULT_MOUNTS), check, no_pivot=True)


def test_sec_no_pivot_nested_proc(bare):
    def check():
        syscall("unshare", CLONE_NEWUSER | CLONE_NEWNS | 0x20000000)
        if os.fork() == 0:
            try:
                classic_mount("proc", "/mnt", "proc", 0, "")
            except PermissionError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 7

    (bare / "rootfs" / "mnt").mkdir()
    spec = spec_of(DEFAULT_MOUNTS, maskedPaths=("/proc/version",), readonlyPaths=("/proc/sys",))
    run(bare, spec, check, no_pivot=True)


def test_without_mount_namespace_the_root_is_changed_alone(bare):
    def child():
        before = read("/proc/self/mountinfo")
        init = build(bare, spec_of(namespaces=()), enter=False)
        assert read("/proc/self/mountinfo") == before
        root.HANDLERS["ChrootRoot"](init, "")
        assert read("/marker") == "inside" and os.getcwd() == "/"

    isolated(child)


def test_sec_readonly_root_keeps_the_flags_of_its_mount(bare):
    def child():
        path = str(bare / "rootfs")
        classic_mount("tmpfs", path, "tmpfs", 0x2 | 0x4, "")
        os.mkdir(f"{path}/proc")
        build(bare, spec_of(DEFAULT_MOUNTS, readonly=True))
        own, _superblock = flags_of("/")
        assert {"ro", "nosuid", "nodev"} <= set(own)

    isolated(child)


def test_readonly_root_does_not_hinder_mount_points_nor_the_working_directory(bare):
    def check():
        assert stat.S_ISDIR(os.stat("/srv/here").st_mode)
        with pytest.raises(OSError, match="Read-only"):
            os.mkdir("/more")

    run(bare, spec_of(DEFAULT_MOUNTS, readonly=True, cwd="/srv/here"), check)


@pytest.mark.parametrize(("name", "optional"), [("shared", "shared:"), ("rslave", ""), ("private", ""), ("", "")])
def test_root_propagation_is_applied(bare, name, optional):
    def check():
        tag = mountinfo()["/"][6]
        assert tag.startswith(optional) if optional else tag == "-"

    run(bare, spec_of(DEFAULT_MOUNTS, rootfsPropagation=name), check)


def test_root_propagation_unbindable_forbids_to_bind_the_root(bare):
    def check():
        assert mountinfo()["/"][6] == "unbindable"
        with pytest.raises(OSError, match="Invalid"):
            classic_mount("/", "/mnt", "", 0x1000, "")

    (bare / "rootfs" / "mnt").mkdir()
    run(bare, spec_of(DEFAULT_MOUNTS, rootfsPropagation="unbindable"), check)


def test_sec_2024_21626_working_directory_through_a_magic_link_is_refused(bare):
    refused(bare, spec_of(DEFAULT_MOUNTS, cwd="/proc/self/fd/3"), "/proc/self/fd/3")

def test_masked_files_and_directories_are_empty_and_readonly(bare):
    for name in ("one", "two"):
        (bare / "rootfs" / name).mkdir()
        (bare / "rootfs" / name / "secret").write_text("")
    os.mkfifo(bare / "rootfs" / "fifo")
    paths = ("/one", "/two", "/marker", "/proc/version", "/fifo", "/absent", "/marker/absent")

    def check():
        for path in ("/one", "/two"):
            assert os.listdir(path) == []
            with pytest.raises(OSError, match="Read-only"):
                os.mkdir(f"{path}/x")
        assert os.stat("/one").st_dev == os.stat("/two").st_dev
        for path in ("/marker", "/proc/version", "/fifo"):
            status = os.stat(path)
            assert stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)
            with pytest.raises(OSError, match="Read-only"):
                os.chmod(path, 0o666)  # what it is: should it succeed, no harm is done

    run(bare, spec_of(DEFAULT_MOUNTS, maskedPaths=paths), check)


def test_readonly_paths(bare):
    os.mkfifo(bare / "rootfs" / "fifo")
    (bare / "rootfs" / "data").mkdir()

    def check():
        with pytest.raises(OSError, match="Read-only"):
            os.open("/proc/sys/kernel/core_pattern", os.O_WRONLY)
        with pytest.raises(OSError, match="Read-only"):
            os.mkdir("/data/x")
        os.mkdir("/writable")
        assert "ro" in flags_of("/fifo")[0]

    run(bare, spec_of(DEFAULT_MOUNTS, readonlyPaths=("/proc/sys", "/data", "/fifo", "/absent")), check)


def test_masks_of_500_paths_use_one_superblock(bare):
    paths = []
    for index in range(500):
        (bare / "rootfs" / f"d{index}").mkdir()
        paths.append(f"/d{index}")

    def check():
        assert len({os.stat(path).st_dev for path in paths}) == 1
        assert not any(os.listdir(path) for path in paths)

    run(bare, spec_of(DEFAULT_MOUNTS, maskedPaths=tuple(paths)), check)


def test_no_descriptor_is_left_but_the_known_ones(bare):
    def child():
        proc = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
        before = len(os.listdir(proc))
        spec = spec_of(DEFAULT_MOUNTS, maskedPaths=("/proc/version", "/sys"), readonlyPaths=("/proc/sys",))
        init = build(bare, spec)
        known = {init.root, init.proc, init.null, init.file_mask, init.directory_mask, *init.kernel_mounts.values()}
        assert len(os.listdir(proc)) - before == len(known) and min(known) > 0

    isolated(child)
