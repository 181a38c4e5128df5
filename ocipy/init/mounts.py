"""mounts: each is built detached, complete with flags and content, and then attached to a descriptor in the root."""

from __future__ import annotations

import _stat as stat
from errno import EINVAL, ELOOP, ENOTDIR, EPERM

from ..errors import OcipyError
from ..linux import os
from ..linux.mount import (
    AT_FDCWD,
    FSCONFIG_CMD_CREATE,
    FSCONFIG_CMD_RECONFIGURE,
    FSCONFIG_SET_FLAG,
    FSCONFIG_SET_STRING,
    FSCONFIG_STRING_MAX,
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_STRICTATIME,
    MQUEUE_MAGIC,
    MS_DIRSYNC,
    MS_I_VERSION,
    MS_LAZYTIME,
    MS_MANDLOCK,
    MS_NOATIME,
    MS_NODEV,
    MS_NODIRATIME,
    MS_NOEXEC,
    MS_NOSUID,
    MS_NOSYMFOLLOW,
    MS_RDONLY,
    MS_STRICTATIME,
    MS_SYNCHRONOUS,
    PROC_SUPER_MAGIC,
    clone_tree,
    file_system_magic,
    fsconfig,
    fsmount,
    fsopen,
    fspick,
    mount,
    mount_setattr,
    move_mount,
    set_propagation,
)
from ..linux.openat2 import RESOLVE_NO_SYMLINKS
from .copyup import copy_up
from .paths import make_directories, make_file, open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

    from .context import Init

    # Parameters of a file system; None is the value of a mere flag.
    _Data = tuple[tuple[str, str | None], ...]

_HINT_PROC = (
    "a user namespace needs a pid namespace with it, and a /proc outside of which nothing is covered; else bind /proc"
)
_CLASSIC_ATTRIBUTES = (
    (MOUNT_ATTR_RDONLY, MS_RDONLY),
    (MOUNT_ATTR_NOSUID, MS_NOSUID),
    (MOUNT_ATTR_NODEV, MS_NODEV),
    (MOUNT_ATTR_NOEXEC, MS_NOEXEC),
    (MOUNT_ATTR_NOATIME, MS_NOATIME),
    (MOUNT_ATTR_STRICTATIME, MS_STRICTATIME),
    (MOUNT_ATTR_NODIRATIME, MS_NODIRATIME),
    (MOUNT_ATTR_NOSYMFOLLOW, MS_NOSYMFOLLOW),
)
_CLASSIC_SUPERBLOCK = {
    "ro": MS_RDONLY,
    "sync": MS_SYNCHRONOUS,
    "dirsync": MS_DIRSYNC,
    "lazytime": MS_LAZYTIME,
    "mand": MS_MANDLOCK,
    "iversion": MS_I_VERSION,
}
_CLEARED_BY = (
    (MOUNT_ATTR_RDONLY, "rw"),
    (MOUNT_ATTR_NOSUID, "suid"),
    (MOUNT_ATTR_NODEV, "dev"),
    (MOUNT_ATTR_NOEXEC, "exec"),
    (MOUNT_ATTR__ATIME, "atime, relatime or strictatime"),
)


def bind_mount(
    init: Init, property: str, source: str, destination: str, recursive: bool, set: int, clear: int,
    recursive_set: int, recursive_clear: int, propagation: tuple[int, ...], on_proc: bool, options: tuple[str, ...],
) -> None:  # fmt: skip
    # A process that enters a container brings the source along.
    tree = init.take(property)[0] if property in init.descriptors else _clone_source(source, recursive)
    try:
        if destination == "/proc" and file_system_magic(tree) != PROC_SUPER_MAGIC:
            raise OcipyError('"/proc" cannot be mounted because it is not of type proc')
        _set_attributes(tree, source, (set, clear), (recursive_set, recursive_clear), propagation)
        is_directory = stat.S_ISDIR(os.fstat(tree).st_mode)
        place = _destination(init, destination, is_directory, on_proc)
        _attach(tree, place, destination)
        _remember(init, destination, tree)
    finally:
        os.close(tree)


