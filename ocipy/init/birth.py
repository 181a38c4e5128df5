"""Makes the init process, which runs the container's operations one after another.

The command (P) makes init (I) as a copy of itself, with clone3 and in all new namespaces at once. A namespace that is
given by path has to be joined before that, and joining cannot be taken back: then a process between the two (J)
joins, makes I as P's child (CLONE_PARENT) and ends.
"""

from __future__ import annotations

import _signal

from ..linux import os, process
from . import console, devices, hooks, identity, masks, mounts, program, root, settings, users
from .context import Init
from .walk import await_made, freeze, report, walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .channel import Channel
    from .walk import Handlers, Turn

HANDLERS: Handlers = {}
for _room in (settings, root, mounts, devices, console, masks, users, identity, program, hooks):
    HANDLERS.update(_room.HANDLERS)


class Birth:
    """What init is made from.

    flags: CLONE_NEW* of the new namespaces. joined: kind and descriptor of those to join. offsets: clock, seconds and
    nanoseconds of a new time namespace. cgroup: descriptor of the v2 cgroup it is born in, or -1. own_memory: it gets
    copies of all that it may write before these would be charged to the container. score: OOM score adjustment to be
    born with, or None.
    """

    __slots__ = ("cgroup", "flags", "joined", "offsets", "own_memory", "score")

    def __init__(
        self, flags: int, joined: list[tuple[int, int]], offsets: tuple[tuple[str, int, int], ...], cgroup: int,
        own_memory: bool, score: int | None,
    ) -> None:  # fmt: skip
        self.flags = flags
        self.joined = joined
        self.offsets = offsets
        self.cgroup = cgroup
        self.own_memory = own_memory
        self.score = score


def make_init(birth: Birth, init: Init, turns: list[Turn], channel: Channel) -> tuple[int, int]:
    """Makes the init process, which then waits for the first of its turns, and gives (pid, pidfd).

    channel: P's end; what else init has, P has no more. Raises OSError, OcipyError.
    """
    if birth.joined or not os.geteuid():
        # First of all: from the first setns on, a process in the container might look at this one (CVE-2016-9962).
        process.prctl(process.PR_SET_DUMPABLE, 0)
    # Else an ordinary user makes a user namespace, whose mappings it could not write: the files in /proc of what cannot
    # be dumped are root's. Nobody is in that namespace yet, and who is in another one may not look into this.
    if birth.joined or birth.offsets:
        return _make_through_another(birth, init, turns, channel)
    pid, pidfd = process.clone3(birth.flags, exit_signal=_signal.SIGCHLD, cgroup=birth.cgroup)
    if pid == 0:
        _live(birth, init, turns)
    init.close()
    return pid, pidfd


def _make_through_another(birth: Birth, init: Init, turns: list[Turn], channel: Channel) -> tuple[int, int]:
    between = os.fork()
    if between == 0:
        _join_and_make(birth, init, turns)
    return await_made(between, init, channel, property="linux.namespaces")


def _join_and_make(birth: Birth, init: Init, turns: list[Turn]) -> None:
    try:
        if birth.score is not None:
            init.inherit_score(birth.score)
        late = (process.CLONE_NEWCGROUP, process.CLONE_NEWUSER)
        user = [pair for pair in birth.joined if pair[0] == process.CLONE_NEWUSER]
        others = [pair for pair in birth.joined if pair[0] not in late]
        # The host's root may join any namespace, root of the user namespace only those that belong to it; an ordinary
        # user may join no other before it is that.
        _join([*user, *others] if os.geteuid() else [*others, *user])
        if birth.offsets:
            # Likewise, an ordinary user makes nothing before its user namespace.
            own = birth.flags & process.CLONE_NEWUSER if os.geteuid() else 0
            birth.flags &= ~own
            # The offsets of a time namespace can be written only before its first process: time_namespaces(7).
            process.unshare(process.CLONE_NEWTIME | own)
            for clock, seconds, nanoseconds in birth.offsets:
                init.write_proc("self/timens_offsets", f"{clock} {seconds} {nanoseconds}")
        pid, pidfd = process.clone3(birth.flags | process.CLONE_PARENT, cgroup=birth.cgroup)
        if pid == 0:
            _live(birth, init, turns)
        init.channel.send(("pid", pid), [pidfd])
        os._exit(0)
    except BaseException as error:
        report(init.channel, -1, error)


def _live(birth: Birth, init: Init, turns: list[Turn]) -> None:
    """Is the init process; never returns."""
    try:
        # A half-made container is left to `delete`, which need not know of this process: it ends with the command, even
        # at work.
        process.prctl(process.PR_SET_PDEATHSIG, _signal.SIGKILL)
        # Only now: from inside another cgroup namespace the kernel finds no cgroup that is not below its root.
        _join([pair for pair in birth.joined if pair[0] == process.CLONE_NEWCGROUP])
        init.close_foreign()
        if birth.own_memory:
            init.own_memory()
        os.setsid()
        freeze()
    except BaseException as error:
        report(init.channel, -1, error)
    walk(init, turns, HANDLERS)


def _join(namespaces: list[tuple[int, int]]) -> None:
    for kind, descriptor in namespaces:
        process.setns(descriptor, kind)
