"""The root: a mount of its own at first, `/` of the container in the end."""

from __future__ import annotations

import _stat as stat
from errno import EINVAL, EPERM

from ..errors import OcipyError
from ..linux import os
from ..linux.mount import (
    FSCONFIG_CMD_CREATE,
    MNT_DETACH,
    MOUNT_ATTR_RDONLY,
    MS_PRIVATE,
    MS_REC,
    MS_SLAVE,
    clone_tree,
    fsconfig,
    fsmount,
    fsopen,
    mount_setattr,
    move_mount,
    pivot_root,
    set_propagation,
    umount2,
)
from .paths import make_directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

_DIRECTORY = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_HINT_PIVOT = "if the host's root is an initramfs, use --no-pivot"


def prepare_root(init: Init, property: str, path: str, propagation: int) -> None:
    init.null = _host_null()
    host = os.open("/", _DIRECTORY)
    set_propagation(host, propagation, "/")
    os.close(host)
    place = os.open(path, _DIRECTORY)
    # pivot_root(2) refuses a root whose parent mount is shared, and what is mounted on the new root must not appear
    # on the host.
    _make_private(place)
    tree = clone_tree(place, "", recursive=True)
    move_mount(tree, place, path)
    os.close(place)
    init.root = tree


def open_root(init: Init, property: str, path: str) -> None:
    init.null = _host_null()
    init.root = os.open(path, _DIRECTORY)


def _host_null() -> int:
    """Gives the host's null device: the one of the image may be anything (CVE-2025-31133, CVE-2026-88265)."""
    descriptor = os.open("/dev/null", os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    status = os.fstat(descriptor)
    if not stat.S_ISCHR(status.st_mode) or status.st_rdev != os.makedev(1, 3):
        raise OcipyError("/dev/null of the host is not the character device 1:3")
    return descriptor


def _make_private(place: int) -> None:
    """Makes the mount private on which a directory lies: only the directory at its root can be asked to."""
    directory = os.dup(place)
    try:
        while True:
            try:
                set_propagation(directory, MS_PRIVATE)
                return
            except OSError as error:
                if error.errno != EINVAL:
                    raise
            parent = os.open("..", _DIRECTORY, dir_fd=directory)
            above, here = os.fstat(parent), os.fstat(directory)
            if (above.st_dev, above.st_ino) == (here.st_dev, here.st_ino):
                # The top of a chroot that is no mount point: pivot_root(2) will say so.
                os.close(parent)
                return
            os.close(directory)
            directory = parent
    finally:
        os.close(directory)


def readonly_root(init: Init, property: str) -> None:
    # Sets one flag and leaves nosuid, nodev and the like as they are, which a remount would clear.
    mount_setattr(init.root, set=MOUNT_ATTR_RDONLY, object="/")


def make_working_directory(init: Init, property: str, path: str) -> None:
    try:
        os.close(make_directories(init.root, path))
    except PermissionError:
        # Root without the right to enter (a squashed network mount): the user itself may have it, or fails later.
        return


def enter_by_pivot(init: Init, property: str, propagation: int) -> None:
    old = os.open("/", _DIRECTORY)
    os.fchdir(init.root)
    try:
        # Both in one place: the old root ends up over the new one, and no directory for it is needed: pivot_root(2).
        pivot_root(".", ".")
    except OSError as error:
        if error.errno == EINVAL:
            raise OcipyError("pivot_root is refused: Invalid argument (EINVAL)", hint=_HINT_PIVOT) from None
        raise
    # Unmounting must not reach the host; private would, for a moment, hold mounts that the host wants to let go.
    set_propagation(old, MS_SLAVE | MS_REC, "the host's root")
    os.fchdir(old)
    umount2(".", MNT_DETACH)
    os.close(old)
    os.chdir("/")
    if propagation:
        set_propagation(init.root, propagation, "/")


def enter_by_move(init: Init, property: str, propagation: int) -> None:
    _hide_kernel_file_systems(init)
    place = os.open("/", _DIRECTORY)
    move_mount(init.root, place, "/")
    os.close(place)
    enter_by_chroot(init, property)
    if propagation:
        set_propagation(init.root, propagation, "/")


def enter_by_chroot(init: Init, property: str) -> None:
    os.fchdir(init.root)
    os.chroot(".")
    os.chdir("/")


def _hide_kernel_file_systems(init: Init) -> None:
    """Takes away each whole procfs and sysfs outside the root.

    They would stay below the container's root, and by the kernel's rule a user namespace in the container might then
    mount them anew, without the masks: mount_too_revealing() asks only whether one is fully visible.
    """
    root = _path_of(init, init.root)
    for place in _whole_mounts(init, ("proc", "sysfs")):
        if place == root or place.startswith(f"{root}/"):
            continue
        try:
            descriptor = os.open(place, _DIRECTORY)
        except FileNotFoundError:
            continue
        set_propagation(descriptor, MS_SLAVE | MS_REC, place)
        try:
            umount2(place, MNT_DETACH)
        except OSError as error:
            if error.errno not in (EINVAL, EPERM):
                raise
            # Locked together with its parent by a user namespace: then it can only be covered.
            context = fsopen("tmpfs")
            fsconfig(context, FSCONFIG_CMD_CREATE)
            cover = fsmount(context, MOUNT_ATTR_RDONLY)
            move_mount(cover, descriptor, place)
            os.close(cover)
            os.close(context)
        os.close(descriptor)


def _path_of(init: Init, descriptor: int) -> str:
    return os.readlink(f"self/fd/{descriptor}", dir_fd=init.proc)


def _whole_mounts(init: Init, types: tuple[str, ...]) -> list[str]:
    """Gives the places, latest first, where the whole of such a file system is mounted (proc(5), mountinfo)."""
    descriptor = os.open("self/mountinfo", os.O_RDONLY | os.O_CLOEXEC, dir_fd=init.proc)
    places = []
    with open(descriptor, "rb") as file:
        for line in file:
            before, _, behind = line.partition(b" - ")
            fields = before.split()
            if fields[3] == b"/" and behind.split()[0].decode() in types:
                places.append(os.fsdecode(_unescape(fields[4])))
    return places[::-1]


def _unescape(field: bytes) -> bytes:
    for code, character in ((b"\\040", b" "), (b"\\011", b"\t"), (b"\\012", b"\n"), (b"\\134", b"\\")):
        field = field.replace(code, character)
    return field


HANDLERS = {
    "PrepareRoot": prepare_root,
    "OpenRoot": open_root,
    "ReadonlyRoot": readonly_root,
    "MakeWorkingDirectory": make_working_directory,
    "PivotRoot": enter_by_pivot,
    "MoveRoot": enter_by_move,
    "ChrootRoot": enter_by_chroot,
}
