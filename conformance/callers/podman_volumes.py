"""Volumes, mounts, devices."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from harness import Failure, libc
from podman_caller import expect, podman

MS_SHARED = 1 << 20


def shared_tree() -> str:
    """A mount point that is shared, as volumes of the propagation `shared` and `slave` need. Gives its path."""
    path = podman.path("shared")
    if not os.path.isdir(path):
        os.makedirs(path + "/below")
        if libc.mount(b"tmpfs", path.encode(), b"tmpfs", 0, None) or libc.mount(
            None, path.encode(), None, MS_SHARED, None
        ):
            raise Failure("cannot make a shared mount")
        os.mkdir(path + "/below")
    return path


def propagation_of(option: str) -> str:
    """The optional fields of a volume's line in mountinfo, without numbers."""
    script = "grep ' /volume ' /proc/self/mountinfo"
    line = podman.shell(script, "--volume", f"{shared_tree()}:/volume:{option}").expect(status=0).output
    fields = line.split(" - ")[0].split()[6:]
    return " ".join(sorted(field.split(":")[0] for field in fields))


def add_propagation_case(option: str, wanted: str) -> None:
    def case() -> None:
        found = propagation_of(option)
        expect(found == wanted, f"{found!r}, not {wanted!r}")

    case.__name__ = f"volume_of_propagation_{option}"
    podman.case(case)


for _option, _wanted in (
    ("private", ""), ("rprivate", ""), ("slave", "master"), ("rslave", "master"), ("shared", "shared"),
    ("rshared", "shared"),
):  # fmt: skip
    add_propagation_case(_option, _wanted)


@contextlib.contextmanager
def mounted(place: str) -> Iterator[None]:
    if libc.mount(b"tmpfs", place.encode(), b"tmpfs", 0, None):
        raise Failure(f"cannot mount on {place}")
    yield
    libc.umount2(place.encode(), 0)


@podman.case
def mount_of_the_host_appears_in_a_slave_volume() -> None:
    path = shared_tree()
    with podman.running("sleep 1000", "--volume", f"{path}:/volume:rslave") as name, mounted(path + "/below"):
        podman.exec(name, "grep", "-c", " /volume/below ", "/proc/self/mountinfo").expect(0, "1")


@podman.case
def mount_of_a_container_appears_on_the_host_from_a_shared_volume() -> None:
    path = shared_tree()
    # The engine's AppArmor profile lets no program mount.
    flags = "--cap-add", "sys_admin", "--security-opt", "apparmor=unconfined"
    with podman.running("sleep 1000", "--volume", f"{path}:/volume:rshared", *flags) as name:
        podman.exec(name, "mount", "-t", "tmpfs", "tmpfs", "/volume/below").expect(status=0)
        seen = os.path.ismount(f"{path}/below")
        libc.umount2(f"{path}/below".encode(), 0)
        expect(seen, "not seen on the host")


@podman.case
def volume_read_only() -> None:
    path = podman.write("word", "shared")
    podman.shell("cat /word; echo x > /word", "--volume", f"{path}:/word:ro").expect(1, "shared", "Read-only")


@podman.case
def volume_read_only_with_what_is_mounted_below() -> None:
    path = shared_tree()
    with mounted(path + "/below"):
        result = podman.shell("touch /volume/file; ls /volume", "--volume", f"{path}:/volume:ro,rslave")
    result.expect(0, "below", "Read-only")


@podman.case
def volume_with_options() -> None:
    script = "grep ' /volume ' /proc/self/mountinfo"
    flags = ("--volume", f"{podman.directory}:/volume:ro,nosuid,nodev,noexec")
    options = podman.shell(script, *flags).expect(status=0).output.split()[5].split(",")
    expect({"ro", "nosuid", "nodev", "noexec"} <= set(options), options)


@podman.case
def volume_by_name_is_kept() -> None:
    volume = f"{podman.name}:/data"
    podman.shell("echo kept > /data/file", "--volume", volume).expect(status=0)
    podman.shell("cat /data/file", "--volume", volume).expect(0, "kept")
    podman.call("volume", "rm", podman.name).expect(status=0)


@podman.case
def volumes_of_another_container() -> None:
    with podman.running("echo theirs > /data/file; sleep 1000", "--volume", "/data") as name:
        podman.shell("cat /data/file", "--volumes-from", name).expect(0, "theirs")


@podman.case
def mount_of_type_bind() -> None:
    path = podman.write("word", "shared")
    flags = ("--mount", f"type=bind,source={path},target=/a/b/word,ro=true")
    podman.shell("cat /a/b/word; echo x > /a/b/word", *flags).expect(1, "shared", "Read-only")


@podman.case
def mount_of_type_tmpfs() -> None:
    script = "grep ' /data ' /proc/self/mountinfo; stat -c %a /data"
    flags = ("--mount", "type=tmpfs,destination=/data,tmpfs-size=1m,tmpfs-mode=1750")
    shown = podman.shell(script, *flags).expect(status=0).output
    expect("size=1024k" in shown and shown.endswith("1750\n"), shown)


@podman.case
def tmpfs() -> None:
    script = "grep ' /data ' /proc/self/mountinfo; touch /data/file"
    shown = podman.shell(script, "--tmpfs", "/data:size=2m,mode=700,noexec").expect(status=0).output
    expect("size=2048k" in shown and "noexec" in shown and "nosuid" in shown, shown)


@podman.case
def tmpfs_has_what_was_there() -> None:
    podman.shell("cat /etc/passwd | head -1 | cut -d: -f1", "--tmpfs", "/etc").expect(0, "root")


@podman.case
def shm_size() -> None:
    shown = podman.shell("grep ' /dev/shm ' /proc/self/mountinfo", "--shm-size", "1m").expect(status=0).output
    expect("size=1024k" in shown, shown)


@podman.case
def image_as_a_mount() -> None:
    flags = ("--mount", "type=image,source=localhost/busybox,destination=/image")
    podman.shell("test -x /image/bin/busybox && echo there", *flags).expect(0, "there")


@podman.case
def device() -> None:
    script = "head -c 4 /dev/given | wc -c; stat -c %t:%T /dev/given"
    podman.shell(script, "--device", "/dev/zero:/dev/given:r").expect(0, "4\n1:5")


@podman.case
def device_without_the_right_to_write() -> None:
    podman.shell("echo x > /dev/given", "--device", "/dev/kmsg:/dev/given:r").expect(1, errors="not permitted")


@podman.case
def device_that_is_not_given_cannot_be_made() -> None:
    script = "mknod /tmp/kmsg c 1 11 && head -c 1 /tmp/kmsg"
    podman.shell(script, "--cap-add", "mknod").expect(1, errors="not permitted")


@podman.case
def files_that_podman_gives() -> None:
    script = "grep -c box /etc/hosts && test -e /run/.containerenv && cat /etc/hostname"
    podman.shell(script, "--hostname", "box", "--add-host", "box:127.0.0.9").expect(0, "1\nbox")


@podman.case
def secret_as_a_file_and_as_a_variable() -> None:
    path = podman.write("secret", "hush")
    podman.call("secret", "create", "word", path).expect(status=0)
    flags = ("--secret", "word", "--secret", "word,type=env,target=WORD")
    podman.shell("cat /run/secrets/word; echo; echo $WORD", *flags).expect(0, "hush\nhush")
    podman.call("secret", "rm", "word").expect(status=0)
