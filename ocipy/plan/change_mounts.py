"""The compiler of `mounts`: what is mounted in a container that exists, or taken away there."""

from __future__ import annotations

from ..errors import ConfigError
from ..record import changed
from ..spec.unsupported import unsupported
from .facts import CgroupFacts, HostFacts
from .mount_options import parse_options
from .mounts import PROC_EXCEPTIONS, clean, compile_mounts
from .operation import Operation
from .users import compile_users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..spec.model import Mount, Spec

# They show what the process belongs to that mounts them, and that is not in the container's pid and cgroup namespaces.
_AT_CREATION = ("proc", "cgroup", "cgroup2")


class Unmount(Operation):
    destination: str

    def describe(self) -> str:
        return f"unmount {self.destination}"


def compile_add(spec: Spec, mounts: tuple[Mount, ...], bundle: str) -> tuple[Operation, ...]:
    """Gives the operations that make the mounts in the container of `spec`, as config.json's are made.

    bundle: absolute path. Raises ConfigError with every mount that is refused.
    """
    spec = changed(spec, mounts=mounts)
    problems = [*_not_addable(mounts), *unsupported(spec)]
    operations: list[Operation] = []
    try:
        made, finish = compile_mounts(spec, HostFacts(cgroup=CgroupFacts(), capabilities=0), (), bundle)
        operations = made + finish
    except ConfigError as error:
        problems += [problem for problem in error.problems if problem not in problems]
    if problems:
        raise ConfigError(problems)
    return tuple(operations)


def _not_addable(mounts: tuple[Mount, ...]) -> Iterator[tuple[str, str]]:
    for mount in mounts:
        options = parse_options(mount.options)
        if options.remount:
            yield f"{mount.property}.options", "remount changes what is there, which could not be taken back"
        elif mount.type in _AT_CREATION and not options.bind:
            yield f"{mount.property}.type", f"{mount.type} can be mounted only when the container is created"


def compile_remove(spec: Spec, mounts: tuple[Mount, ...]) -> tuple[Operation, ...]:
    """Gives the operations that take the mounts away, the last first: only the destinations count.

    Raises ConfigError with every destination where a mount protects something.
    """
    problems = []
    for mount in mounts:
        destination = clean(mount.destination)
        if destination in ("/", "/proc") or (destination.startswith("/proc/") and destination not in PROC_EXCEPTIONS):
            problems.append((f"{mount.property}.destination", f"{destination} cannot be unmounted"))
        for name in ("maskedPaths", "readonlyPaths"):
            if destination in map(clean, getattr(spec.linux, name)):
                problems.append((f"{mount.property}.destination", f"{destination} is one of linux.{name}"))
    if problems:
        raise ConfigError(problems)
    return tuple(
        Unmount(property=mount.property, destination=clean(mount.destination)) for mount in reversed(mounts)
    )


def compile_entry(spec: Spec) -> tuple[Operation, ...]:
    """Gives what makes the process that mounts the root of the container's user namespace, if it has one."""
    return tuple(compile_users(spec, [], [])[1])
