"""Destinations of mounts, and whatever else is made inside the root file system: never outside of it."""

from __future__ import annotations

import os
import stat
from concurrent.futures import ThreadPoolExecutor

import pytest
from support import host
from support.hostile import KINDS, LIMIT, Pauser, Swapper, assert_nothing_left, check_refusal, exchange, plant


def sees(word):
    """A script that fails unless a mount with this word can be reached from the container's root."""
    return f"grep -q {word} /proc/self/mountinfo || exit 9"


def volume_with_link(bundle, target):
    """A directory that two containers share: `real`, and `link` to change it for."""
    volume = bundle.path / "volume"
    (volume / "real").mkdir(parents=True)
    (volume / "link").symlink_to(str(target))
    return volume


def create(ocipy, bundle):
    """Gives the mounts of a new container, None when it was refused."""
    pid_file = bundle.path / "pid"
    id = ocipy.new_id()
    result = ocipy.created(bundle, "true", id=id, timeout=LIMIT, options=("--pid-file", pid_file))
    mounts = None
    if result.code:
        check_refusal(result)
    else:
        mounts = host.mounts(int(pid_file.read_text()))
        ocipy("delete", "--force", id).ok()
    assert_nothing_left(ocipy, id)
    return mounts


def test_sec_2021_30465_mount_swap(ocipy, bundle, canary, races):
    """The host's root, or any volume, shall be bound on a directory that is a link at just that moment."""
    volume = volume_with_link(bundle, canary.path / "sub")
    bundle.mount("/vol", "bind", volume, "rbind").mount("/vol/real", "bind", bundle.rootfs / "etc", "rbind")
    # mountinfo shows what can be reached from the root: a mount that went elsewhere is missing.
    complete = len(create(ocipy, bundle))
    made = 0
    with Swapper(volume, "real", "link"):
        for _ in range(races):
            mounts = create(ocipy, bundle)
            if mounts:
                made += 1
                assert len(mounts) == complete
    assert made, "each single create was refused: the race was not tried"


@pytest.mark.parametrize("call", ["openat2", "move_mount", "open_tree"])
def test_sec_2021_30465_paused_before_each_call(ocipy, bundle, canary, call):
    """The same without luck: the exchange happens before the n-th call, for each n that can matter."""
    volume = volume_with_link(bundle, "../" * 10 + str(canary.path)[1:])
    bundle.mount("/vol", "bind", volume, "rbind").mount("/vol/real", "bind", bundle.rootfs / "etc", "rbind")
    bundle.shell(sees("rootfs/etc")).write()
    matters = []

    def note(seen):
        if matters or seen.path.endswith(b"/volume"):
            matters.append(seen.index)

    Pauser(("open_tree", "openat2", "move_mount"), note).run(ocipy, "run", "-b", bundle.path, ocipy.new_id()).ok()
    for index in matters[:12]:
        pauser = Pauser(("open_tree", "openat2", "move_mount"), lambda seen, n=index: (
            exchange(volume, "real", "link") if seen.index == n and seen.name == call else None
        ))  # fmt: skip
        result = pauser.run(ocipy, "run", "-b", bundle.path, ocipy.new_id())
        if result.code:
            check_refusal(result)
        if (volume / "real").is_symlink():
            exchange(volume, "real", "link")
        canary.check()


@pytest.mark.parametrize("kind", [name for name in sorted(KINDS) if "link" in name])
def test_sec_2019_18837_last_component_is_a_link(attempt, bundle, canary, kind):
    plant(bundle.rootfs / "data/last", kind, canary)
    bundle.mount("/data/last", "tmpfs", "the-mount")
    attempt.either(bundle, sees("the-mount"))


@pytest.mark.parametrize("kind", [name for name in sorted(KINDS) if "link" in name])
def test_sec_2019_18837_last_component_of_a_file_is_a_link(attempt, bundle, canary, kind):
    plant(bundle.rootfs / "data/last", kind, canary)
    bundle.mount("/data/last", "bind", bundle.path / "config.json", "bind")
    attempt.either(bundle, sees("config.json"))


