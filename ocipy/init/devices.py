"""/dev: device nodes, links, the console. Everything is made in a directory's descriptor and follows no link."""

from __future__ import annotations

import _stat as stat
import fcntl
from errno import EPERM

from ..errors import OcipyError
from ..linux import os
from ..linux.mount import AT_FDCWD, DEVPTS_SUPER_MAGIC, clone_tree, file_system_magic, move_mount
from ..linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_SYMLINKS, RESOLVE_NO_XDEV, openat2
from .paths import make_directories, open_in_root, split

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

# asm-generic/ioctls.h; the module termios costs 1 ms.
_TIOCSPTLCK = 0x40045431
_TIOCGPTPEER = 0x5441
_PTMX = (5, 2)
_TYPES = {"c": stat.S_IFCHR, "b": stat.S_IFBLK, "p": stat.S_IFIFO}
_HINT_DEVPTS = "mount a devpts on /dev/pts"


def create_device(
    init: Init, property: str, path: str, type: str, major: int, minor: int, mode: int, uid: int, gid: int, bind: bool
) -> None:
    parent, name = split(path)
    directory = make_directories(init.root, parent)
    kind, device = _TYPES[type], os.makedev(major, minor)
    try:
        if bind or not _make_node(init, directory, path, kind, device, mode, uid, gid):
            _bind_node(directory, name, path, kind, device)
    finally:
        os.close(directory)


def _make_node(
    init: Init, directory: int, path: str, kind: int, device: int, mode: int, uid: int, gid: int
) -> bool:
    """Makes a node with exactly this mode and owner, unless something is there; False when that is not allowed."""
    name = split(path)[1]
    try:
        os.mknod(name, kind | mode, device, dir_fd=directory)
    except FileExistsError:
        _verify(directory, name, path, kind, device)
        return True
    except PermissionError as error:
        if error.errno == EPERM:
            return False
        raise
    node = os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)
    try:
        status = os.fstat(node)
        if (status.st_uid, status.st_gid) != (uid, gid):
            os.chown(f"self/fd/{node}", uid, gid, dir_fd=init.proc)
        # After the change of owner, which clears the set-id bits; umask and default ACLs have narrowed it, too.
        if stat.S_IMODE(os.fstat(node).st_mode) != mode:
            os.chmod(f"self/fd/{node}", mode, dir_fd=init.proc)
    finally:
        os.close(node)
    return True


def _verify(directory: int, name: str, path: str, kind: int, device: int) -> None:
    """Refuses what is not this very node: a link or file of the image that stands in for it (CVE-2025-31133)."""
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if not _is_node(status, kind, device):
        raise OcipyError(f"{path} exists and is not {_named(kind, device)}", hint="remove it from the root file system")


def _bind_node(directory: int, name: str, path: str, kind: int, device: int) -> None:
    """Binds the host's node on an empty file, for who may not make nodes."""
    tree = clone_tree(AT_FDCWD, path)
    try:
        if not _is_node(os.fstat(tree), kind, device):
            raise OcipyError(f"{path} of the host is not {_named(kind, device)}")
        place = _placeholder(directory, name)
        status = os.fstat(place)
        if not _is_node(status, kind, device):
            if not stat.S_ISREG(status.st_mode):
                raise OcipyError(f"{path} exists and is not {_named(kind, device)}")
            move_mount(tree, place, path)
        os.close(place)
    finally:
        os.close(tree)


def _is_node(status: os.stat_result, kind: int, device: int) -> bool:
    return stat.S_IFMT(status.st_mode) == kind and (kind == stat.S_IFIFO or status.st_rdev == device)


def _named(kind: int, device: int) -> str:
    if kind == stat.S_IFIFO:
        return "a FIFO"
    return f"the {'character' if kind == stat.S_IFCHR else 'block'} device {os.major(device)}:{os.minor(device)}"


def _placeholder(directory: int, name: str) -> int:
    """Gives an O_PATH descriptor of what stands at `name`, a new empty file if nothing does."""
    try:
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
        os.close(os.open(name, flags, 0o600, dir_fd=directory))
    except FileExistsError:
        pass
    return os.open(name, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC, dir_fd=directory)


def create_link(init: Init, property: str, path: str, target: str) -> None:
    parent, name = split(path)
    directory = make_directories(init.root, parent)
    try:
        try:
            os.symlink(target, name, dir_fd=directory)
        except FileExistsError:
            # What the image has is its own choice; only the way to the container's terminals must be right.
            if path == "/dev/ptmx" and not _is_ptmx(directory, name, target):
                os.unlink(name, dir_fd=directory)
                os.symlink(target, name, dir_fd=directory)
    finally:
        os.close(directory)


def _is_ptmx(directory: int, name: str, target: str) -> bool:
    """The node 5:2 is as good as the link: it finds `pts` beside itself. In a devtmpfs it is the host's as well."""
    status = os.stat(name, dir_fd=directory, follow_symlinks=False)
    if stat.S_ISLNK(status.st_mode):
        return os.readlink(name, dir_fd=directory) == target
    return _is_node(status, stat.S_IFCHR, os.makedev(*_PTMX))


def open_console(root: int) -> tuple[int, int]:
    """Opens a new pseudo-terminal of the container's own devpts; gives the descriptors of master and slave.

    root: descriptor of the container's root. Nothing is opened for use before it is known to be what it should
    (CVE-2025-52565), the slave not by path at all. Raises OcipyError when /dev/pts is no devpts.
    """
    try:
        directory = open_in_root(root, "/dev/pts", os.O_PATH | os.O_DIRECTORY, RESOLVE_NO_SYMLINKS)
    except OSError as error:
        raise OcipyError(f"/dev/pts/ptmx of the container: {error.strerror}", hint=_HINT_DEVPTS) from None
    try:
        if file_system_magic(directory) != DEVPTS_SUPER_MAGIC:
            raise OcipyError("/dev/pts/ptmx of the container does not belong to a devpts", hint=_HINT_DEVPTS)
        # Nobody can put a file into a devpts, and what is mounted on one of it is another mount.
        master = openat2(
            directory, "ptmx", os.O_RDWR | os.O_NOCTTY, 0, RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV
        )
    except OSError as error:
        raise OcipyError(f"/dev/pts/ptmx of the container: {error.strerror}", hint=_HINT_DEVPTS) from None
    finally:
        os.close(directory)
    fcntl.ioctl(master, _TIOCSPTLCK, b"\0\0\0\0")
    slave = fcntl.ioctl(master, _TIOCGPTPEER, os.O_RDWR | os.O_NOCTTY | os.O_CLOEXEC)
    return master, slave


def bind_console(init: Init, slave: int) -> None:
    """Binds the slave of the container's terminal on /dev/console."""
    directory = make_directories(init.root, "/dev")
    place = _placeholder(directory, "console")
    os.close(directory)
    if not stat.S_ISREG(mode := os.fstat(place).st_mode) and not stat.S_ISCHR(mode):
        raise OcipyError("/dev/console exists and is neither a file nor a character device")
    tree = clone_tree(slave, "")
    move_mount(tree, place, "/dev/console")
    os.close(tree)
    os.close(place)


HANDLERS = {"CreateDevice": create_device, "CreateLink": create_link}
