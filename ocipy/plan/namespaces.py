"""Namespaces and what belongs to them: which are new, which are joined, host names, loopback, sysctls."""

from __future__ import annotations

from ..linux import process as kernel
from .operation import HOST, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from ..spec.model import Spec

KINDS = {
    "pid": kernel.CLONE_NEWPID,
    "network": kernel.CLONE_NEWNET,
    "mount": kernel.CLONE_NEWNS,
    "ipc": kernel.CLONE_NEWIPC,
    "uts": kernel.CLONE_NEWUTS,
    "user": kernel.CLONE_NEWUSER,
    "cgroup": kernel.CLONE_NEWCGROUP,
    "time": kernel.CLONE_NEWTIME,
}
_MEMORY_OF_INIT = 16 << 20  # bytes, more than twice what it was seen to use
_IPC_SYSCTLS = ("kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
                "kernel.shmmni", "kernel.shm_rmid_forced")  # fmt: skip


class OpenNamespace(Operation):
    """Open a namespace that is given by path and make sure that it is of the right kind.

    foreign: it must not be the host's, for the config changes settings that it holds.
    """

    side: ClassVar[str] = HOST
    type: str
    path: str
    foreign: bool

    def describe(self) -> str:
        return f"open the {self.type} namespace {self.path}"


class CreateInit(Operation):
    """Make the init process. new, joined: namespace types. offsets: clock, seconds, nanoseconds.

    ownMemory: init shares no memory with the command, because a copy could be too much for the container's limit.
    cgroup: directory of the v2 one that it is born in, or "". oomScore: adjustment that it is born with, or None.
    """

    side: ClassVar[str] = HOST
    new: tuple[str, ...]
    joined: tuple[str, ...]
    offsets: tuple[tuple[str, int, int], ...]
    ownMemory: bool
    cgroup: str = ""
    oomScore: int | None = None

    def describe(self) -> str:
        text = f"make the init process in new namespaces: {', '.join(self.new) or 'none'}"
        if self.joined:
            text += f"; joining: {', '.join(self.joined)}"
        for clock, seconds, nanoseconds in self.offsets:
            text += f"; clock {clock} offset {seconds} s {nanoseconds} ns"
        if self.oomScore is not None:
            text += f"; OOM score adjustment {self.oomScore}"
        if self.cgroup:
            text += f"; in the cgroup {self.cgroup}"
        return text + ("; its memory apart from ours" if self.ownMemory else "")


class JoinCgroup(Operation):
    def describe(self) -> str:
        return "join the container's cgroup"


class NewCgroupNamespace(Operation):
    def describe(self) -> str:
        return "make a cgroup namespace, whose root is the container's cgroup"


class BringUpLoopback(Operation):
    def describe(self) -> str:
        return "bring up the loopback interface lo"


class SetHostname(Operation):
    name: str

    def describe(self) -> str:
        return f"set the host name to {self.name}"


class SetDomainname(Operation):
    name: str

    def describe(self) -> str:
        return f"set the NIS domain name to {self.name}"


class WriteSysctl(Operation):
    """path: below /proc/sys."""

    path: str
    value: str

    def describe(self) -> str:
        return f"write {self.value} to /proc/sys/{self.path}"


def new_namespaces(spec: Spec) -> set[str]:
    """Gives the types of the namespaces that the container gets for itself."""
    return {namespace.type for namespace in spec.linux.namespaces if not namespace.path}