def test_sec_2024_45310_mkdir_race(ocipy, bundle, canary, races):
    """The parent of a destination that is to be made is a link at times."""
    volume = volume_with_link(bundle, canary.path / "empty")
    bundle.mount("/vol", "bind", volume, "rbind").mount("/vol/real/new/deep", "tmpfs", "tmpfs")
    with Swapper(volume, "real", "link"):
        for _ in range(races // 2):
            create(ocipy, bundle)
    # On the host the link leads to the canary. In the container its target is a path like any other.
    assert {path.name for path in volume.iterdir()} == {"real", "link"}


def test_sec_2024_45310_paused_before_each_look_up(ocipy, bundle, canary):
    volume = volume_with_link(bundle, canary.path / "empty")
    bundle.mount("/vol", "bind", volume, "rbind").mount("/vol/real/new/deep", "tmpfs", "tmpfs")
    bundle.args("true").write()
    swaps = 0

    def swap(call):
        nonlocal swaps
        if b"vol/real" in call.path:
            exchange(volume, "real", "link")
            swaps += 1

    result = Pauser(("openat2",), swap).run(ocipy, "run", "-b", bundle.path, ocipy.new_id())
    assert swaps > 2
    if result.code:
        check_refusal(result)


def test_sec_2024_45310_dangling_destination_is_made_inside(attempt, bundle, canary):
    plant(bundle.rootfs / "data", "absolute link to nothing", canary)
    source = bundle.path / "source"
    source.write_text("bound\n")
    bundle.mount("/data", "bind", source, "bind")
    assert attempt.contained(bundle, "cat /data") == "bound\n"
    inside = bundle.rootfs / str(canary.path / "new")[1:]
    assert stat.S_ISREG(inside.lstat().st_mode)


def test_sec_2024_45310_parallel_creates_on_one_root(ocipy, bundle, make_bundle):
    """The other side of the repair (runc 4543): nobody fails because another was faster."""
    bundles = [make_bundle(bundle.rootfs) for _ in range(16)]
    for other in bundles:
        other.mount("/a/b/c/d", "tmpfs", "tmpfs").mount("/a/b/file", "bind", bundle.rootfs / "etc/passwd", "bind")
        other.args("true").write()
    ids = [ocipy.new_id() for _ in bundles]
    processes = [ocipy.spawn("run", "-b", other.path, id) for other, id in zip(bundles, ids, strict=True)]
    with ThreadPoolExecutor() as pool:
        assert list(pool.map(lambda process: process.wait(host.PATIENCE), processes)) == [0] * len(processes)


def test_sec_2015_3629_second_run_on_a_used_root(attempt, bundle, image_dev, canary):
    """The first run leaves links in the places that the second one fills."""
    script = f"rm -rf /dev /etc/mtab; ln -s {canary.path} /dev; ln -s {canary.file} /etc/mtab; ln -s {canary.path} /new"
    attempt.contained(bundle, script)
    attempt.either(image_dev.mount("/new/deep", "tmpfs", "tmpfs"))


@pytest.mark.parametrize("name", ["dev/null", "dev/zero", "dev/tty", "dev/fd", "dev/stdin", "dev/core", "dev/ptmx"])
@pytest.mark.parametrize("target", ["file", "new"])
def test_sec_2025_24965_files_that_are_made_in_the_root(attempt, image_dev, canary, name, target):
    """Whatever is created in the image is not created through a link of the image."""
    (image_dev.rootfs / name).symlink_to(canary.path / target)
    attempt.either(image_dev)


def test_sec_2025_24965_mount_points_are_not_made_through_links(attempt, bundle, canary):
    (bundle.rootfs / "etc/hosts").symlink_to(canary.path / "hosts")
    (bundle.rootfs / "work").symlink_to(canary.path / "work")
    bundle.process["cwd"] = "/srv/deep"
    attempt.either(bundle.mount("/etc/hosts", "bind", "/etc/hostname", "bind"))


def test_sec_2026_87766_paused_during_the_change_of_root(ocipy, bundle, canary):
    """Between pivot_root and the end of the old root nothing is looked up by a path of the image."""
    (bundle.rootfs / "old").symlink_to(canary.path)
    for name in (".", "oldroot", "put_old", ".pivot_root", "newroot"):
        if name != ".":
            (bundle.rootfs / name).symlink_to(canary.path)
    names = {entry.name for entry in bundle.rootfs.iterdir()}
    assert ocipy.run(bundle, "true", timeout=LIMIT).code == 0
    assert {entry.name for entry in bundle.rootfs.iterdir()} == names, "no directory is made for the old root"


def test_sec_2026_87766_old_root_is_gone(attempt, bundle, canary):
    script = "cut -d' ' -f5 /proc/self/mountinfo | sort -u; for d in /*; do echo $d; done"
    shown = attempt.contained(bundle, script).split()
    assert not any(str(canary.path) in line or "ocipy-test" in line for line in shown)


def test_sec_2015_1331_lock_and_log_directories_are_not_predictable_in_tmp(ocipy, traced, bundle):
    """LXC made a lock directory at a known path of /tmp; nothing of ours lies outside the state directory."""
    calls = traced(bundle, "mkdir,mkdirat,symlink,symlinkat,creat").calls(of="mkdir")
    made = [arguments for _name, arguments, result in calls if result == "0"]
    for arguments in made:
        assert str(ocipy.root) in arguments or "/sys/fs/cgroup/" in arguments, arguments


def test_sec_2015_1335_links_in_the_way_of_mounts(attempt, bundle, canary):
    """LXC: a link of the image in the place of a destination of the configuration, at each depth."""
    (bundle.rootfs / "a").mkdir()
    (bundle.rootfs / "a/b").symlink_to("../" * 30 + str(canary.path)[1:])
    bundle.mount("/a/b/sub", "tmpfs", "tmpfs").mount("/a/b/made/deep", "tmpfs", "tmpfs")
    attempt.either(bundle)
    assert (canary.path / "sub/file").exists() and not (canary.path / "made").exists()


def test_sec_2015_1334_fake_proc_does_not_hide_the_limits(attempt, bundle):
    """LXC wrote the label through the image's /proc; here the read-back of capabilities would be as blind."""
    (bundle.rootfs / "proc/self").mkdir()
    (bundle.rootfs / "proc/self/status").write_text("CapEff:\tffffffffffffffff\n")
    bundle.capabilities()
    assert attempt.contained(bundle, "grep -h ^CapEff /proc/self/status").split() == ["CapEff:", "0" * 16]


def test_sec_image_devices_in_the_place_of_passwd_are_never_opened(ocipy, traced, bundle):
    """A node of the image (a watchdog, say) acts when it is opened: it is looked at first."""
    (bundle.rootfs / "etc/passwd").unlink()
    os.mknod(bundle.rootfs / "etc/passwd", 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    calls = traced(bundle.args("true"), "%file").calls(of="pivot_root")
    opened = [arguments for _name, arguments, _result in calls if "etc/passwd" in arguments]
    assert opened and all("O_PATH" in arguments for arguments in opened)
