"""The container's own /etc/passwd, read as data and never through the C library (NSS would load the image's code)."""

from __future__ import annotations

import _stat as stat

from ..linux import os
from .paths import open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

_LARGEST_PASSWD = 1 << 20


def look_up_home(init: Init, property: str, uid: int) -> None:
    init.home = find_home(init.root, init.proc, uid)


def find_home(root: int, proc: int, uid: int) -> str:
    """Gives the home of a user, "/" when nothing tells it. root, proc: of the container, and the host's /proc."""
    return _home(root, proc, uid) or "/"


def _home(root: int, proc: int, uid: int) -> str:
    try:
        place = open_in_root(root, "/etc/passwd", os.O_PATH)
    except OSError:
        return ""
    try:
        # The image may have a FIFO there, for which an open waits, or a device, which acts when it is opened.
        if not stat.S_ISREG(os.fstat(place).st_mode):
            return ""
        descriptor = os.open(f"self/fd/{place}", os.O_RDONLY | os.O_CLOEXEC, dir_fd=proc)
    finally:
        os.close(place)
    try:
        text = os.read(descriptor, _LARGEST_PASSWD)
    finally:
        os.close(descriptor)
    for line in text.split(b"\n"):
        fields = line.split(b":")
        if len(fields) >= 6 and fields[2] == str(uid).encode() and b"\0" not in fields[5]:
            return os.fsdecode(fields[5])
    return ""


HANDLERS = {"LookUpHome": look_up_home}
