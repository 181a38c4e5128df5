"""maskedPaths and readonlyPaths. Each path is looked up once, and never opened for more than O_PATH."""

from __future__ import annotations

import _stat as stat

from ..linux import os
from ..linux.mount import (
    FSCONFIG_CMD_CREATE,
    FSCONFIG_SET_FLAG,
    FSCONFIG_SET_STRING,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    clone_tree,
    fsconfig,
    fsmount,
    fsopen,
    mount_setattr,
    move_mount,
)
from .paths import open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init


def mask_path(init: Init, property: str, path: str, label: str) -> None:
    place = _open(init, path)
    if place < 0:
        return
    if stat.S_ISDIR(os.fstat(place).st_mode):
        # A detached mount cannot be cloned before kernel 6.15, an attached one can: the first serves as the pattern.
        mask = _empty_directory(label) if init.directory_mask < 0 else clone_tree(init.directory_mask, "")
        init.directory_mask = _attach(mask, place, path, init.directory_mask)
    else:
        mask = _null(init) if init.file_mask < 0 else clone_tree(init.file_mask, "")
        init.file_mask = _attach(mask, place, path, init.file_mask)
    os.close(place)


def readonly_path(init: Init, property: str, path: str) -> None:
    place = _open(init, path)
    if place < 0:
        return
    # Complete before it is attached, on the one descriptor: there is no moment and no second look-up in which the
    # path could be exchanged for another.
    tree = clone_tree(place, "", recursive=True)
    mount_setattr(tree, set=MOUNT_ATTR_RDONLY, object=path)
    move_mount(tree, place, path)
    os.close(tree)
    os.close(place)


def _open(init: Init, path: str) -> int:
    """Gives an O_PATH descriptor, or -1 when there is nothing to protect: the lists name files of many kernels.

    What lies in /proc and /sys is looked up in the mount itself, so that a neighbour with the same root file system
    cannot put another directory in its place (GHSA-3q8j-pf29-vwv8).
    """
    root = init.root
    for destination, mount in init.kernel_mounts.items():
        if path.startswith(f"{destination}/"):
            root, path = mount, path[len(destination) :]
    try:
        return open_in_root(root, path)
    except (FileNotFoundError, NotADirectoryError):
        return -1


def _attach(mask: int, place: int, path: str, pattern: int) -> int:
    """Attaches a mask and gives the pattern for further ones."""
    move_mount(mask, place, path)
    if pattern < 0:
        return mask
    os.close(mask)
    return pattern


def _empty_directory(label: str) -> int:
    """Gives a detached tmpfs that has room for nothing and is read-only."""
    context = fsopen("tmpfs")
    fsconfig(context, FSCONFIG_SET_STRING, "source", "tmpfs")
    fsconfig(context, FSCONFIG_SET_STRING, "nr_blocks", "1")
    fsconfig(context, FSCONFIG_SET_STRING, "mode", "755")
    if label and os.access("/sys/fs/selinux/enforce", os.F_OK):
        fsconfig(context, FSCONFIG_SET_STRING, "context", label)
    fsconfig(context, FSCONFIG_SET_FLAG, "ro")
    fsconfig(context, FSCONFIG_CMD_CREATE)
    mount = fsmount(context, MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC)
    os.close(context)
    return mount


def _null(init: Init) -> int:
    """Gives the host's null device as a detached mount. Read-only: its mode and owner are the host's."""
    mask = clone_tree(init.null, "")
    mount_setattr(mask, set=MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NOEXEC, object="/dev/null")
    return mask


HANDLERS = {"MaskPath": mask_path, "ReadonlyPath": readonly_path}
