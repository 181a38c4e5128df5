"""root, devices, masked and read-only paths, and the way into the new root."""

import os
import stat

import pytest
from support import host, requires

DEFAULT = {"null": (1, 3), "zero": (1, 5), "full": (1, 7), "random": (1, 8), "urandom": (1, 9), "tty": (5, 0)}
LINKS = {"fd": "/proc/self/fd", "stdin": "/proc/self/fd/0", "stdout": "/proc/self/fd/1", "stderr": "/proc/self/fd/2",
         "ptmx": "pts/ptmx"}  # fmt: skip


def inside(box, path):
    """A path of a container as the host reaches it."""
    return host.Path(f"/proc/{box.pid}/root") / path.lstrip("/")


def test_root_read_only(ocipy, bundle):
    bundle.config["root"]["readonly"] = True
    assert "Read-only file system" in ocipy.run(bundle, "sh", "-c", "touch /new 2>&1").out
    assert not (bundle.rootfs / "new").exists()


def test_root_writable(ocipy, bundle):
    ocipy.run(bundle, "touch", "/new").ok()
    assert (bundle.rootfs / "new").exists()


def test_read_only_root_does_not_change_the_mount_of_the_host(ocipy, bundle):
    bundle.config["root"]["readonly"] = True
    ocipy.create(bundle, "true")
    (bundle.rootfs / "host").write_text("still writable")


def test_root_by_absolute_path_with_a_link_before_it(ocipy, bundle, scratch):
    (scratch / "way").symlink_to(bundle.path)
    bundle.config["root"]["path"] = str(scratch / "way" / "rootfs")
    assert ocipy.run(bundle, "echo", "in").ok().out == "in\n"


@pytest.mark.parametrize("options", [(), ("--no-pivot",)])
def test_nothing_of_the_host_is_mounted_inside(ocipy, bundle, options):
    box = ocipy.create(bundle, "true", options=options)
    own = {"proc", "tmpfs", "devpts", "mqueue", "sysfs", "cgroup", "cgroup2"}
    entries = host.mounts(box.pid)
    root = [mount for mount in entries if mount.target == "/"]
    assert root[-1].root.endswith(str(bundle.rootfs).removeprefix("/tmp"))
    others = {mount.type for mount in entries if mount.target != "/"}
    assert others <= own | {root[-1].type, "devtmpfs"}


@requires.ocipy_itself
def test_no_pivot_runs_the_program_in_the_root(ocipy, bundle):
    result = ocipy.run(bundle, "sh", "-c", "ls -d /bin /proc/1; mount | wc -l", options=("--no-pivot",)).ok()
    assert result.out.startswith("/bin\n/proc/1\n")


