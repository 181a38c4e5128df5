"""Other processes as /proc and pidfds show them. No ctypes: the verbs that only look or signal start quickly."""

from __future__ import annotations

import _signal

from . import os

TYPE_CHECKING = False


_INITIAL_USER_NAMESPACE = 0xEFFFFFFD  # inode: PROC_USER_INIT_INO of linux/proc_ns.h


def is_host_root() -> bool:
    """Tells whether this process is root of the initial user namespace (user_namespaces(7)). Raises OSError."""
    return os.geteuid() == 0 and is_in_initial_user_namespace()


def is_in_initial_user_namespace() -> bool:
    """Tells whether this process is in the user namespace that the kernel began with. Raises OSError.

    By the namespace itself: any other may have a map of ids that looks like the initial one's.
    """
    return os.stat("/proc/self/ns/user").st_ino == _INITIAL_USER_NAMESPACE


def start_time(pid: int) -> int | None:
    """Gives the start time of a live process in clock ticks since boot, or None when it is gone or a zombie.

    Pid and start time together name a process for ever: a pid alone may have been given to a stranger (proc(5),
    /proc/pid/stat fields 3 and 22).
    """
    fields = stat_fields(pid)
    return None if not fields or fields[0] in (b"Z", b"X", b"x") else int(fields[19])


def stat_fields(pid: int) -> list[bytes]:
    """Gives the fields of /proc/pid/stat from the state (the third) on; none when the process is gone."""
    try:
        descriptor = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
    except OSError:
        return []
    try:
        text = os.read(descriptor, 4096)
    except ProcessLookupError:
        return []
    finally:
        os.close(descriptor)
    # The command name is in parentheses and may itself hold blanks and parentheses.
    return text[text.rindex(b")") + 2 :].split()


def open_process(pid: int, start: int) -> int | None:
    """Gives a pidfd of the process that has this pid and start time, or None when it has ended."""
    if pid <= 0:
        return None
    try:
        descriptor = os.pidfd_open(pid)
    except OSError:
        return None
    # Read after opening: a match now means that the descriptor refers to that very process.
    if start_time(pid) != start:
        os.close(descriptor)
        return None
    return descriptor


def send_signal(pidfd: int, number: int) -> bool:
    """Sends a signal through a pidfd; gives False when the process has ended."""
    try:
        _signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        return False
    return True


def wait_ended(pidfd: int, seconds: float) -> bool:
    """Waits at most `seconds` until the process ends; tells whether it did (it may still be a zombie)."""
    import select

    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    return bool(poll.poll(int(seconds * 1000)))