def _clone_source(source: str, recursive: bool) -> int:
    try:
        return clone_tree(AT_FDCWD, source, recursive=recursive)
    except OSError as error:
        if error.errno == EINVAL and not recursive:
            hint = "it is unbindable, or has mounts below it, which a user namespace locks to it: try rbind"
            raise OcipyError(f"cannot bind {source}: Invalid argument (EINVAL)", hint=hint) from None
        raise


def filesystem_mount(
    init: Init, property: str, type: str, source: str, destination: str, data: _Data, superblock: tuple[str, ...],
    set: int, propagation: tuple[int, ...], tmpcopyup: bool, readonly_later: bool, label: str, on_proc: bool,
    options: tuple[str, ...],
) -> None:  # fmt: skip
    place, existed = _filesystem_destination(init, type, destination, on_proc)
    if type == "tmpfs" and existed and not any(key == "mode" for key, _value in data):
        data = (*data, ("mode", f"{stat.S_IMODE(os.fstat(place).st_mode):o}"))
    if label and os.access("/sys/fs/selinux/enforce", os.F_OK):
        data = (*data, ("context", label))
    if "iversion" in superblock or any(len(os.fsencode(value or "")) > FSCONFIG_STRING_MAX for _key, value in data):
        _mount_classic(init, place, source, type, _classic_flags(superblock, set), _joined(data))
        os.close(place)
        tree = open_in_root(init.root, destination)
    else:
        tree = _detached(type, source, data, superblock, set)
        if tmpcopyup:
            copy_up(init, place, tree)
        _attach(tree, place, destination)
    _remember(init, destination, tree)
    for kind in propagation:
        set_propagation(tree, kind, destination)
    if readonly_later:
        init.readonly_later[property] = tree
    else:
        os.close(tree)


def cgroup_mount(
    init: Init, property: str, destination: str, hierarchies: tuple[tuple[str, str, str], ...], namespaced: bool,
    set: int, propagation: tuple[int, ...], foreign: tuple[str, ...],
) -> None:  # fmt: skip
    place, _existed = _filesystem_destination(init, "tmpfs", destination, False)
    tree = _detached("tmpfs", "tmpfs", (("mode", "755"),), (), set & ~MOUNT_ATTR_RDONLY)
    try:
        # From here on the directory is a new tmpfs in which nobody else can have placed a link.
        _attach(tree, place, destination)
        for name, controllers, directory in hierarchies:
            os.mkdir(name, 0o755, dir_fd=tree)
            point = os.open(name, os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=tree)
            flags = set | MOUNT_ATTR_RDONLY if name in foreign else set
            if namespaced:
                view = _detached("cgroup", "cgroup", _hierarchy(controllers), (), flags)
            else:
                view = clone_tree(AT_FDCWD, directory, recursive=True)
                mount_setattr(view, set=flags, recursive=True, object=directory)
            _attach(view, point, f"{destination}/{name}")
            os.close(view)
            for controller in controllers.split(",") if "," in controllers else ():
                os.symlink(name, controller, dir_fd=tree)
        for kind in propagation:
            set_propagation(tree, kind, destination)
        if set & MOUNT_ATTR_RDONLY:
            mount_setattr(tree, set=MOUNT_ATTR_RDONLY, object=destination)
    finally:
        os.close(tree)


def _hierarchy(controllers: str) -> _Data:
    """Gives the parameters that select an existing v1 hierarchy: its controllers, or its name when it has none."""
    if controllers.startswith("name="):
        return (("none", None), ("name", controllers[len("name=") :]))
    return tuple((name, None) for name in controllers.split(","))


