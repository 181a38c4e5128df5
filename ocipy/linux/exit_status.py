"""How a process ended that is no child of this one: the kernel's own answers."""

from __future__ import annotations

import fcntl
import select
import sys

from . import os
from .proc import stat_fields

TYPE_CHECKING = False

# ioctl_pidfd(2): struct pidfd_info in its first size; exit_code is the last member.
_INFO_SIZE = 64
_PIDFD_GET_INFO = 0xC000FF0B | _INFO_SIZE << 16
_PIDFD_INFO_EXIT = 1 << 3


def exit_status(pidfd: int, pid: int, start: int) -> int | None:
    """Gives the wait status (as of waitpid(2)) of a process that has ended, whosoever child it was.

    None when nobody can tell any more: its parent has reaped it, and the kernel is older than Linux 6.15.
    """
    status = zombie_status(pid, start)
    return _reaped_status(pidfd) if status is None else status


def zombie_status(pid: int, start: int) -> int | None:
    """Gives the wait status of a process that has ended and was not reaped (proc(5), /proc/pid/stat field 52)."""
    fields = stat_fields(pid)
    if not fields or fields[0] != b"Z" or int(fields[19]) != start:
        return None
    try:
        os.readlink(f"/proc/{pid}/cwd")
    except PermissionError:
        # Who may not trace the process reads 0 in field 52.
        return None
    except OSError:
        pass
    return int(fields[49])


def _reaped_status(pidfd: int) -> int | None:
    poll = select.poll()
    poll.register(pidfd, 0)
    while True:
        info = bytearray(_INFO_SIZE)
        info[:8] = _PIDFD_INFO_EXIT.to_bytes(8, sys.byteorder)
        try:
            fcntl.ioctl(pidfd, _PIDFD_GET_INFO, info)
        except OSError:
            return None
        if int.from_bytes(info[:8], sys.byteorder) & _PIDFD_INFO_EXIT:
            return int.from_bytes(info[-4:], sys.byteorder)
        # It is just being reaped: POLLHUP tells when that is done.
        poll.poll()
