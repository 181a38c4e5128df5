"""/dev of an image, the console, the null device, and who may use a device."""

from __future__ import annotations

import os
import stat

import pytest
from support import host, requires
from support.hostile import LIMIT, Swapper, check_refusal, plant
from support.runtime import command

IS_NULL = '[ -c {0} ] && [ "$(stat -c %t:%T {0})" = 1:3 ]'


def without_streams(ocipy, bundle):
    """Runs `create` with closed standard streams; gives the id and the exit code."""
    bundle.write()
    id = ocipy.new_id()
    words = [command(), "--root", str(ocipy.root), "create", "-b", str(bundle.path), id]
    pid = os.fork()
    if pid == 0:
        for stream in range(3):
            os.close(stream)
        os.execv(words[0], words)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return id, code


@pytest.mark.parametrize("name", ["dev/console", "dev/null"])
def test_sec_2015_3627_stream_from_a_link_of_the_image(ocipy, image_dev, canary, name):
    """Standard streams that the caller has closed are not opened by a path of the image."""
    plant(image_dev.rootfs / name, "absolute link to a file", canary)
    image_dev.shell("echo written; echo written >&2")
    id, code = without_streams(ocipy, image_dev)
    if code == 0:
        ocipy("start", id)
        host.wait_for(lambda: '"status": "stopped"' in ocipy("state", id).out, "the end of the program")


@pytest.mark.parametrize("kind", ["absolute link to a file", "FIFO", "file", "device", "socket", "directory", "loop"])
def test_sec_2025_31133_null_device_of_the_image(attempt, image_dev, canary, kind):
    plant(image_dev.rootfs / "dev/null", kind, canary)
    attempt.refused(image_dev, "/dev/null")


def test_sec_2025_31133_link_to_core_pattern(attempt, image_dev, core_pattern):
    (image_dev.rootfs / "dev/null").symlink_to("/proc/sys/kernel/core_pattern")
    attempt.refused(image_dev, "/dev/null")


def test_sec_2025_31133_absent_null_device_does_not_unmask(attempt, image_dev):
    """Nothing is masked with a node of the image, so its absence, too, leaves the masks in force."""
    assert not (image_dev.rootfs / "dev/null").exists()
    script = "\n".join(f"[ ! -e {path} ] || {IS_NULL.format(path)} || [ -z \"$(ls -A {path})\" ] || echo {path}"
                       for path in image_dev.linux["maskedPaths"])  # fmt: skip
    assert attempt.contained(image_dev, script) == ""