def compile_namespaces(
    spec: Spec, cgroup: str = "", score: int | None = None
) -> tuple[list[Operation], Operation]:
    """Gives the operations that open the namespaces to join, and the one that makes init.

    cgroup: directory of the v2 one that init is born in, or "". score: OOM score adjustment that init must be born
    with, or None.
    """
    changed = {_namespace_of(_sysctl_path(name)) for name, _value in spec.linux.sysctl}
    if spec.hostname or spec.domainname:
        changed.add("uts")
    opened: list[Operation] = [
        OpenNamespace(
            property=f"{namespace.property}.path", type=namespace.type, path=namespace.path,
            foreign=namespace.type in changed,
        )
        for namespace in spec.linux.namespaces
        if namespace.path
    ]  # fmt: skip
    create = CreateInit(
        property="linux.namespaces",
        new=tuple(namespace.type for namespace in spec.linux.namespaces if not namespace.path),
        joined=tuple(namespace.type for namespace in spec.linux.namespaces if namespace.path),
        offsets=tuple((offset.clock, offset.secs, offset.nanosecs) for offset in spec.linux.timeOffsets),
        ownMemory=is_tight(spec),
        cgroup=cgroup,
        oomScore=score,
    )
    return opened, create


def is_tight(spec: Spec) -> bool:
    """Tells whether the container may have less memory than init could write to before the program begins."""
    resources = spec.linux.resources
    if resources is None:
        return False
    unified = dict(resources.unified)
    texts = [unified.get(name, "") for name in ("memory.max", "memory.high")]
    limits = [int(text) for text in texts if text.isascii() and text.isdigit()]
    if resources.memory and resources.memory.limit is not None:
        limits.append(resources.memory.limit)
    return any(0 <= limit < _MEMORY_OF_INIT for limit in limits)


def compile_settings(spec: Spec, problems: list[tuple[str, str]]) -> tuple[list[Operation], list[Operation]]:
    """Gives what is set inside the new namespaces at once, and the sysctls, which come after the hooks: those of
    network interfaces need what a hook may plug in. Appends to problems what the config may not ask for.
    """
    new = new_namespaces(spec)
    joined = {namespace.type for namespace in spec.linux.namespaces if namespace.path}
    operations: list[Operation] = []
    if "network" in new:
        operations.append(BringUpLoopback(property="linux.namespaces"))
    for name, value, operation in (
        ("hostname", spec.hostname, SetHostname), ("domainname", spec.domainname, SetDomainname),
    ):  # fmt: skip
        if value and "uts" not in new | joined:
            problems.append((name, "needs a uts namespace in linux.namespaces: it would rename the host"))
        elif value:
            operations.append(operation(property=name, name=value))
    sysctls: list[Operation] = []
    for name, value in spec.linux.sysctl:
        path = f"linux.sysctl[{name}]"
        problem = _sysctl_problem(name, value, new | joined)
        if problem:
            problems.append((path, problem))
        else:
            sysctls.append(WriteSysctl(property=path, path=_sysctl_path(name), value=value))
    return operations, sysctls


def _sysctl_path(name: str) -> str:
    """Gives the path below /proc/sys: the first separator, a dot or a slash, tells which of them is the other's."""
    first = next((character for character in name if character in "./"), ".")
    if first == "/":
        return name
    return name.translate(str.maketrans("./", "/."))


def _namespace_of(path: str) -> str:
    """Gives the type of the namespace that holds a sysctl, "" when none does."""
    if path.startswith("net/"):
        return "network"
    if path.replace("/", ".") in _IPC_SYSCTLS or path.startswith("fs/mqueue/"):
        return "ipc"
    return "uts" if path == "kernel/domainname" else ""


def _sysctl_problem(name: str, value: str, namespaces: set[str]) -> str:
    """Tells why a sysctl is refused, or "". Only those that a namespace of the container holds are let through."""
    path = _sysctl_path(name)
    parts = path.split("/")
    if not name.isascii() or not name.isprintable() or any(part in ("", ".", "..") for part in parts):
        return "is not the name of a sysctl"
    if "\n" in value:
        return "the value holds a newline"
    if path == "kernel/hostname":
        return "is set by the property hostname"
    needed = _namespace_of(path)
    if not needed:
        return "is not namespaced: it would change the host"
    if needed not in namespaces:
        return f"needs a {needed} namespace in linux.namespaces: it would change the host"
    return ""
