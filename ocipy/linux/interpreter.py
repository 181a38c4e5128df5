"""The sealed interpreter: what a process that enters a container runs from.

An image whose program is `#!/proc/self/exe` runs the file that its init was started from, and can keep a descriptor
to overwrite it later (CVE-2019-5736). So the command that makes containers runs from a read-only clone of the mount
that holds the interpreter: an open for writing through it fails with EROFS, for ever, whatever capabilities the
container has. A second start of the interpreter would cost as much as all the rest of a container: the first command
since boot leaves the clone at KEPT, where bin/ocipy finds it.
"""

from __future__ import annotations

import fcntl
import sys

from . import os
from .mount import (
    AT_FDCWD,
    MNT_DETACH,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_RDONLY,
    clone_tree,
    mount_setattr,
    move_mount,
    umount2,
)

# Both names are in bin/ocipy too, which takes KEPT only while it is the same file as INTERPRETER.
INTERPRETER = "/usr/bin/python3"
KEPT = f"/run/ocipy.{sys.implementation.cache_tag}"
_EXECUTABLE = "/proc/self/exe"


def is_sealed() -> bool:
    """Tells whether this very process runs from a file that cannot be opened for writing through its mount."""
    return bool(os.statvfs(_EXECUTABLE).f_flag & os.ST_RDONLY)


def ensure_sealed() -> None:
    """Returns when this process is sealed; else it executes its own command line anew, from a sealed interpreter.

    A user other than root needs no seal: the file cannot be written with that user's rights. Raises OSError.
    """
    if os.geteuid() or is_sealed():
        return
    descriptor = clone_tree(AT_FDCWD, _EXECUTABLE)
    mount_setattr(descriptor, set=MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV)
    if os.path.samefile(_EXECUTABLE, INTERPRETER):
        _keep(descriptor)
    # argv[0] leads the new interpreter to its standard library; the file itself is the sealed one.
    os.execve(f"/proc/self/fd/{descriptor}", sys.orig_argv, os.environment())


def _keep(tree: int) -> None:
    """Leaves the clone for the commands to come. Without it each of them makes its own."""
    directory = os.open(os.path.dirname(KEPT), os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # One command does this; the others do not wait for it.
        fcntl.flock(directory, fcntl.LOCK_EX | fcntl.LOCK_NB)
        _forget()
        place = os.open(KEPT, os.O_RDONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        move_mount(tree, place, KEPT)
        os.close(place)
    except OSError:
        # No /run that can be written, or busy: it only costs time.
        pass
    finally:
        os.close(directory)


def _forget() -> None:
    """Takes away the clone of an interpreter that has been replaced since, as by an update."""
    try:
        umount2(KEPT, MNT_DETACH)
    except OSError:
        # Nothing is mounted there.
        pass
