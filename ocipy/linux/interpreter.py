"""The sealed interpreter: what a process that enters a container runs from.

An image whose program is `#!/proc/self/exe` runs the file that its init was started from, and can keep a descriptor
to overwrite it later (CVE-2019-5736). So the command that makes containers runs from a read-only clone of the mount
that holds the interpreter: an open for writing through it fails with EROFS, for ever, whatever capabilities the
container has. A second start of the interpreter would cost as much as all the rest of a container: the first command
since boot leaves the clone in KEPT, where bin/ocipy finds it, beside links to what the interpreter itself loads from
its library at each start: it searches the directory that it finds next to itself, which takes it a twentieth of its
start when that is the library with its hundreds of files.
"""

from __future__ import annotations

import fcntl
import sys

from . import os
from .mount import (
    AT_FDCWD,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    clone_tree,
    mount_setattr,
    move_mount,
)

# These names are in bin/ocipy too, which takes the kept interpreter only while it is the same file as INTERPRETER.
INTERPRETER = "/usr/bin/python3"
KEPT = f"/run/ocipy.{sys.implementation.cache_tag}"
PYTHON = "python3"
_EXECUTABLE = "/proc/self/exe"
_ROOT = (0, 65534)  # the latter is /proc/sys/kernel/overflowuid


def is_sealed() -> bool:
    """Tells whether this very process runs from a file that cannot be opened for writing through its mount."""
    return bool(os.statvfs(_EXECUTABLE).f_flag & os.ST_RDONLY)


def is_kept() -> bool:
    """Tells whether bin/ocipy finds the sealed interpreter of an earlier command."""
    try:
        return os.path.samefile(f"{KEPT}/{PYTHON}", INTERPRETER)
    except OSError:
        return False


def ensure_sealed() -> None:
    """Returns when this process is sealed; else it executes its own command line anew, from a sealed interpreter.

    No seal is needed where nobody in the container could write the file. Raises OSError.
    """
    if is_sealed() or not _is_writable():
        return
    if os.geteuid():
        _run_copy()
        return
    descriptor = clone_tree(AT_FDCWD, _EXECUTABLE)
    mount_setattr(descriptor, set=MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
    if os.path.samefile(_EXECUTABLE, INTERPRETER):
        _keep(descriptor)
    # argv[0] leads the new interpreter to its standard library; the file itself is the sealed one.
    os.execve(f"/proc/self/fd/{descriptor}", sys.orig_argv, os.environment())


def _is_writable() -> bool:
    """Tells whether this process's executable could be written with the rights of this user, or of one that a container
    of this user might have.

    The host's root is the owner that no other has in its containers; in a user namespace it is shown as nobody.
    """
    status = os.stat(_EXECUTABLE)
    euid = os.geteuid()
    return status.st_uid == euid or status.st_uid not in _ROOT or os.access(_EXECUTABLE, os.W_OK, effective_ids=True)


def _run_copy() -> None:
    """An ordinary user can make no mount: its own interpreter is executed anew from memory."""
    from . import sealed_copy

    if not sealed_copy.is_sealed(_EXECUTABLE):
        os.execve(f"/proc/self/fd/{sealed_copy.seal(_EXECUTABLE)}", sys.orig_argv, os.environment())


def _keep(tree: int) -> None:
    """Leaves the clone for the commands to come. Without it each of them makes its own."""
    run = os.open(os.path.dirname(KEPT), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # One command does this; the others do not wait for it.
        fcntl.flock(run, fcntl.LOCK_EX | fcntl.LOCK_NB)
        # Of many that began before there was one, another may just have left it.
        if is_kept():
            return
        _link_library()
        # On top of one that has been replaced since, as by an update: another command may be starting from that.
        place = os.open(f"{KEPT}/{PYTHON}", os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        move_mount(tree, place, f"{KEPT}/{PYTHON}")
        os.close(place)
    except OSError:
        # No /run that can be written, or busy: it only costs time.
        pass
    finally:
        os.close(run)


def _link_library() -> None:
    """Makes links, beside the kept interpreter, to what it needs to start.

    It takes for its library the nearest directory with this landmark, and this one for shared libraries
    (sys_path_init in the manual of Python); `__main__` turns it to the whole library again. No mount holds them: a
    command that is starting must find them even when all is being unmounted.
    """
    below = f"{sys.platlibdir}/python{sys.version_info.major}.{sys.version_info.minor}"
    links = [f"{sys.base_prefix}/{below}/os.py", f"{sys.base_exec_prefix}/{below}/lib-dynload"]
    for name, module in sys.modules.items():
        if name.partition(".")[0] == "encodings" and module.__spec__:
            links += [path for path in (module.__file__, module.__spec__.cached) if path]
    for path in links:
        place = f"{KEPT}{path.removeprefix(sys.base_prefix)}"
        if not os.path.isdir(os.path.dirname(place)):
            os.makedirs(os.path.dirname(place), 0o755)
        if not os.path.lexists(place):
            os.symlink(path, place)
