"""Device nodes, links and the console in /dev."""

from __future__ import annotations

import os
import stat

import pytest
from support.rootfs import (
    CLONE_NEWNS,
    CLONE_NEWUSER,
    DEFAULT_MOUNTS,
    build,
    isolated,
    refused,
    run,
    spec_of,
    write,
)

from ocipy.init import devices
from ocipy.linux.libc import syscall
from ocipy.spec.model import Device


def test_default_devices_and_links(bare):
    def check():
        for name, numbers in (("null", (1, 3)), ("zero", (1, 5)), ("full", (1, 7)), ("tty", (5, 0))):
            status = os.stat(f"/dev/{name}")
            assert stat.S_ISCHR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o666
            assert status.st_rdev == os.makedev(*numbers)
        assert os.readlink("/dev/ptmx") == "pts/ptmx"
        assert os.readlink("/dev/fd") == "/proc/self/fd"
        assert os.readlink("/dev/stderr") == "/proc/self/fd/2"
        assert os.readlink("/dev/core") == "/proc/kcore"
        write("/dev/null", "x")

    run(bare, spec_of(DEFAULT_MOUNTS), check)


def device(path, type, major=0, minor=0, **rest):
    return Device(property="linux.devices[0]", path=path, type=type, major=major, minor=minor, **rest)


def test_listed_devices_have_the_exact_mode_and_owner(bare):
    listed = (
        device("/dev/block", "b", 7, 3, fileMode=0o617, uid=5, gid=6),
        device("/srv/outside", "u", 10, 200, fileMode=0o777, uid=1),
        device("/dev/pipe", "p", 8, 8, fileMode=0o622),
        device("/dev/zero", "c", 1, 5, fileMode=0o600),
    )

    def check():
        status = os.stat("/dev/block")
        assert stat.S_ISBLK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o617
        assert (status.st_uid, status.st_gid, status.st_rdev) == (5, 6, os.makedev(7, 3))
        assert stat.S_IMODE(os.stat("/srv/outside").st_mode) == 0o777 and os.stat("/srv/outside").st_uid == 1
        assert stat.S_ISFIFO(os.stat("/dev/pipe").st_mode)
        assert stat.S_IMODE(os.stat("/dev/zero").st_mode) == 0o600

    def child():
        os.umask(0o077)
        build(bare, spec_of(DEFAULT_MOUNTS, devices=listed))
        check()

    isolated(child)


def test_matching_device_is_accepted_and_another_is_refused(bare):
    os.mknod(bare / "rootfs" / "node", 0o600 | stat.S_IFCHR, os.makedev(10, 200))
    run(bare, spec_of(DEFAULT_MOUNTS, devices=(device("/node", "c", 10, 200),)))
    refused(bare, spec_of(DEFAULT_MOUNTS, devices=(device("/node", "c", 10, 201),)), "/node exists and is not")


NO_DEV = DEFAULT_MOUNTS[:1]