def remount(
    init: Init, property: str, destination: str, bind: bool, data: _Data, superblock: tuple[str, ...], set: int,
    clear: int, recursive_set: int, recursive_clear: int, propagation: tuple[int, ...], options: tuple[str, ...],
) -> None:  # fmt: skip
    place = open_in_root(init.root, destination)
    try:
        if not bind and (data or superblock):
            context = fspick(place, destination)
            try:
                _configure(context, data, superblock)
                fsconfig(context, FSCONFIG_CMD_RECONFIGURE)
            finally:
                os.close(context)
        _set_attributes(place, destination, (set, clear), (recursive_set, recursive_clear), propagation)
    finally:
        os.close(place)


def finish_readonly(init: Init, property: str, destination: str) -> None:
    tree = init.readonly_later.pop(property)
    mount_setattr(tree, set=MOUNT_ATTR_RDONLY, object=destination)
    os.close(tree)


def _set_attributes(
    tree: int, object: str, own: tuple[int, int], below: tuple[int, int], propagation: tuple[int, ...]
) -> None:
    try:
        # The whole tree first, so that what is asked for the mount itself prevails.
        if any(below):
            mount_setattr(tree, *below, recursive=True, object=object)
        if any(own):
            mount_setattr(tree, *own, object=object)
    except PermissionError:
        names = ", ".join(name for flag, name in _CLEARED_BY if (own[1] | below[1]) & flag)
        hint = f"flags of the source are locked in a user namespace; leave out {names}" if names else ""
        raise OcipyError(f"flags of {object} cannot be changed: Operation not permitted (EPERM)", hint=hint) from None
    for kind in propagation:
        set_propagation(tree, kind, object)


def _destination(init: Init, path: str, is_directory: bool, on_proc: bool) -> int:
    """Gives an O_PATH descriptor of the mount point, made to fit the source if it does not exist."""
    # What replaces /proc or a file of it must be at that very place.
    strict = on_proc or path == "/proc"
    make = make_directories if is_directory else make_file
    try:
        place, _existed = _open_or_make(init, path, os.O_PATH, make, strict)
    except OSError as error:
        if strict and error.errno == ELOOP:
            raise OcipyError(f"{path} must not be reached through a symbolic link") from None
        raise
    _check_place(place, path, on_proc)
    if stat.S_ISDIR(os.fstat(place).st_mode) != is_directory:
        os.close(place)
        wanted, found = ("a directory", "a file") if is_directory else ("a file", "a directory")
        raise OcipyError(f"{path} is {found} in the root file system, the source is {wanted}")
    return place


def _filesystem_destination(init: Init, type: str, path: str, on_proc: bool) -> tuple[int, bool]:
    """Gives an O_PATH descriptor of the directory to mount on, and whether it existed before."""
    # A link here would put the kernel's files elsewhere and leave the image's own in their place: CVE-2019-19921,
    # CVE-2023-27561, CVE-2025-54867.
    strict = type in ("proc", "sysfs")
    try:
        place, existed = _open_or_make(init, path, os.O_PATH | os.O_DIRECTORY, make_directories, strict or on_proc)
    except OSError as error:
        if strict and error.errno in (ELOOP, ENOTDIR):
            raise OcipyError(f'filesystem "{type}" must be mounted on ordinary directory: {path} is none') from None
        raise
    _check_place(place, path, on_proc)
    return place, existed


def _open_or_make(
    init: Init, path: str, flags: int, make: Callable[..., int], strict: bool
) -> tuple[int, bool]:
    """Gives a descriptor, and whether the path existed. strict: no component may be a symbolic link."""
    resolve = RESOLVE_NO_SYMLINKS if strict else 0
    try:
        return open_in_root(init.root, path, flags, resolve), True
    except FileNotFoundError:
        return make(init.root, path, resolve=resolve), False


def _check_place(place: int, path: str, on_proc: bool) -> None:
    """Refuses a path that links of the image have led into a procfs, whatever it is called (CVE-2025-52881)."""
    if not on_proc and path != "/proc" and file_system_magic(place) == PROC_SUPER_MAGIC:
        os.close(place)
        raise OcipyError(f'"{path}" cannot be mounted because it is inside /proc')


