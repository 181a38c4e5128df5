"""Each path that the runtime touches, taken by each kind of object that an image may hold there."""

from __future__ import annotations

import pytest
from support.hostile import KINDS, plant


def run_each(attempt, bundle, canary, name):
    for kind in sorted(KINDS):
        plant(bundle.rootfs / name, kind, canary)
        attempt.either(bundle)
        canary.check()


@pytest.mark.parametrize("name", ["dev", "dev/null", "dev/console", "dev/ptmx", "dev/pts", "dev/shm"])
@pytest.mark.parametrize("terminal", [False, True], ids=["plain", "terminal"])
def test_sec_matrix_dev(attempt, image_dev, canary, name, terminal):
    image_dev.process["terminal"] = terminal
    if name == "dev/pts" or terminal:
        image_dev.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
    run_each(attempt, image_dev, canary, name)


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_sec_matrix_kernel_file_systems(attempt, bundle, canary, name):
    for kind in sorted(KINDS):
        plant(bundle.rootfs / name, kind, canary)
        if kind.endswith("directory") and "link" not in kind:
            attempt.contained(bundle)
        else:
            attempt.refused(bundle, f"/{name}", "ordinary directory")


@pytest.mark.parametrize("name", ["sys/fs/cgroup", "sys/fs"])
def test_sec_matrix_cgroup(attempt, bundle, canary, name):
    run_each(attempt, bundle.unmount("/sys"), canary, name)


@pytest.mark.parametrize("name", ["etc", "etc/passwd", "etc/group"])
def test_sec_matrix_etc(attempt, bundle, canary, name):
    run_each(attempt, bundle, canary, name)


@pytest.mark.parametrize("name", ["data", "data/deep"])
@pytest.mark.parametrize("source", ["tmpfs", "file"])
def test_sec_matrix_destination(attempt, bundle, canary, name, source):
    if source == "tmpfs":
        bundle.mount("/data/deep", "tmpfs", "tmpfs")
    else:
        bundle.mount("/data/deep", "bind", bundle.rootfs / "bin/busybox", "bind")
    run_each(attempt, bundle, canary, name)


@pytest.mark.parametrize("name", ["work", "work/deep"])
def test_sec_matrix_working_directory(attempt, bundle, canary, name):
    bundle.process["cwd"] = "/srv/deep"
    run_each(attempt, bundle, canary, name)


def test_sec_matrix_program(attempt, bundle, canary):
    for kind in sorted(KINDS):
        plant(bundle.rootfs / "bin/tool", kind, canary)
        bundle.args("tool").write()
        result = attempt(bundle)
        assert result.code and "Traceback" not in result.err, (kind, result)
