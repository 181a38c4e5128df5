"""Mounts of a container that exists: made, or taken away, by a process that enters its mount namespace for that.

It has no pid in the container, so that nobody in there sees it.
"""

from __future__ import annotations

from ..errors import OcipyError
from ..linux import os, process
from ..linux.mount import AT_FDCWD, MNT_DETACH, clone_tree, is_mount_root, umount2
from . import identity, mounts
from .paths import open_in_root
from .walk import freeze, report

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..plan.operation import Operation
    from .context import Init
    from .walk import Handlers


def change(init: Init, entry: Sequence[Operation], operations: Sequence[Operation]) -> None:
    """Is the process; never returns. What was mounted before an operation fails is unmounted again.

    entry: what makes it root of the container's user namespace. init.descriptors has the namespaces to enter: `user`,
    none when that is the host's, and `namespaces`, that of the mounts among them.
    """
    index = -1
    try:
        freeze()
        init.close_foreign()
        _prepare(init, entry, operations)
        for namespace in init.take("namespaces"):
            process.setns(namespace, 0)
        init.root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
        init.mounted = []
        # Before the first is taken away, all must be there.
        for handlers in ({"Unmount": find_mount}, HANDLERS):
            for index, operation in enumerate(operations):  # noqa: B007 (index tells the failed operation)
                kind, *fields = operation.wire()
                if kind in handlers:
                    handlers[kind](init, *fields)
        init.channel.send(("done",))
        os._exit(0)
    except BaseException as error:
        _undo(init)
        report(init.channel, index, error)


def _prepare(init: Init, entry: Sequence[Operation], operations: Sequence[Operation]) -> None:
    """Clones the sources of bind mounts while the host's files are within reach."""
    for namespace in init.take("user"):
        process.setns(namespace, process.CLONE_NEWUSER)
        for operation in entry:
            kind, *fields = operation.wire()
            HANDLERS[kind](init, *fields)
        # In mounts of the user namespace's own, what the host has set (nodev, nosuid, ro) is locked: nobody in the
        # container can clear it later (mount_namespaces(7)).
        process.unshare(process.CLONE_NEWNS)
    for operation in operations:
        kind, property, *fields = operation.wire()
        if kind == "BindMount":
            source, _destination, recursive, *_rest = fields
            init.descriptors[property] = [clone_tree(AT_FDCWD, source, recursive=recursive)]


def _open_mount(init: Init, destination: str) -> int:
    """Gives a descriptor of the topmost mount at a path of the container."""
    place = open_in_root(init.root, destination)
    if not is_mount_root(place):
        os.close(place)
        raise OcipyError(f"nothing is mounted on {destination}")
    return place


def find_mount(init: Init, property: str, destination: str) -> None:
    os.close(_open_mount(init, destination))


def unmount(init: Init, property: str, destination: str) -> None:
    _detach(init, _open_mount(init, destination))


def _detach(init: Init, mount: int) -> None:
    """Unmounts what a descriptor is the root of, wherever it was moved to."""
    os.fchdir(init.proc)
    umount2(f"self/fd/{mount}", MNT_DETACH)
    os.close(mount)


def _undo(init: Init) -> None:
    for mount in reversed(init.mounted or ()):
        try:
            _detach(init, mount)
        except OSError:
            # Somebody in the container was faster.
            continue


HANDLERS: Handlers = {"Unmount": unmount}
for _room in (identity, mounts):
    HANDLERS.update(_room.HANDLERS)