def _attach(tree: int, place: int, path: str) -> None:
    """Attaches a detached mount and closes the descriptor of the place."""
    try:
        move_mount(tree, place, path)
    finally:
        os.close(place)


def _remember(init: Init, destination: str, tree: int) -> None:
    """Keeps the mounts of which parts are masked later: their directory may be renamed meanwhile by a neighbour; and
    all that may have to be taken back.
    """
    if init.mounted is not None:
        init.mounted.append(os.dup(tree))
    if destination in ("/proc", "/sys"):
        init.kernel_mounts[destination] = os.dup(tree)


def _detached(type: str, source: str, data: _Data, superblock: tuple[str, ...], attributes: int) -> int:
    """Makes a file system and gives the descriptor of its mount, which is not attached anywhere yet."""
    try:
        context = fsopen(type)
        try:
            if source:
                fsconfig(context, FSCONFIG_SET_STRING, "source", source)
            _configure(context, data, superblock)
            fsconfig(context, FSCONFIG_CMD_CREATE)
            return fsmount(context, attributes)
        finally:
            os.close(context)
    except OSError as error:
        # Only who owns the network or ipc namespace may mount these; the host's is the same one then.
        if type == "sysfs" and error.errno == EPERM:
            return _host_sysfs(attributes)
        if type == "proc" and error.errno == EPERM:
            raise OcipyError("cannot mount proc: Operation not permitted (EPERM)", hint=_HINT_PROC) from None
        if type == "mqueue" and error.errno == EPERM and _is_mqueue("/dev/mqueue"):
            return _host_mqueue(attributes)
        error.filename = type if error.filename in (None, type) else f"{type} {error.filename}"
        raise


def _configure(context: int, data: _Data, superblock: tuple[str, ...]) -> None:
    for name in superblock:
        if name != "iversion":
            fsconfig(context, FSCONFIG_SET_FLAG, name)
    for key, value in data:
        fsconfig(context, FSCONFIG_SET_FLAG if value is None else FSCONFIG_SET_STRING, key, value)


def _host_sysfs(attributes: int) -> int:
    tree = clone_tree(AT_FDCWD, "/sys", recursive=True)
    safe = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
    mount_setattr(tree, set=safe, recursive=True, object="/sys")
    if attributes & ~safe:
        mount_setattr(tree, set=attributes, object="/sys")
    return tree


def _is_mqueue(path: str) -> bool:
    try:
        descriptor = os.open(path, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    except OSError:
        return False
    try:
        return file_system_magic(descriptor) == MQUEUE_MAGIC
    finally:
        os.close(descriptor)


def _host_mqueue(attributes: int) -> int:
    tree = clone_tree(AT_FDCWD, "/dev/mqueue")
    mount_setattr(tree, set=attributes, object="/dev/mqueue")
    return tree


def _mount_classic(init: Init, place: int, source: str, type: str, flags: int, data: str) -> None:
    """Mounts by mount(2), which takes a page of data, and the flag iversion, where fsconfig(2) does not."""
    os.fchdir(init.proc)
    mount(source or type, f"self/fd/{place}", type, flags, data)


def _classic_flags(superblock: tuple[str, ...], attributes: int) -> int:
    flags = 0
    for attribute, flag in _CLASSIC_ATTRIBUTES:
        if attributes & attribute:
            flags |= flag
    for name in superblock:
        flags |= _CLASSIC_SUPERBLOCK.get(name, 0)
    return flags


def _joined(data: _Data) -> str:
    return ",".join(key if value is None else f"{key}={_quoted(key, value)}" for key, value in data)


def _quoted(key: str, value: str) -> str:
    """A security context may hold commas; in mount(2), quotes keep it together."""
    return f'"{value}"' if key.endswith("context") else value


HANDLERS = {
    "BindMount": bind_mount,
    "FilesystemMount": filesystem_mount,
    "CgroupMount": cgroup_mount,
    "Remount": remount,
    "FinishReadonly": finish_readonly,
}
