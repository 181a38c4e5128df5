"""root, devices, masked and read-only paths -> operations; with the mounts, all that makes the file system."""

from __future__ import annotations

from ..errors import ConfigError
from ..linux.mount import MS_PRIVATE, MS_REC, MS_SHARED, MS_SLAVE
from .mount_options import PROPAGATION
from .mounts import clean, compile_mounts, on_host
from .operation import Operation
from .users import user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Device, Spec
    from .facts import HostFacts

# config-linux.md, Default Devices: path, major, minor.
DEFAULT_DEVICES = (
    ("/dev/null", 1, 3),
    ("/dev/zero", 1, 5),
    ("/dev/full", 1, 7),
    ("/dev/random", 1, 8),
    ("/dev/urandom", 1, 9),
    ("/dev/tty", 5, 0),
)
# runtime-linux.md, Dev symbolic links; ptmx is a default device that is a link.
_LINKS = (
    ("/dev/fd", "/proc/self/fd"),
    ("/dev/stdin", "/proc/self/fd/0"),
    ("/dev/stdout", "/proc/self/fd/1"),
    ("/dev/stderr", "/proc/self/fd/2"),
    ("/dev/core", "/proc/kcore"),
    ("/dev/ptmx", "pts/ptmx"),
)
_DEFAULT_MODE = 0o666
_NAMES = {kind: name for name, kind in PROPAGATION.items()}


class PrepareRoot(Operation):
    """path: of the root file system on the host. propagation: MS_* for all mounts while the container is built."""

    path: str
    propagation: int

    def describe(self) -> str:
        return f"make all mounts {_NAMES[self.propagation]} and {self.path} a mount of its own"


class OpenRoot(Operation):
    """Without a mount namespace of its own: no mount of the host is changed."""

    path: str

    def describe(self) -> str:
        return f"use {self.path} in the mount namespace of the caller"


class CreateDevice(Operation):
    """type: c, b or p. bind: in a user namespace, where mknod(2) is not allowed, bind the host's node."""

    path: str
    type: str
    major: int
    minor: int
    mode: int
    uid: int
    gid: int
    bind: bool

    def describe(self) -> str:
        if self.type == "p":
            return f"make the FIFO {self.path} (mode {self.mode:04o}, owner {self.uid}:{self.gid})"
        numbers = f"{self.type} {self.major}:{self.minor}"
        if self.bind:
            return f"bind the host's device {self.path} ({numbers})"
        return f"make the device {self.path} ({numbers}, mode {self.mode:04o}, owner {self.uid}:{self.gid})"


class CreateLink(Operation):
    path: str
    target: str

    def describe(self) -> str:
        return f"link {self.path} to {self.target}"


class MakeWorkingDirectory(Operation):
    path: str

    def describe(self) -> str:
        return f"make the working directory {self.path} unless it exists"


class ReadonlyRoot(Operation):
    def describe(self) -> str:
        return "make the root file system read-only"


class MaskPath(Operation):
    """label: SELinux context of the empty directory, or ""."""

    path: str
    label: str

    def describe(self) -> str:
        return f"hide {self.path}"


class ReadonlyPath(Operation):
    path: str

    def describe(self) -> str:
        return f"make {self.path} read-only"


class PivotRoot(Operation):
    """propagation: MS_* of the new root, or 0 to leave it private."""

    propagation: int

    def describe(self) -> str:
        return f"pivot into the new root and drop the host's mounts{_made(self.propagation)}"


class MoveRoot(Operation):
    """As PivotRoot, where the host's root is one that cannot be pivoted (an initramfs)."""

    propagation: int

    def describe(self) -> str:
        return f"hide the host's proc and sysfs, move the new root over / and chroot{_made(self.propagation)}"


class ChrootRoot(Operation):
    def describe(self) -> str:
        return "chroot into the root file system"


def _made(propagation: int) -> str:
    return f"; make it {_NAMES[propagation]}" if propagation else ""


def compile_rootfs(
    spec: Spec, facts: HostFacts, cgroups: tuple[tuple[str, str], ...], bundle: str, no_pivot: bool
) -> tuple[list[Operation], list[Operation]]:
    """Gives the operations before the createContainer hooks, and those after, up to the change of root.

    cgroups: pairs of controllers ("" for v2) and the container's own directory. bundle: absolute path.
    Raises ConfigError with every property that is refused.
    """
    problems: list[tuple[str, str]] = []
    before: list[Operation] = []
    after: list[Operation] = []
    own_mounts = any(namespace.type == "mount" for namespace in spec.linux.namespaces)
    propagation = _root_propagation(spec, problems)
    path = on_host(spec.root.path if spec.root else "rootfs", bundle)
    before.append(_prepare(path, propagation) if own_mounts else OpenRoot(property="root.path", path=path))
    try:
        mounts, finish = compile_mounts(spec, facts, cgroups, bundle)
    except ConfigError as error:
        problems += error.problems
    else:
        before += mounts
        after += finish
    before += _devices(spec, facts, problems)
    if spec.process:
        before.append(MakeWorkingDirectory(property="process.cwd", path=spec.process.cwd))
    after += _restrictions(spec, own_mounts, problems)
    after.append(_enter(own_mounts, no_pivot, propagation))
    if problems:
        raise ConfigError(problems)
    return before, after


