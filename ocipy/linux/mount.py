"""Mounts: open_tree(2), fsopen(2), mount_setattr(2) and their kin, on descriptors."""

from __future__ import annotations

from _struct import pack, unpack_from

from . import os
from .libc import buffer, failure, syscall

AT_FDCWD = -100
AT_SYMLINK_NOFOLLOW = 0x100
AT_EMPTY_PATH = 0x1000
AT_RECURSIVE = 0x8000

OPEN_TREE_CLONE = 0x1
OPEN_TREE_CLOEXEC = os.O_CLOEXEC
MOVE_MOUNT_F_EMPTY_PATH = 0x04
MOVE_MOUNT_T_EMPTY_PATH = 0x40
FSOPEN_CLOEXEC = 0x1
FSMOUNT_CLOEXEC = 0x1
FSPICK_CLOEXEC = 0x1
FSPICK_EMPTY_PATH = 0x8
FSCONFIG_SET_FLAG = 0
FSCONFIG_SET_STRING = 1
FSCONFIG_CMD_CREATE = 6
FSCONFIG_CMD_RECONFIGURE = 7
# fsconfig(2) copies at most 256 bytes of a string, the closing NUL among them.
FSCONFIG_STRING_MAX = 255

MOUNT_ATTR_RDONLY = 0x1
MOUNT_ATTR_NOSUID = 0x2
MOUNT_ATTR_NODEV = 0x4
MOUNT_ATTR_NOEXEC = 0x8
MOUNT_ATTR__ATIME = 0x70
MOUNT_ATTR_RELATIME = 0x0
MOUNT_ATTR_NOATIME = 0x10
MOUNT_ATTR_STRICTATIME = 0x20
MOUNT_ATTR_NODIRATIME = 0x80
MOUNT_ATTR_IDMAP = 0x100000
MOUNT_ATTR_NOSYMFOLLOW = 0x200000

MS_RDONLY = 0x1
MS_NOSUID = 0x2
MS_NODEV = 0x4
MS_NOEXEC = 0x8
MS_SYNCHRONOUS = 0x10
MS_MANDLOCK = 0x40
MS_DIRSYNC = 0x80
MS_NOSYMFOLLOW = 0x100
MS_NOATIME = 0x400
MS_NODIRATIME = 0x800
MS_REC = 0x4000
MS_UNBINDABLE = 1 << 17
MS_PRIVATE = 1 << 18
MS_SLAVE = 1 << 19
MS_SHARED = 1 << 20
MS_I_VERSION = 1 << 23
MS_STRICTATIME = 1 << 24
MS_LAZYTIME = 1 << 25
MNT_DETACH = 0x2

_STATX_ATTR_MOUNT_ROOT = 0x2000

# linux/magic.h
CGROUP_SUPER_MAGIC = 0x27E0EB
CGROUP2_SUPER_MAGIC = 0x63677270
DEVPTS_SUPER_MAGIC = 0x1CD1
MQUEUE_MAGIC = 0x19800202
PROC_SUPER_MAGIC = 0x9FA0
TMPFS_MAGIC = 0x01021994

_STATFS_SIZE = 256  # larger than struct statfs on every architecture


def clone_tree(dirfd: int, path: str, *, recursive: bool = False) -> int:
    """Gives the descriptor of a detached copy of the mount tree at `path`; "" is what `dirfd` itself refers to."""
    flags = OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC
    if recursive:
        flags |= AT_RECURSIVE
    if not path:
        flags |= AT_EMPTY_PATH
    return syscall("open_tree", dirfd, os.fsencode(path), flags, object=path or None)


def move_mount(tree: int, target: int, object: str | None = None) -> None:
    """Attaches the mount `tree`, or moves it when it is attached, onto what the descriptor `target` refers to."""
    syscall("move_mount", tree, b"", target, b"", MOVE_MOUNT_F_EMPTY_PATH | MOVE_MOUNT_T_EMPTY_PATH, object=object)


