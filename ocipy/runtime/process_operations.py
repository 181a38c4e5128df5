"""The operations on the host's side that init and a process of exec have in common: what is done for or with them."""

from __future__ import annotations

import sys

from ..cgroup import join
from ..init.channel import make_pair
from ..init.context import Init, open_proc
from ..linux import os, process
from . import sockets

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from .walk import Walk

_TIOCGPTN = 0x80045430  # ioctl_tty(2)


def new_process(walk: Walk, cgroup: str) -> tuple[Init, int]:
    """Opens the channel; gives what the process to be made has, and the v2 cgroup that it is born in, or -1."""
    into = join.open_directory(cgroup) if cgroup else -1
    walk.channel, end = make_pair()
    init = Init(end, open_proc(), walk.container.record["bundle"], walk.preserved)
    if walk.seccomp:
        from ..linux.seccomp import Filter

        init.seccomp = Filter(walk.seccomp)
    return init, into


def compile_seccomp(walk: Walk, property: str, *profile: Any) -> None:
    from . import seccomp_cache

    walk.seccomp = seccomp_cache.program(walk.container.store.root, profile, walk.log)


def set_oom_score(walk: Walk, property: str, value: int) -> None:
    write_proc(walk, "oom_score_adj", str(value))


def write_proc(walk: Walk, name: str, text: str) -> None:
    """Writes a file of the process in /proc, in one call: the kernel takes mappings only whole."""
    descriptor = os.open(f"/proc/{walk.pid}/{name}", os.O_WRONLY | os.O_CLOEXEC)
    try:
        os.write(descriptor, text.encode())
    finally:
        os.close(descriptor)


def raise_rlimit(walk: Walk, property: str, type: str, hard: int) -> None:
    soft, present = process.get_rlimit(type, pid=walk.pid)
    if hard > present:
        process.set_rlimit(type, soft, hard, pid=walk.pid)


def verify_cgroup(walk: Walk, property: str) -> None:
    join.verify_membership(walk.pid, dict(walk.plan.cgroups))


def send_console(walk: Walk, property: str, path: str) -> None:
    import fcntl

    # Not ttyname(3), which looks for the name in the host's /dev/pts.
    number = int.from_bytes(fcntl.ioctl(walk.console, _TIOCGPTN, bytes(4)), sys.byteorder)
    sockets.send_descriptor(path, walk.console, f"/dev/pts/{number}")
    os.close(walk.console)
    walk.console = -1


def send_pidfd(walk: Walk, property: str, path: str, kind: str) -> None:
    sockets.send_descriptor(path, walk.pidfd, kind)


def write_pid_file(walk: Walk, property: str, path: str) -> None:
    """Writes the digits alone, without a newline: containerd converts them without trimming."""
    directory, name = path.rsplit("/", 1)
    temporary = f"{directory}/.{name}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    os.write(descriptor, str(walk.pid).encode())
    os.close(descriptor)
    os.rename(temporary, path)
    walk.pid_file = path


HANDLERS: dict[str, Callable[..., None]] = {
    "CompileSeccomp": compile_seccomp,
    "SetOOMScore": set_oom_score,
    "RaiseRlimit": raise_rlimit,
    "VerifyCgroup": verify_cgroup,
    "SendConsole": send_console,
    "SendPidfd": send_pidfd,
    "WritePidFile": write_pid_file,
}
