"""mounts: a container that exists gets further mounts, or loses some."""

from __future__ import annotations

from ..errors import OcipyError
from ..init.change_mounts import change
from ..init.channel import make_pair
from ..init.context import Init, open_proc
from ..linux import os, process
from ..linux.proc import wait_ended
from ..plan.change_mounts import compile_add, compile_entry, compile_remove
from ..spec.load import load, load_mounts
from .exec import is_other, read
from .state import CREATING, STOPPED, Container
from .store import CONFIG
from .walk import failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.operation import Operation
    from ..spec.model import Spec

# What decides which file system one gets: that of mqueue and sysfs belongs to the ipc and the network namespace.
_NAMESPACES = ("mnt", "ipc", "net")


def add_mounts(container: Container, path: str) -> None:
    """Mounts what a file lists, a JSON array like `mounts` of config.json: all, or nothing when one fails.

    This process must be sealed (linux/interpreter.py) and have one thread. Raises OcipyError.
    """
    spec = _spec(container)
    _change(container, spec, compile_add(spec, load_mounts(read(path)), container.record["bundle"]))


def remove_mounts(container: Container, path: str) -> None:
    """Takes away what a file lists by its destinations, the last first; nothing when one is no mount.

    Raises OcipyError.
    """
    spec = _spec(container)
    _change(container, spec, compile_remove(spec, load_mounts(read(path))))


def _spec(container: Container) -> Spec:
    return load(read(f"{container.store.directory(container.id)}/{CONFIG}"))


def _change(container: Container, spec: Spec, operations: tuple[Operation, ...]) -> None:
    process.prctl(process.PR_SET_DUMPABLE, 0)
    namespaces = _open_namespaces(container)
    channel, end = make_pair()
    init = Init(end, open_proc(), container.record["bundle"], 0)
    init.descriptors.update(namespaces)
    pid = os.fork()
    if pid == 0:
        change(init, compile_entry(spec), operations)
    init.close()
    try:
        kind, *values = channel.receive()[0]
    except EOFError:
        raise OcipyError("the process that mounts died before it could report") from None
    finally:
        os.waitpid(pid, 0)
    if kind == "error":
        index, whole, message, property, hint = values
        if index < 0:
            text = message if whole else f"cannot enter the container: {message}"
            raise OcipyError(text, property=property, hint=hint)
        raise failure(operations[index], whole, message, property, hint)


def _open_namespaces(container: Container) -> dict[str, list[int]]:
    """Gives descriptors of the namespaces in which to mount. Raises OcipyError when the container is not there."""
    status = container.status()
    target = container.open_init()
    if status in (CREATING, STOPPED) or target is None:
        raise OcipyError(f"cannot change the mounts of a container that is {status}")
    pid = container.record["init_process_pid"]
    if not is_other(pid, "mnt"):
        raise OcipyError("the container shares the host's mounts: they are not changed", property="linux.namespaces")
    opened = {
        "user": ["user"] if is_other(pid, "user") else [],
        "namespaces": [kind for kind in _NAMESPACES if is_other(pid, kind)],
    }
    found = {
        purpose: [os.open(f"/proc/{pid}/ns/{kind}", os.O_RDONLY | os.O_CLOEXEC) for kind in kinds]
        for purpose, kinds in opened.items()
    }
    if wait_ended(target, 0):
        # What was opened may be another process's.
        raise OcipyError(f"cannot change the mounts of a container that is {STOPPED}")
    os.close(target)
    return found
