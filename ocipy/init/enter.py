"""Makes a process in a container that runs, which executes the operations of `exec` one after another.

The command (P) makes a process (E) that leaves everything of the host behind, enters the container and makes the
process (I) there, as P's child (CLONE_PARENT), for entering a pid namespace takes effect for children only.
"""

from __future__ import annotations

from ..linux import os, process
from . import console, identity, program, settings
from .walk import await_made, freeze, report, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .channel import Channel
    from .context import Init
    from .walk import Handlers, Turn

HANDLERS: Handlers = {"JoinCgroup": settings.join_cgroup}
for _room in (console, identity, program):
    HANDLERS.update(_room.HANDLERS)


class Entry:
    """How to get in.

    target: pidfd of the container's init process. flags: CLONE_NEW* of the namespaces to enter with it. late: those
    that are entered by I itself. cgroup: descriptor of the v2 cgroup that I is born in, or -1. own_memory: I gets
    copies of all that it may write before these would be charged to the container. score: OOM score adjustment to be
    born with, or None. profile: that AppArmor confines the program by, or "".
    """

    __slots__ = ("cgroup", "flags", "late", "own_memory", "profile", "score", "target")

    def __init__(
        self, target: int, flags: int, late: int, cgroup: int, own_memory: bool, score: int | None, profile: str
    ) -> None:
        self.target = target
        self.flags = flags
        self.late = late
        self.cgroup = cgroup
        self.own_memory = own_memory
        self.score = score
        self.profile = profile


def enter(entry: Entry, init: Init, turns: list[Turn], channel: Channel) -> tuple[int, int]:
    """Makes the process, which then waits for the first of its turns, and gives (pid, pidfd).

    channel: P's end. This process must not be dumpable: the container can look at I from its birth on, and while that
    is so, only who has CAP_SYS_PTRACE over the host's user namespace can open what it has (CVE-2016-9962).
    Raises OSError, OcipyError.
    """
    between = os.fork()
    if between == 0:
        _enter_and_make(entry, init, turns)
    return await_made(between, init, channel, failed="cannot enter the container: ")


def _enter_and_make(entry: Entry, init: Init, turns: list[Turn]) -> None:
    try:
        if entry.own_memory:
            # I inherits this process's memory as its own when this process ends.
            init.own_memory()
        if entry.score is not None:
            init.inherit_score(entry.score)
        if entry.profile:
            # I inherits it, and has no procfs that it could trust.
            init.set_apparmor_profile(entry.profile)
        freeze()
        init.leave_host(entry.target, entry.cgroup)
        # All at once: the kernel looks at the rights of this process, which it loses in a user namespace, only once.
        process.setns(entry.target, entry.flags)
        pid, pidfd = process.clone3(process.CLONE_PARENT, cgroup=entry.cgroup)
        if pid == 0:
            _live(entry, init, turns)
        init.channel.send(("pid", pid), [pidfd])
        os._exit(0)
    except BaseException as error:
        report(init.channel, -1, error)


def _live(entry: Entry, init: Init, turns: list[Turn]) -> None:
    """Is the process in the container; never returns."""
    try:
        if entry.late:
            # Only now: from inside another cgroup namespace the kernel finds no cgroup that is not below its root.
            process.setns(entry.target, entry.late)
        init.leave_host()
        os.setsid()
    except BaseException as error:
        report(init.channel, -1, error)
    walk(init, turns, HANDLERS)