def test_sec_2025_31133_race_on_the_null_device(ocipy, image_dev, canary, races):
    device = image_dev.rootfs / "dev"
    (device / "other").symlink_to("/proc/sysrq-trigger")
    os.mknod(device / "null", 0o666 | stat.S_IFCHR, os.makedev(1, 3))
    image_dev.linux["maskedPaths"] = ["/proc/keys"]
    image_dev.shell(f"{IS_NULL.format('/proc/keys')} || exit 9")
    with Swapper(device, "null", "other"):
        for _ in range(races // 4):
            result = ocipy.run(image_dev, timeout=LIMIT)
            if result.code:
                check_refusal(result, "/dev/null")


@pytest.mark.parametrize("path", ["/proc/keys", "/proc/interrupts", "/proc/timer_list", "/etc/passwd"])
def test_sec_2025_62161_masks_are_the_hosts_null_device(attempt, bundle, path):
    bundle.linux["maskedPaths"] = [path]
    script = f'{IS_NULL.format(path)} && [ -z "$(cat {path})" ] && ! chmod 666 {path} 2>/dev/null || echo open'
    assert attempt.contained(bundle, script) == ""


# --- the console


@pytest.mark.parametrize("kind", ["FIFO", "file", "absolute link to a file", "device", "loop"])
def test_sec_2025_52565_false_ptmx(attempt, image_dev, canary, kind):
    pts = image_dev.rootfs / "dev/pts"
    pts.mkdir()
    for number in range(21):
        (pts / str(number)).write_text("")
    plant(pts / "ptmx", kind, canary)
    plant(image_dev.rootfs / "dev/ptmx", "FIFO", canary)
    image_dev.process["terminal"] = True
    attempt.refused(image_dev, "/dev/pts/ptmx")


def test_sec_2025_52565_console_is_a_terminal(attempt, bundle):
    bundle.process["terminal"] = True
    shown = attempt.contained(bundle, "stat -c %t /dev/console; tty; ls /dev/pts")
    assert shown.split() == ["88", "/dev/console", "0", "ptmx"] or "/dev/pts/0" in shown


def test_sec_2025_52565_race_on_the_console(ocipy, image_dev, canary, races):
    image_dev.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
    image_dev.process["terminal"] = True
    (image_dev.rootfs / "dev/console").write_text("")
    (image_dev.rootfs / "dev/other").symlink_to(canary.file)
    with Swapper(image_dev.rootfs / "dev", "console", "other"):
        for _ in range(races // 4):
            result = ocipy.run(image_dev, "true", timeout=LIMIT)
            if result.code:
                check_refusal(result, "/dev/console")


@pytest.mark.parametrize("readonly", [True, False])
@pytest.mark.parametrize("target", ["new", "file"])
def test_sec_2026_88264_console_link(attempt, image_dev, canary, readonly, target):
    image_dev.mount("/dev/pts", "devpts", "devpts", "newinstance", "ptmxmode=0666")
    image_dev.process["terminal"] = True
    image_dev.config["root"]["readonly"] = readonly
    (image_dev.rootfs / "dev/console").symlink_to(canary.path / target)
    attempt.refused(image_dev, "/dev/console")


def test_sec_2026_88265_streams_and_a_null_link(ocipy, image_dev, canary):
    """Closed streams and a user: nothing is reopened through the image's /dev/null and given to the user."""
    plant(image_dev.rootfs / "dev/null", "absolute link to a file", canary)
    image_dev.process["user"] = {"uid": 1000, "gid": 1000}
    _id, code = without_streams(ocipy, image_dev.args("true"))
    assert code != 0


# --- /dev as a link


@pytest.mark.parametrize("kind", ["absolute link to a directory", "relative link", "link to the host's root"])
def test_sec_2026_41579_dev_link(attempt, image_dev, canary, kind):
    plant(image_dev.rootfs / "dev", kind, canary)
    attempt.either(image_dev)
    assert (canary.path / "ptmx").read_text() == "untouched ptmx"


@pytest.mark.parametrize("kind", ["absolute link to a directory", "relative link", "link through init"])
def test_sec_2026_47766_no_node_through_a_dev_link(attempt, image_dev, canary, kind):
    image_dev.linux["devices"] = [{"path": "/dev/more", "type": "c", "major": 1, "minor": 3}]
    plant(image_dev.rootfs / "dev", kind, canary)
    attempt.either(image_dev)
    assert not any(stat.S_ISCHR(path.lstat().st_mode) for path in canary.path.rglob("*"))


@pytest.mark.parametrize("kind", ["absolute link to a directory", "relative link"])
def test_sec_2026_41579_parent_of_a_listed_device(attempt, bundle, canary, kind):
    plant(bundle.rootfs / "srv", kind, canary)
    bundle.linux["devices"] = [{"path": "/srv/sub/node", "type": "b", "major": 7, "minor": 0}]
    attempt.either(bundle)


# --- the host's own nodes


def test_sec_runc_3674_dev_null_owner(ocipy, bundle):
    def look():
        status = os.stat("/dev/null")
        return status.st_mode, status.st_uid, status.st_gid

    before = look()
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    with open("/dev/null", "r+b") as null:
        id = ocipy.new_id()
        bundle.args("true").write()
        assert ocipy.spawn("run", "-b", bundle.path, id, stdin=null, stdout=null, stderr=null).wait(LIMIT) == 0
    assert look() == before


def test_sec_runc_3674_owner_of_the_streams_is_only_that_of_pipes_and_files(attempt, bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    assert attempt.contained(bundle, "[ -w /proc/self/fd/1 ] && echo mine") == "mine\n"


# --- who may use a device

RULES = {
    "allow_first": [{"allow": True, "type": "c", "major": 1, "minor": 3, "access": "rwm"}],
    "empty": [],
    "absent": None,
    "deny_one": [{"allow": False, "type": "c", "major": 1, "minor": 11, "access": "rwm"}],
}


@requires.controller("devices")
@pytest.mark.parametrize("rules", RULES)
def test_sec_ghsa_g54h_device_rules(attempt, bundle, rules):
    """Nothing is allowed but what is listed, whatever the list begins with."""
    bundle.capabilities("CAP_MKNOD")
    bundle.linux["resources"] = {} if RULES[rules] is None else {"devices": RULES[rules]}
    script = "mknod /tmp/loop b 7:0 || mknod /tmp/loop b 7 0; cat /tmp/loop; echo status $?"
    result = attempt(bundle, script + "; mknod /tmp/kmsg c 1 11; cat /tmp/kmsg; echo status $?").ok()
    assert result.out.count("status 1") == 2, result
    assert result.err.count("Operation not permitted") == 2, result


@requires.controller("devices")
@pytest.mark.parametrize(("kind", "major", "minor"), [("b", 8, 0), ("b", 254, 0), ("c", 1, 1), ("c", 10, 237)])
def test_sec_device_nodes_of_the_host_cannot_be_opened(attempt, bundle, kind, major, minor):
    """CAP_MKNOD alone gives no disk: mknod works, opening does not."""
    bundle.capabilities("CAP_MKNOD", "CAP_SYS_RAWIO", "CAP_DAC_OVERRIDE")
    result = attempt(bundle, f"mknod /tmp/node {kind} {major} {minor} && ! cat </tmp/node").ok()
    assert "Operation not permitted" in result.err, result


def test_sec_device_nodes_cannot_be_made_by_default(attempt, bundle):
    result = attempt(bundle, "! mknod /tmp/node b 8 0").ok()
    assert "Operation not permitted" in result.err, result


def test_sec_device_nodes_are_dead_on_every_mount_but_dev(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    for mount in host.mounts(box.pid):
        # Masked files are the null device itself; a procfs has no nodes.
        if mount.target not in ("/", "/dev", "/dev/pts", "/proc") and mount.root != "/null" and mount.type != "proc":
            assert "nodev" in mount.options, mount


def test_sec_2016_8649_descriptor_of_the_hosts_proc_is_closed(ocipy, bundle):
    """LXC: an attached process kept a descriptor of the host's /proc. Here init has one only while it is built."""
    box = ocipy.create(bundle, "true")
    for number in host.fdsnap(box.pid):
        path = f"/proc/{box.pid}/fd/{number}"
        assert not stat.S_ISDIR(os.stat(path).st_mode), os.readlink(path)