def test_old_root_is_gone_after_the_pivot(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert [mount.target for mount in host.mounts(box.pid)].count("/") == 1


@pytest.mark.parametrize(
    ("name", "marks"),
    [("private", set()), ("rprivate", set()), ("slave", set()), ("rslave", set()), ("shared", {"shared"}),
     ("rshared", {"shared"}), ("unbindable", {"unbindable"}), ("runbindable", {"unbindable"})],
)  # fmt: skip
@requires.ocipy_itself
def test_rootfs_propagation(ocipy, bundle, scratch, name, marks):
    shared = scratch / "shared"
    shared.mkdir()
    # The rootfs lies on a shared mount.
    assert os.system(f"mount --bind {bundle.path} {shared} && mount --make-shared {shared}") == 0
    try:
        bundle.config["root"]["path"] = str(shared / "rootfs")
        bundle.linux["rootfsPropagation"] = name
        box = ocipy.create(bundle, "true")
        found = {text.partition(":")[0] for text in host.mount_at(box.pid, "/").optional}
        assert found & {"shared", "unbindable"} == marks
    finally:
        assert os.system(f"umount {shared}") == 0


@pytest.mark.parametrize("name", DEFAULT)
def test_default_device(ocipy, bundle, name):
    node = os.lstat(inside(ocipy.create(bundle, "true"), f"dev/{name}"))
    assert stat.S_ISCHR(node.st_mode)
    assert (os.major(node.st_rdev), os.minor(node.st_rdev)) == DEFAULT[name]
    assert (stat.S_IMODE(node.st_mode), node.st_uid, node.st_gid) == (0o666, 0, 0)


@pytest.mark.parametrize("name", LINKS)
def test_default_link(ocipy, bundle, name):
    assert os.readlink(inside(ocipy.create(bundle, "true"), f"dev/{name}")) == LINKS[name]


def test_default_devices_work(ocipy, bundle):
    script = "head -c 4 /dev/zero | wc -c; head -c 4 /dev/urandom | wc -c; echo x >/dev/null; echo x >/dev/full"
    result = ocipy.run(bundle, "sh", "-c", script)
    assert result.out.split() == ["4", "4"]
    assert "No space left on device" in result.err


def test_console_is_absent_without_a_terminal(ocipy, bundle):
    assert not os.path.lexists(inside(ocipy.create(bundle, "true"), "dev/console"))


@pytest.mark.parametrize(
    ("type", "check"), [("c", stat.S_ISCHR), ("u", stat.S_ISCHR), ("b", stat.S_ISBLK), ("p", stat.S_ISFIFO)]
)
def test_listed_device(ocipy, bundle, type, check):
    device = {"path": "/dev/sub/own", "type": type, "fileMode": 0o640, "uid": 12, "gid": 34}
    if type != "p":
        device.update(major=1, minor=5)
    bundle.linux["devices"] = [device]
    node = os.lstat(inside(ocipy.create(bundle, "true"), "dev/sub/own"))
    assert check(node.st_mode)
    assert (stat.S_IMODE(node.st_mode), node.st_uid, node.st_gid) == (0o640, 12, 34)
    if type != "p":
        assert (os.major(node.st_rdev), os.minor(node.st_rdev)) == (1, 5)


def test_mode_of_a_device_is_not_cut_by_the_umask(ocipy, bundle):
    bundle.linux["devices"] = [{"path": "/dev/own", "type": "c", "major": 1, "minor": 3, "fileMode": 0o777}]
    before = os.umask(0o077)
    try:
        box = ocipy.create(bundle, "true")
    finally:
        os.umask(before)
    assert stat.S_IMODE(os.lstat(inside(box, "dev/own")).st_mode) == 0o777


def test_device_outside_dev(ocipy, bundle):
    bundle.linux["devices"] = [{"path": "/opt/own", "type": "c", "major": 1, "minor": 3}]
    assert stat.S_ISCHR(os.lstat(inside(ocipy.create(bundle, "true"), "opt/own")).st_mode)


@requires.ocipy_itself
def test_device_that_is_listed_under_two_paths_is_a_warning(ocipy, bundle):
    bundle.linux["devices"] = [{"path": f"/dev/{name}", "type": "c", "major": 1, "minor": 5} for name in ("a", "b")]
    box = ocipy.create(bundle, "true")
    assert "linux.devices[1].path" in box.result.err
    assert inside(box, "dev/a").lstat().st_rdev == inside(box, "dev/b").lstat().st_rdev


@requires.ocipy_itself
@pytest.mark.parametrize("kind", ["file", "directory", "other device", "fifo"])
def test_existing_node_that_does_not_match_is_refused(ocipy, bundle, kind):
    place = bundle.rootfs / "opt/own"
    place.parent.mkdir()
    if kind == "file":
        place.write_text("precious")
    elif kind == "directory":
        place.mkdir()
    elif kind == "fifo":
        os.mkfifo(place)
    else:
        os.mknod(place, stat.S_IFCHR | 0o600, os.makedev(1, 5))
    bundle.linux["devices"] = [{"path": "/opt/own", "type": "c", "major": 1, "minor": 3}]
    ocipy.created(bundle, "true").refused("linux.devices[0]", "/opt/own")
    assert os.path.lexists(place)


def test_existing_node_that_matches_is_fine(ocipy, bundle):
    (bundle.rootfs / "opt").mkdir()
    os.mknod(bundle.rootfs / "opt/own", stat.S_IFCHR | 0o666, os.makedev(1, 3))
    bundle.linux["devices"] = [{"path": "/opt/own", "type": "c", "major": 1, "minor": 3}]
    ocipy.run(bundle, "sh", "-c", "echo > /opt/own").ok()


def test_masked_file_is_empty(ocipy, bundle):
    bundle.file("secret", "text")
    bundle.linux["maskedPaths"] = ["/secret"]
    assert ocipy.run(bundle, "cat", "/secret").ok().out == ""
    assert (bundle.rootfs / "secret").read_text() == "text"


def test_masked_directory_is_empty_and_read_only(ocipy, bundle):
    bundle.file("hidden/file", "text")
    bundle.linux["maskedPaths"] = ["/hidden"]
    result = ocipy.run(bundle, "sh", "-c", "ls -A /hidden; touch /hidden/new 2>&1")
    assert result.out == "touch: /hidden/new: Read-only file system\n"


def test_masked_path_that_is_absent_is_passed_over(ocipy, bundle):
    bundle.linux["maskedPaths"] = ["/no/such"]
    bundle.linux["readonlyPaths"] = ["/no/such/either"]
    ocipy.run(bundle, "true").ok()
    assert not (bundle.rootfs / "no").exists()


def test_default_masks_hide_kcore_and_keys(ocipy, bundle):
    result = ocipy.run(bundle, "sh", "-c", "cat /proc/kcore /proc/keys; ls -A /sys/firmware").ok()
    assert result.out == ""


def test_read_only_path(ocipy, bundle):
    bundle.file("fixed/file", "text")
    bundle.linux["readonlyPaths"] = ["/fixed"]
    result = ocipy.run(bundle, "sh", "-c", "cat /fixed/file; echo x > /fixed/file 2>&1; touch /free && echo free")
    assert result.out.startswith("text")
    assert result.out.endswith("free\n")
    assert (bundle.rootfs / "fixed/file").read_text() == "text"


def test_read_only_path_keeps_the_flags_of_its_mount(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    options = host.mount_at(box.pid, "/proc/sys").options
    outer = host.mount_at(box.pid, "/proc").options
    assert options == outer - {"rw"} | {"ro"}


def test_proc_sys_is_read_only_by_default(ocipy, bundle):
    assert "Read-only" in ocipy.run(bundle, "sh", "-c", "(echo 1 > /proc/sys/net/ipv4/ip_forward) 2>&1").out


def test_root_without_proc_directory(ocipy, bundle):
    (bundle.rootfs / "proc").rmdir()
    (bundle.rootfs / "sys").rmdir()
    assert ocipy.run(bundle, "sh", "-c", "echo $$; ls -d /proc/1").ok().out == "1\n/proc/1\n"


def test_owner_and_mode_of_the_root_stay(ocipy, bundle):
    bundle.rootfs.chmod(0o711)
    os.chown(bundle.rootfs, 7, 8)
    ocipy.run(bundle, "true").ok()
    entry = bundle.rootfs.stat()
    assert (stat.S_IMODE(entry.st_mode), entry.st_uid, entry.st_gid) == (0o711, 7, 8)