def _root_propagation(spec: Spec, problems: list[tuple[str, str]]) -> int:
    name = spec.linux.rootfsPropagation
    if name and name not in PROPAGATION:
        problems.append(("linux.rootfsPropagation", f"{name!r} is none of {', '.join(PROPAGATION)}"))
    return PROPAGATION.get(name, 0)


def _prepare(path: str, propagation: int) -> Operation:
    kind = propagation & ~MS_REC
    # Unless sharing is asked for, nothing that is mounted from here on may reach the host. A root that shall be
    # unbindable cannot be so already while it is bound on itself and volumes are bound from the host.
    if kind not in (0, MS_SHARED, MS_SLAVE):
        kind = MS_PRIVATE
    return PrepareRoot(property="root.path", path=path, propagation=(kind or MS_SLAVE) | MS_REC)


def _enter(own_mounts: bool, no_pivot: bool, propagation: int) -> Operation:
    if not own_mounts:
        return ChrootRoot(property="root.path")
    # The root was made private when it was prepared.
    final = 0 if propagation & MS_PRIVATE else propagation
    kind = MoveRoot if no_pivot else PivotRoot
    return kind(property="root.path", propagation=final)


def _devices(spec: Spec, facts: HostFacts, problems: list[tuple[str, str]]) -> list[Operation]:
    bind = user_namespace(spec) is not None or facts.rootless is not None
    # A /dev that is bound from elsewhere is complete, and not ours to change: runc leaves it alone, too.
    foreign = any(
        clean(mount.destination) == "/dev" and ("bind" in mount.options or "rbind" in mount.options)
        for mount in spec.mounts
    )
    listed = [_device(device, bind, problems) for device in spec.linux.devices]
    paths = {device.path for device in listed}
    operations: list[Operation] = []
    if not foreign:
        operations += [
            CreateDevice(
                property="", path=path, type="c", major=major, minor=minor, mode=_DEFAULT_MODE, uid=0, gid=0, bind=bind
            )
            for path, major, minor in DEFAULT_DEVICES
            if path not in paths
        ]
    operations += [device for device in listed if not (foreign and device.path.startswith("/dev/"))]
    if not foreign:
        operations += [CreateLink(property="", path=path, target=target) for path, target in _LINKS]
    return operations


def twin_devices(spec: Spec) -> list[str]:
    """Gives a warning for each device that is listed under a second path: config-linux.md, Devices, SHOULD NOT."""
    first: dict[tuple[str, int, int], str] = {}
    warnings = []
    for device in spec.linux.devices:
        if device.type == "p":
            continue
        kind = "b" if device.type == "b" else "c"
        path = first.setdefault((kind, device.major, device.minor), device.path)
        if clean(path) != clean(device.path):
            numbers = f"{kind} {device.major}:{device.minor}"
            warnings.append(f"{device.property}.path: {device.path} is the device {numbers}, as is {path}")
    return warnings


def _device(device: Device, bind: bool, problems: list[tuple[str, str]]) -> CreateDevice:
    path = clean(device.path)
    if device.type not in ("c", "u", "b", "p"):
        problems.append((f"{device.property}.type", f"{device.type!r} is none of c, u, b, p"))
    elif path == "/dev/null" and (device.type in "bp" or (device.major, device.minor) != (1, 3)):
        problems.append((f"{device.property}.path", "/dev/null must be the character device 1:3"))
    fifo = device.type == "p"
    return CreateDevice(
        property=device.property,
        path=path,
        type="c" if device.type == "u" else device.type,
        # A FIFO has no numbers; configs that give some are valid (config-linux.md, Devices).
        major=0 if fifo else device.major,
        minor=0 if fifo else device.minor,
        mode=_DEFAULT_MODE if device.fileMode is None else device.fileMode & 0o7777,
        uid=device.uid or 0,
        gid=device.gid or 0,
        bind=bind and not fifo,
    )


def _restrictions(spec: Spec, own_mounts: bool, problems: list[tuple[str, str]]) -> list[Operation]:
    """Gives the operations of root.readonly, maskedPaths and readonlyPaths."""
    operations: list[Operation] = []
    wanted: list[str] = []
    if spec.root and spec.root.readonly:
        wanted.append("root.readonly")
        operations.append(ReadonlyRoot(property="root.readonly"))
    for name, paths in (("maskedPaths", spec.linux.maskedPaths), ("readonlyPaths", spec.linux.readonlyPaths)):
        if paths:
            wanted.append(f"linux.{name}")
        seen = set()
        for index, path in enumerate(paths):
            property = f"linux.{name}[{index}]"
            if not path.startswith("/"):
                problems.append((property, f"{path!r} is not absolute"))
            place = clean(path)
            if place in seen:
                continue
            seen.add(place)
            if name == "maskedPaths":
                operations.append(MaskPath(property=property, path=place, label=spec.linux.mountLabel))
            else:
                operations.append(ReadonlyPath(property=property, path=place))
    if not own_mounts:
        problems += [(name, "needs a mount namespace; add one to linux.namespaces") for name in wanted]
    return operations
