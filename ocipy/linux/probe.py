"""What the kernel answers when nothing is asked of it: whether it has a system call, and what it would refuse.

No probe changes the host: a call gets arguments that no kernel accepts, and what must be done to be known is done by
a child process, with which its namespaces end.
"""

from __future__ import annotations

import _signal
import errno
import struct

from . import os
from .libc import buffer, syscall
from .mount import (
    AT_EMPTY_PATH,
    AT_FDCWD,
    FSCONFIG_CMD_CREATE,
    MOUNT_ATTR_IDMAP,
    clone_tree,
    fsconfig,
    fsmount,
    fsopen,
)
from .process import CLONE_NEWNS, CLONE_NEWPID, CLONE_NEWUSER, clone3, unshare

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

_ALL = 0xFFFFFFFF  # flags, some of which no kernel knows
# Each is refused before it does anything, those of the mounts with EPERM to who may not mount.
_REFUSED = {
    "clone3": (None, 0),
    "openat2": (-1, b"", None, 0),
    "open_tree": (-1, b"", _ALL),
    "move_mount": (-1, b"", -1, b"", _ALL),
    "fsopen": (b"", _ALL),
    "fsconfig": (-1, 0, None, None, 0),
    "fsmount": (-1, _ALL, 0),
    "fspick": (-1, b"", _ALL),
    "mount_setattr": (-1, b"", _ALL, None, 0),
    "close_range": (1, 0, 0),
    "pidfd_open": (0, 0),
    "keyctl": (_ALL,),
    "bpf": (0x7FFFFFFF, None, 0),
}
_NO_DESCRIPTOR = 0x7FFFFFFF
# linux/lsm.h: the numbers begin with 100.
_LSM_FIRST = 100
_LSM_NAMES = (
    "capability", "selinux", "smack", "tomoyo", "apparmor", "yama", "loadpin", "safesetid", "lockdown", "bpf",
    "landlock", "ima", "evm", "ipe",
)  # fmt: skip
_LSM_MOST = 64


def refusal(call: str) -> int:
    """Gives the errno with which the kernel, or a seccomp filter, refuses a pointless call; ENOSYS when it has none."""
    try:
        syscall(call, *_REFUSED[call])
    except OSError as error:
        return error.errno or 0
    return 0


def refusal_of_birth_in_cgroup() -> int:
    """Gives the errno of clone3(2) into a cgroup that is none: EBADF where the kernel knows CLONE_INTO_CGROUP."""
    try:
        pid, pidfd = clone3(0, exit_signal=_signal.SIGCHLD, cgroup=_NO_DESCRIPTOR)
    except OSError as error:
        return error.errno or 0
    # A kernel without cgroups takes no notice of the descriptor.
    if pid == 0:
        os._exit(0)
    os.close(pidfd)
    os.waitpid(pid, 0)
    return 0


def refusal_in_child(work: Callable[[], None]) -> int:
    """Gives the errno of the OSError that `work` ends with in a child process, 0 when it ends well."""
    pid = os.fork()
    if pid == 0:
        code = errno.EIO
        try:
            work()
            code = 0
        except OSError as error:
            code = error.errno or code
        finally:
            os._exit(code)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    # A seccomp filter may kill who makes a call.
    return code if code >= 0 else errno.EPERM


def refusal_of_namespace(flag: int, *, in_user_namespace: bool = False) -> int:
    """Gives the errno with which a CLONE_NEW* namespace is refused, 0 when it can be made.

    in_user_namespace: one that belongs to a new user namespace, as without privilege; EPERM then also when that is
    refused.
    """

    def make() -> None:
        if in_user_namespace:
            unshare(CLONE_NEWUSER)
        unshare(flag)

    return refusal_in_child(make)


def refusal_of_proc() -> int:
    """Gives the errno with which a new user and pid namespace is refused a procfs of its own, 0 when it gets one.

    EPERM where a part of our own is hidden: mount_namespaces(7), restrictions on mount namespaces.
    """

    def mount() -> None:
        context = fsopen("proc")
        fsconfig(context, FSCONFIG_CMD_CREATE)
        fsmount(context)

    def enter() -> None:
        unshare(CLONE_NEWUSER)
        unshare(CLONE_NEWNS | CLONE_NEWPID)
        # Only a child is in the new pid namespace.
        code = refusal_in_child(mount)
        if code:
            raise OSError(code, "")

    return refusal_in_child(enter)


def refusals_of_idmap(paths: Iterable[str]) -> dict[str, int]:
    """Gives path -> errno with which an id-mapped mount of it is refused, 0 when it can be made.

    EINVAL where the file system has none. Nothing is attached anywhere. Raises OSError when there can be no user
    namespace to take the mappings from.
    """
    namespace = _mapped_namespace()
    try:
        return {path: _refusal_of_idmap(path, namespace) for path in paths}
    finally:
        os.close(namespace)


def _refusal_of_idmap(path: str, namespace: int) -> int:
    attributes = struct.pack("=QQQQ", MOUNT_ATTR_IDMAP, 0, 0, namespace)
    try:
        tree = clone_tree(AT_FDCWD, path)
        try:
            syscall("mount_setattr", tree, b"", AT_EMPTY_PATH, attributes, len(attributes))
        finally:
            os.close(tree)
    except OSError as error:
        return error.errno or 0
    return 0


def _mapped_namespace() -> int:
    """Gives a descriptor of a user namespace with a mapping and no process. Raises OSError."""
    made, tell = os.pipe()
    wait, finish = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(made)
            os.close(finish)
            unshare(CLONE_NEWUSER)
            os.write(tell, b"!")
            os.read(wait, 1)
        finally:
            os._exit(0)
    os.close(tell)
    os.close(wait)
    try:
        if not os.read(made, 1):
            raise OSError(errno.EPERM, "no user namespace can be made")
        for name in ("uid_map", "gid_map"):
            descriptor = os.open(f"/proc/{pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
            try:
                os.write(descriptor, b"0 0 1")
            finally:
                os.close(descriptor)
        return os.open(f"/proc/{pid}/ns/user", os.O_RDONLY | os.O_CLOEXEC)
    finally:
        os.close(made)
        os.close(finish)
        os.waitpid(pid, 0)


def security_modules_of_kernel() -> tuple[str, ...]:
    """Gives the names of the security modules that the kernel runs, in its order (since Linux 6.8). Raises OSError."""
    ids = buffer(8 * _LSM_MOST)
    size = buffer(4)
    size.raw = struct.pack("I", 8 * _LSM_MOST)
    count = syscall("lsm_list_modules", ids, size, 0)
    return tuple(_module_name(number) for number in struct.unpack_from(f"{count}Q", ids.raw))


def _module_name(id: int) -> str:
    index = id - _LSM_FIRST
    return _LSM_NAMES[index] if 0 <= index < len(_LSM_NAMES) else f"#{id}"