@pytest.mark.parametrize("kind", ["link", "fifo", "file", "device", "directory"])
def test_sec_2025_31133_false_null_device_is_refused(bare, canary, kind):
    place = bare / "rootfs" / "dev" / "null"
    place.parent.mkdir()
    if kind == "link":
        place.symlink_to("/proc/sys/kernel/core_pattern")
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "file":
        place.write_text("x")
    elif kind == "directory":
        place.mkdir()
    else:
        os.mknod(place, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    refused(bare, spec_of(NO_DEV), "/dev/null exists and is not")


@pytest.mark.parametrize("target", ["absolute", "relative"])
def test_sec_2026_41579_dev_link_of_the_image_stays_inside(bare, canary, target):
    (bare / "rootfs" / "dev").symlink_to(canary if target == "absolute" else "../canary")
    run(bare, spec_of(NO_DEV), lambda: os.stat("/dev/null"))


def test_sec_2026_47766_no_node_is_made_through_a_dev_link(bare, canary):
    (bare / "rootfs" / "dev").symlink_to(f"/proc/self/root{canary}")
    refused(bare, spec_of(NO_DEV), "/dev")


def test_ptmx_of_the_image_is_replaced(bare):
    (bare / "rootfs" / "dev").mkdir()
    os.mkfifo(bare / "rootfs" / "dev" / "ptmx")
    run(bare, spec_of(NO_DEV), lambda: os.readlink("/dev/ptmx"))


def test_bound_dev_is_left_alone(bare):
    source = bare / "devices"
    source.mkdir()
    listed = (device("/dev/more", "c", 1, 3), device("/else", "c", 1, 3))
    run(bare, spec_of((*NO_DEV, ("/dev", "", str(source), ("rbind",))), devices=listed), lambda: os.stat("/else"))
    assert os.listdir(source) == []


def test_in_a_user_namespace_the_hosts_nodes_are_bound(bare):
    os.chmod(bare, 0o755)

    def child():
        reader, writer = os.pipe()
        parent = os.getpid()
        if os.fork() == 0:
            os.read(reader, 1)
            for name in ("uid_map", "gid_map"):
                write(f"/proc/{parent}/{name}", "0 0 4294967295")
            os._exit(0)
        syscall("unshare", CLONE_NEWNS | CLONE_NEWUSER)
        os.write(writer, b"x")
        os.wait()
        mounts = tuple(mount for mount in DEFAULT_MOUNTS if mount[0] not in ("/proc", "/sys"))
        mounts += (("/proc", "", "/proc", ("rbind",)), ("/sys", "sysfs", "", ("nosuid",)))
        for _ in range(2):
            if os.fork() == 0:
                syscall("unshare", CLONE_NEWNS)
                build(bare, spec_of(mounts, namespaces=("mount", "user")))
                write("/dev/null", "x")
                assert os.stat("/dev/zero").st_rdev == os.makedev(1, 5)
                with pytest.raises(OSError, match="Read-only"):
                    os.mkdir("/sys/fs/cgroup/x")
                os._exit(0)
            assert os.wait()[1] == 0

    isolated(child, 0)

def test_console_is_the_containers_own_terminal(bare):
    def child():
        def between(init):
            master, slave = devices.open_console(init.root)
            devices.bind_console(init, slave)
            os.write(slave, b"hello")
            assert os.read(master, 100) == b"hello"

        build(bare, spec_of(DEFAULT_MOUNTS), between=between)
        assert os.major(os.stat("/dev/console").st_rdev) == 136
        assert os.listdir("/dev/pts") == ["0", "ptmx"] or sorted(os.listdir("/dev/pts")) == ["0", "ptmx"]

    isolated(child)


@pytest.mark.parametrize("kind", ["fifo", "file", "link", "hosts node"])
def test_sec_2025_52565_false_ptmx_is_refused(bare, kind):
    directory = bare / "rootfs" / "dev" / "pts"
    directory.mkdir(parents=True)
    (directory / "0").write_text("")
    if kind == "fifo":
        os.mkfifo(directory / "ptmx")
    elif kind == "file":
        (directory / "ptmx").write_text("")
    elif kind == "link":
        (directory / "ptmx").symlink_to("/dev/ptmx")
    else:
        os.mknod(directory / "ptmx", 0o666 | stat.S_IFCHR, os.makedev(5, 2))
    refused(bare, spec_of(NO_DEV), "/dev/pts/ptmx", between=lambda init: devices.open_console(init.root))


@pytest.mark.parametrize("readonly", [True, False])
def test_sec_2026_88264_console_link_is_refused(bare, canary, readonly):
    (bare / "rootfs" / "dev").mkdir()
    (bare / "rootfs" / "dev" / "console").symlink_to(canary / "new")

    def between(init):
        devices.bind_console(init, devices.open_console(init.root)[1])

    mounts = (*NO_DEV, DEFAULT_MOUNTS[2])
    refused(bare, spec_of(mounts, readonly=readonly), "/dev/console", between=between)