def mount_setattr(
    mount: int,
    set: int = 0,
    clear: int = 0,
    *,
    propagation: int = 0,
    recursive: bool = False,
    object: str | None = None,
) -> None:
    """Changes MOUNT_ATTR_* flags and propagation (one of MS_SHARED, ...) of the mount `mount` refers to the root of.

    Raises OSError: EINVAL when the descriptor is not at a mount's root, EPERM for a flag that is locked.
    """
    flags = AT_EMPTY_PATH | AT_RECURSIVE if recursive else AT_EMPTY_PATH
    attributes = pack("=QQQQ", set, clear, propagation, 0)
    syscall("mount_setattr", mount, b"", flags, attributes, len(attributes), object=object)


def set_propagation(mount: int, kind: int, object: str | None = None) -> None:
    """Makes a mount MS_SHARED, MS_SLAVE, MS_PRIVATE or MS_UNBINDABLE; with MS_REC, its whole tree."""
    mount_setattr(mount, propagation=kind & ~MS_REC, recursive=bool(kind & MS_REC), object=object)


def fsopen(type: str) -> int:
    """Gives a context in which a file system of this type is configured."""
    return syscall("fsopen", os.fsencode(type), FSOPEN_CLOEXEC, object=type)


def fspick(mount: int, object: str) -> int:
    """Gives a context in which the superblock of the mount `mount` refers to is reconfigured."""
    return syscall("fspick", mount, b"", FSPICK_CLOEXEC | FSPICK_EMPTY_PATH, object=object)


def fsconfig(context: int, command: int, key: str | None = None, value: str | None = None) -> None:
    """Sets a parameter or runs an FSCONFIG_CMD_*. Raises OSError with the kernel's own explanation, if any."""
    try:
        syscall(
            "fsconfig",
            context,
            command,
            None if key is None else os.fsencode(key),
            None if value is None else os.fsencode(value),
            0,
            object=key,
        )
    except OSError as error:
        raise _explained(context, error, "fsconfig") from None


def fsmount(context: int, attributes: int = 0) -> int:
    """Gives the descriptor of a detached mount of the superblock that the context has created."""
    try:
        return syscall("fsmount", context, FSMOUNT_CLOEXEC, attributes)
    except OSError as error:
        raise _explained(context, error, "fsmount") from None


def _explained(context: int, error: OSError, name: str) -> OSError:
    lines = []
    try:
        while True:
            # Each read gives one message, `e tmpfs: Unknown parameter 'foo'`; ENODATA ends them.
            level, _, text = os.read(context, 4096).decode(errors="replace").strip().partition(" ")
            if level in ("e", "w"):
                lines.append(text)
    except OSError:
        pass
    if not lines:
        return error
    return failure(name, error.errno or 0, "; ".join(lines), error.filename)


def mount(source: str, target: str, type: str, flags: int, data: str) -> None:
    """mount(2), for what fsconfig(2) cannot carry."""
    arguments = [os.fsencode(text) for text in (source, target, type)]
    syscall("mount", *arguments, flags, os.fsencode(data), object=type)


def umount2(target: str, flags: int) -> None:
    syscall("umount2", os.fsencode(target), flags, object=target)


def pivot_root(new_root: str, put_old: str) -> None:
    syscall("pivot_root", os.fsencode(new_root), os.fsencode(put_old))


def file_system_magic(place: int | str) -> int:
    """Gives f_type (statfs(2)) of the file system that a descriptor or a path lies on. Raises OSError."""
    result = buffer(_STATFS_SIZE)
    if isinstance(place, int):
        syscall("fstatfs", place, result)
    else:
        syscall("statfs", os.fsencode(place), result, object=place)
    magic: int = unpack_from("l", result.raw)[0]
    return magic


def is_mount_root(descriptor: int) -> bool:
    """Tells whether a descriptor refers to the root of a mount, statx(2)."""
    status = buffer(256)
    syscall("statx", descriptor, b"", AT_EMPTY_PATH, 0, status)
    attributes: int = unpack_from("Q", status.raw, 8)[0]
    return bool(attributes & _STATX_ATTR_MOUNT_ROOT)
