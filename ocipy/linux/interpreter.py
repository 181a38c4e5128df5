"""A sealed start of the Python interpreter, for the process that enters a container.

An image whose program is `#!/proc/self/exe` runs the file that its init was started from, and can keep a descriptor
to overwrite it later (CVE-2019-5736). So init is started from a detached, read-only clone of the mount that holds the
interpreter: an open for writing through it fails with EROFS, for ever, whatever capabilities the container has.
"""

from __future__ import annotations

import os
import sys

from .mount import AT_FDCWD, MOUNT_ATTR_RDONLY, clone_tree, mount_setattr


def open_sealed() -> int:
    """Gives a descriptor of this interpreter's executable on a read-only mount of its own. Raises OSError."""
    descriptor = clone_tree(AT_FDCWD, "/proc/self/exe")
    mount_setattr(descriptor, set=MOUNT_ATTR_RDONLY)
    return descriptor


def is_sealed() -> bool:
    """Tells whether this very process runs from a file that cannot be opened for writing through its mount."""
    return bool(os.statvfs("/proc/self/exe").f_flag & os.ST_RDONLY)


def spawn_sealed(code: str, arguments: list[str]) -> int:
    """Starts `code` in a fresh, isolated and sealed interpreter and gives its pid.

    It inherits the descriptors that are not close-on-exec, and the environment, for the hooks that it may run; -I
    makes the interpreter itself ignore that. Raises OSError.
    """
    descriptor = open_sealed()
    try:
        # argv[0] leads the new interpreter to its standard library; the file itself is the sealed one.
        words = [sys.executable or "/usr/bin/python3", "-I", "-S", "-c", code, *arguments]
        return os.posix_spawn(f"/proc/self/fd/{descriptor}", words, os.environ)
    finally:
        os.close(descriptor)
