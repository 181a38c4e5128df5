"""mounts -> operations that make them, in the order of the document."""

from __future__ import annotations

from ..errors import ConfigError
from ..linux.mount import MOUNT_ATTR_NODEV, MOUNT_ATTR_NOEXEC, MOUNT_ATTR_NOSUID, MOUNT_ATTR_RDONLY
from .mount_options import MountOptions, parse_options
from .operation import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Mount, Spec
    from .facts import CgroupFacts, HostFacts

# Files of /proc that lxcfs and its like stand in for. Whatever else there is covered could hide from the runtime or
# the process what /proc is for (CVE-2015-3631, CVE-2019-16884).
PROC_EXCEPTIONS = frozenset(
    f"/proc/{name}"
    for name in (
        "cpuinfo",
        "diskstats",
        "meminfo",
        "stat",
        "swaps",
        "uptime",
        "loadavg",
        "slabinfo",
        "sys/kernel/ns_last_pid",
        "sys/crypto/fips_enabled",
    )
)
# Kernels refuse or ignore a label on these.
_UNLABELLED = ("proc", "sysfs", "mqueue", "cgroup", "cgroup2")


class BindMount(Operation):
    """source: absolute path on the host. onProc: the destination may lie on a procfs. options: for people."""

    source: str
    destination: str
    recursive: bool
    set: int
    clear: int
    recursiveSet: int
    recursiveClear: int
    propagation: tuple[int, ...]
    onProc: bool
    options: tuple[str, ...]

    def describe(self) -> str:
        return f"bind {self.source} on {self.destination}{_in_brackets(self.options)}"


class FilesystemMount(Operation):
    """readonlyLater: made read-only by a FinishReadonly of the same property. label: SELinux context or ""."""

    type: str
    source: str
    destination: str
    data: tuple[tuple[str, str | None], ...]
    superblock: tuple[str, ...]
    set: int
    propagation: tuple[int, ...]
    tmpcopyup: bool
    readonlyLater: bool
    label: str
    onProc: bool
    options: tuple[str, ...]

    def describe(self) -> str:
        return f"mount {self.type} on {self.destination}{_in_brackets(self.options)}"


class CgroupMount(Operation):
    """A view of cgroup v1. hierarchies: name of the directory, controllers, and the container's own directory, or that
    of its creator where it has none.

    foreign: names of the latter, which are read-only. namespaced: mounted within the container's cgroup namespace, else
    the directory is bound.
    """

    destination: str
    hierarchies: tuple[tuple[str, str, str], ...]
    namespaced: bool
    set: int
    propagation: tuple[int, ...]
    foreign: tuple[str, ...] = ()

    def describe(self) -> str:
        names = " ".join(name for name, _controllers, _directory in self.hierarchies)
        mode = "read-only" if self.set & MOUNT_ATTR_RDONLY or self.foreign else "writable"
        return f"mount the container's cgroups on {self.destination} ({mode}): {names}"


class Remount(Operation):
    """bind: only the mount changes; else the file system under it, too."""

    destination: str
    bind: bool
    data: tuple[tuple[str, str | None], ...]
    superblock: tuple[str, ...]
    set: int
    clear: int
    recursiveSet: int
    recursiveClear: int
    propagation: tuple[int, ...]
    options: tuple[str, ...]

    def describe(self) -> str:
        return f"change the mount on {self.destination}{_in_brackets(self.options)}"


class FinishReadonly(Operation):
    """Content is made in /dev and in a tmpfs (mount points of later mounts) before it becomes read-only."""

    destination: str

    def describe(self) -> str:
        return f"make the mount on {self.destination} read-only"


def _in_brackets(options: tuple[str, ...]) -> str:
    return f" ({', '.join(options)})" if options else ""


def clean(path: str) -> str:
    """Gives the path without `.`, `..` and doubled slashes, below `/`: the text alone decides, as in runc."""
    kept: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del kept[-1:]
        elif name not in ("", "."):
            kept.append(name)
    return "/" + "/".join(kept)


def on_host(path: str, bundle: str) -> str:
    """Gives a path of the host; a relative one is relative to the bundle (config.md, Mounts and Root)."""
    return path if path.startswith("/") else f"{bundle.rstrip('/')}/{path}"


def compile_mounts(
    spec: Spec, facts: HostFacts, cgroups: tuple[tuple[str, str], ...], bundle: str
) -> tuple[list[Operation], list[Operation]]:
    """Gives the operations that make the mounts, and those that make some read-only in the end.

    cgroups: pairs of controllers ("" for v2) and the container's own directory. bundle: absolute path.
    Raises ConfigError with every mount that is refused.
    """
    compiler = _Mounts(spec, facts.cgroup, dict(cgroups), bundle)
    for mount in spec.mounts:
        compiler.add(mount)
    if compiler.problems:
        raise ConfigError(compiler.problems)
    return compiler.operations, compiler.finish


