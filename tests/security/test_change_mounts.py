"""mounts add and remove: what holds for destinations of config.json holds in a container that runs, too."""

from __future__ import annotations

import json
import os

import pytest
from support import host, requires
from support.hostile import KINDS, LIMIT, Pauser, Swapper, check_refusal, plant

pytestmark = requires.ocipy_itself


@pytest.fixture
def change(ocipy, scratch):
    def change(action, box, *mounts):
        (scratch / "mounts.json").write_text(json.dumps(mounts))
        return ocipy("mounts", action, box.id, scratch / "mounts.json", timeout=LIMIT)

    return change


def tmpfs(destination):
    return {"destination": destination, "type": "tmpfs", "source": "the-mount"}


@pytest.mark.parametrize("kind", sorted(KINDS))
@pytest.mark.parametrize("destination", ["/data/last", "/data/last/below"])
def test_sec_2019_18837_destination_of_an_added_mount(ocipy, bundle, canary, change, kind, destination):
    box = ocipy.start(bundle, "sleep", "100")
    before = len(host.mounts(box.pid))
    plant(bundle.rootfs / "data/last", kind, canary)
    result = change("add", box, tmpfs(destination))
    if result.code:
        check_refusal(result)
        assert len(host.mounts(box.pid)) == before
    else:
        # What lies below the container's root is in its table of mounts, and nothing else is.
        assert [mount.source for mount in host.mounts(box.pid)].count("the-mount") == 1
    canary.check()


def test_sec_2021_30465_added_mount_swap(ocipy, bundle, canary, change, races):
    volume = bundle.path / "volume"
    (volume / "real").mkdir(parents=True)
    (volume / "link").symlink_to(canary.path / "sub")
    bundle.mount("/vol", "bind", volume, "rbind")
    box = ocipy.start(bundle, "sleep", "100")
    with Swapper(volume, "real", "link"):
        for _ in range(races // 3):
            change("add", box, tmpfs("/vol/real"), tmpfs("/vol/real/new/deep"))
    canary.check()
    assert host.mntsnap("the-mount") == []


@pytest.mark.parametrize(
    "destination", ["/proc", "/proc/self", "/proc/self/attr", "/proc/sys/kernel", "//proc/./1", "/x/../proc/kcore"]
)
def test_sec_2015_3631_added_mount_over_proc(ocipy, bundle, change, destination):
    box = ocipy.start(bundle, "sleep", "100")
    before = host.mounts(box.pid)
    change("add", box, tmpfs(destination)).refused("/proc")
    change("remove", box, tmpfs(destination)).refused("/proc")
    assert host.mounts(box.pid) == before


@pytest.mark.parametrize("target", ["/proc/sys", "proc/self/attr", "/proc/self/fd", "/proc/1/root", "/proc/self/cwd"])
def test_sec_2025_52881_added_mount_is_led_into_proc(ocipy, bundle, change, target):
    box = ocipy.start(bundle, "sleep", "100")
    before = host.mounts(box.pid)
    (bundle.rootfs / "link").symlink_to(target)
    change("add", box, tmpfs("/link")).refused()
    assert host.mounts(box.pid) == before


def test_masks_are_not_removed(ocipy, bundle, change):
    box = ocipy.start(bundle, "sleep", "100")
    before = host.mounts(box.pid)
    for path in ("/sys/firmware", "/proc/kcore", "/proc/sys", "/", "/proc"):
        change("remove", box, {"destination": path}).refused(path)
    assert host.mounts(box.pid) == before


def test_sec_2016_9962_process_that_mounts_has_no_pid_in_the_container(ocipy, bundle, scratch, canary):
    """And when the pid namespace is the host's, it is not dumpable."""
    box = ocipy.start(bundle, "sleep", "100")
    (scratch / "mounts.json").write_text(json.dumps([tmpfs("/data")]))
    seen = []

    def look(call):
        if host.namespace(call.pid, "mnt") == host.namespace(box.pid, "mnt"):
            assert len(host.status(call.pid)["NSpid"].split()) == 1
            assert os.stat(f"/proc/{call.pid}/fd").st_uid == 0
            seen.append(call.name)

    Pauser(("openat2", "move_mount"), look).run(ocipy, "mounts", "add", box.id, scratch / "mounts.json").ok()
    assert "move_mount" in seen


def test_sec_2019_14271_nothing_of_the_container_is_opened_or_loaded(ocipy, bundle, change, canary):
    """A module, a codec or a library of the image would run with the host's rights."""
    box = ocipy.start(bundle, "sleep", "100")
    for name in ("json.py", "encodings", "lib", "usr/lib", "ocipy"):
        path = bundle.rootfs / name
        if not path.exists():
            os.mkfifo(path)
    change("add", box, tmpfs("/data"), tmpfs("/json.py/below")).refused("/json.py")
    change("add", box, tmpfs("/data")).ok()
