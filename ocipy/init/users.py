"""The container's own /etc/passwd, read as data and never through the C library (NSS would load the image's code)."""

from __future__ import annotations

import os
import stat

from .paths import open_in_root

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

_LARGEST_PASSWD = 1 << 20


def look_up_home(init: Init, property: str, uid: int) -> None:
    init.home = _home(init, uid) or "/"


def _home(init: Init, uid: int) -> str:
    try:
        # Non-blocking: the image may have a FIFO there.
        descriptor = open_in_root(init.root, "/etc/passwd", os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError:
        return ""
    try:
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            return ""
        text = os.read(descriptor, _LARGEST_PASSWD)
    finally:
        os.close(descriptor)
    for line in text.split(b"\n"):
        fields = line.split(b":")
        if len(fields) >= 6 and fields[2] == str(uid).encode():
            return os.fsdecode(fields[5])
    return ""


HANDLERS = {"LookUpHome": look_up_home}