class _Mounts:
    def __init__(self, spec: Spec, facts: CgroupFacts, own: dict[str, str], bundle: str) -> None:
        self.facts = facts
        self.own = own
        self.bundle = bundle
        self.label = spec.linux.mountLabel
        self.namespaced = any(namespace.type == "cgroup" for namespace in spec.linux.namespaces)
        self.operations: list[Operation] = []
        self.finish: list[Operation] = []
        self.problems: list[tuple[str, str]] = []

    def add(self, mount: Mount) -> None:
        destination = clean(mount.destination)
        options = parse_options(mount.options)
        bind = options.bind or mount.type == "bind"
        if not self._allowed(mount, destination, bind):
            return
        if options.remount:
            self._remount(mount, destination, options, bind)
        elif bind:
            self._bind(mount, destination, options)
        elif mount.type == "cgroup":
            self._cgroup(mount, destination, options)
        elif mount.type:
            self._filesystem(mount, destination, options, mount.type, mount.source)
        else:
            self.problems.append((f"{mount.property}.type", "is required without the option bind or rbind"))

    def _allowed(self, mount: Mount, destination: str, bind: bool) -> bool:
        problem = ""
        if destination == "/":
            problem = "a mount on / would cover the root; use root.path"
        elif destination == "/proc" and not bind and mount.type != "proc":
            problem = f'"{destination}" cannot be mounted because it is not of type proc'
        elif destination.startswith("/proc/") and destination not in PROC_EXCEPTIONS:
            problem = f'"{destination}" cannot be mounted because it is inside /proc'
        if problem:
            self.problems.append((f"{mount.property}.destination", problem))
        return not problem

    def _bind(self, mount: Mount, destination: str, options: MountOptions) -> None:
        if not mount.source:
            self.problems.append((f"{mount.property}.source", "is required for a bind mount"))
            return
        # Options that are none of a mount (mode=755, sync) fit the file system of the source, which is not ours.
        self.operations.append(
            BindMount(
                property=mount.property,
                source=on_host(mount.source, self.bundle),
                destination=destination,
                recursive=options.recursive,
                set=options.set,
                clear=options.clear,
                recursiveSet=options.recursiveSet,
                recursiveClear=options.recursiveClear,
                propagation=options.propagation,
                onProc=destination in PROC_EXCEPTIONS,
                options=mount.options,
            )
        )

    def _filesystem(self, mount: Mount, destination: str, options: MountOptions, type: str, source: str) -> None:
        attributes = options.set | options.recursiveSet
        superblock = options.superblock
        later = bool(attributes & MOUNT_ATTR_RDONLY) and (type == "tmpfs" or destination == "/dev")
        if later:
            attributes &= ~MOUNT_ATTR_RDONLY
            superblock = tuple(name for name in superblock if name != "ro")
            self.finish.append(FinishReadonly(property=mount.property, destination=destination))
        self.operations.append(
            FilesystemMount(
                property=mount.property,
                type=type,
                source=source,
                destination=destination,
                data=options.data,
                superblock=superblock,
                set=attributes,
                propagation=options.propagation,
                tmpcopyup=options.tmpcopyup and type == "tmpfs",
                readonlyLater=later,
                label="" if type in _UNLABELLED else self.label,
                onProc=destination in PROC_EXCEPTIONS,
                options=mount.options,
            )
        )

    def _remount(self, mount: Mount, destination: str, options: MountOptions, bind: bool) -> None:
        self.operations.append(
            Remount(
                property=mount.property,
                destination=destination,
                bind=bind,
                data=options.data,
                superblock=options.superblock,
                set=options.set,
                clear=options.clear,
                recursiveSet=options.recursiveSet,
                recursiveClear=options.recursiveClear,
                propagation=options.propagation,
                options=mount.options,
            )
        )

    def _cgroup(self, mount: Mount, destination: str, options: MountOptions) -> None:
        """`cgroup` means: the container's view of its own cgroups, whichever version the host has."""
        if not self.own:
            # It sees everyone's or its creator's, so it may not write (CVE-2023-25809).
            options.set |= MOUNT_ATTR_RDONLY
            options.recursiveSet |= MOUNT_ATTR_RDONLY
            options.clear &= ~MOUNT_ATTR_RDONLY
            options.recursiveClear &= ~MOUNT_ATTR_RDONLY
        if self.facts.version == 2:
            if self.namespaced:
                if "" not in self.own:
                    # What the container's namespace shows is then the caller's own cgroup.
                    options.set |= MOUNT_ATTR_RDONLY
                self._filesystem(mount, destination, options, "cgroup2", "cgroup")
            else:
                self._cgroup_bind(mount, destination, options)
        elif self.facts.version == 1:
            safe = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC
            hierarchies, foreign = self._hierarchies()
            self.operations.append(
                CgroupMount(
                    property=mount.property,
                    destination=destination,
                    hierarchies=hierarchies,
                    namespaced=self.namespaced,
                    set=options.set | options.recursiveSet | safe,
                    propagation=options.propagation,
                    foreign=foreign,
                )
            )
        else:
            from .controllers import NO_CGROUPS

            text = f"the host has no cgroup hierarchy to mount ({NO_CGROUPS})"
            self.problems.append((f"{mount.property}.type", text))

    def _cgroup_bind(self, mount: Mount, destination: str, options: MountOptions) -> None:
        self.operations.append(
            BindMount(
                property=mount.property,
                source=self.own.get("") or self.facts.unified,
                destination=destination,
                recursive=True,
                set=options.set,
                clear=options.clear,
                recursiveSet=options.recursiveSet,
                recursiveClear=options.recursiveClear,
                propagation=options.propagation,
                onProc=False,
                options=mount.options,
            )
        )

    def _hierarchies(self) -> tuple[tuple[tuple[str, str, str], ...], tuple[str, ...]]:
        result, foreign = [], []
        callers = dict(self.facts.own)
        for controllers, mounted_at in self.facts.hierarchies:
            name = mounted_at.rstrip("/").rpartition("/")[2] or controllers
            own = self.own.get(controllers)
            if own is None:
                foreign.append(name)
                own = mounted_at + callers.get(controllers, "/").rstrip("/")
            result.append((name, controllers, own))
        return tuple(result), tuple(foreign)
