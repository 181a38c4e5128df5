"""The sealed interpreter: starts while the command still reads config.json, then makes the init process.

The command (P) starts this process (S) at once, since an interpreter takes longer to start than anything else does.
S imports all that init needs, waits for the plan, joins the namespaces that are given by path, makes the init process
(I) as P's child with clone3 and ends. I runs the container's operations one after another.
"""

from __future__ import annotations

import os
import sys
import time

from .. import archive
from ..errors import OcipyError, describe_error
from ..linux import interpreter, process
from ..linux.mount import AT_FDCWD, PROC_SUPER_MAGIC, file_system_magic
from ..linux.openat2 import openat2
from ..linux.seccomp import Filter
from . import console, devices, hooks, identity, masks, mounts, program, root, settings, users
from .channel import Channel, Closed
from .context import Init

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

HANDLERS: dict[str, Callable[..., None]] = {}
for _room in (settings, root, mounts, devices, console, masks, users, identity, program, hooks):
    HANDLERS.update(_room.HANDLERS)


def main() -> None:
    """Entry point of the sealed interpreter: `main` of argv [channel descriptor, number of preserved ones]."""
    # First of all: from the first setns on, a process in the container might look at this one (CVE-2016-9962).
    process.prctl(process.PR_SET_DUMPABLE, 0)
    descriptor, preserved = int(sys.argv[1]), int(sys.argv[2])
    process.close_others({0, 1, 2, descriptor, *range(3, 3 + preserved)})
    channel = Channel(descriptor)
    os.set_inheritable(descriptor, False)
    try:
        archive.save()
        if os.geteuid() == 0 and not interpreter.is_sealed():
            raise OcipyError("the interpreter of the init process is not sealed")
        _make_init(channel, preserved)
    except Closed:
        os._exit(1)
    except BaseException as error:
        _report(channel, -1, error)


def _make_init(channel: Channel, preserved: int) -> None:
    request, descriptors = channel.receive()
    named = {}
    for name, count in request["descriptors"]:
        named[name] = descriptors[:count]
        descriptors = descriptors[count:]
    proc = openat2(AT_FDCWD, "/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, 0)
    if file_system_magic(proc) != PROC_SUPER_MAGIC:
        raise OcipyError("/proc of the host is not a proc file system")
    init = Init(channel, proc, request["bundle"], named, preserved)
    if request["seccomp"]:
        init.seccomp = Filter(request["seccomp"])
    joined = list(zip(request["joined"], init.take("namespaces"), strict=True))
    _join([pair for pair in joined if pair[0] != process.CLONE_NEWCGROUP])
    if request["offsets"]:
        # The offsets of a time namespace can be written only before its first process: time_namespaces(7).
        process.unshare(process.CLONE_NEWTIME)
        for clock, seconds, nanoseconds in request["offsets"]:
            init.write_proc("self/timens_offsets", f"{clock} {seconds} {nanoseconds}")
    cgroup = init.take("into_cgroup")[0] if "into_cgroup" in named else -1
    pid, pidfd = process.clone3(request["flags"] | process.CLONE_PARENT, cgroup=cgroup)
    if pid:
        channel.send(("pid", pid), [pidfd])
        os._exit(0)
    if cgroup >= 0:
        os.close(cgroup)
    # Only now: from inside another cgroup namespace the kernel finds no cgroup that is not below its root.
    _join([pair for pair in joined if pair[0] == process.CLONE_NEWCGROUP])
    init.hook_state = request["hook_state"]
    os.setsid()
    _freeze()
    _walk(init, request["segments"])


def _join(namespaces: list[tuple[int, int]]) -> None:
    for kind, descriptor in namespaces:
        process.setns(descriptor, kind)
        os.close(descriptor)


def _freeze() -> None:
    """Takes away the means to load code: a module planted in the image would run with the host's rights."""
    sys.path.clear()
    sys.meta_path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()


def _walk(init: Init, segments: list[list[tuple[int, tuple[Any, ...]]]]) -> None:
    """Runs the operations, a segment at each turn that P gives; a segment's end gives the turn back."""
    index = -1
    try:
        for segment in segments:
            init.channel.receive()
            times = []
            for index, (kind, *fields) in segment:  # noqa: B007 (index tells the failed operation)
                begun = time.perf_counter()
                HANDLERS[kind](init, *fields)
                times.append(time.perf_counter() - begun)
            init.channel.send(("done", times))
    except Closed:
        os._exit(1)
    except BaseException as error:
        _report(init.channel, index, error)
    os._exit(1)


def _report(channel: Channel, index: int, error: BaseException) -> None:
    """Sends what failed to whoever waits, and ends. No traceback: it would open source files by path."""
    try:
        channel.send(("error", index, *describe_error(error)))
    finally:
        # Whatever else happens: nobody may be listening, or a second signal arrive.
        os._exit(1)
