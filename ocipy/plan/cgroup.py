"""linux.cgroupsPath and linux.resources -> operations, for whichever kind of cgroups the host has."""

from __future__ import annotations

from ..errors import ConfigError
from ..spec.model import Resources
from .cgroup_limits import RESOURCES
from .cgroup_operations import CreateCgroup, DelegateCgroup, EnableControllers
from .mounts import clean
from .users import uid_on_host

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Spec
    from .facts import CgroupFacts
    from .operation import Operation

_PATH = "linux.cgroupsPath"


def compile_cgroup(
    spec: Spec, facts: CgroupFacts, id: str, *, root: bool = True, born: str = ""
) -> tuple[list[Operation], list[str]]:
    """Gives the operations in order and warnings, each a line that starts with the property it is about.

    root: whether the caller is the host's root, who alone may restrict access to devices (nobody else can make or open
    more of them inside than outside) and give a cgroup away. born: directory of the cgroup that init is born in, and
    that is there by then, or "".
    Raises ConfigError for a path that is no cgroup of the container's own and for each limit that this host
    can't set.
    """
    if facts.disabled:
        return [], _unlimited(spec)
    directories = cgroup_directories(spec.linux.cgroupsPath, facts, id)
    if spec.linux.cgroupsPath and facts.version and not directories:
        text = f"permission denied to make {spec.linux.cgroupsPath}: take it out, or have a cgroup above it delegated"
        raise ConfigError([(_PATH, text)])
    resources = spec.linux.resources or Resources()
    limits, warnings = compile_resources(resources, facts, directories, root)
    operations: list[Operation] = []
    if facts.systemd is not None:
        operations.append(_scope(spec, resources, facts, id, directories, limits))
    elif directories:
        others = tuple(pair for pair in directories if pair[1] != born)
        if others:
            operations.append(CreateCgroup(property=_PATH, directories=others))
    unified = dict(directories).get("")
    if facts.version == 2 and unified:
        # What is above the user's own systemd is not the user's to change.
        top = facts.unified + (facts.systemd or "")
        operations.append(
            EnableControllers(property=_PATH, root=top, directory=unified, controllers=facts.available)
        )
        if root:
            limits += _delegation(spec, unified)
    return operations + limits, warnings


def _unlimited(spec: Spec) -> list[str]:
    used = [name for name, value in spec.linux.resources.items() if value] if spec.linux.resources else []
    return [f"{RESOURCES}.{name}: not applied, since cgroups are disabled" for name in used]


def _scope(
    spec: Spec, resources: Resources, facts: CgroupFacts, id: str, directories: tuple[tuple[str, str], ...],
    limits: list[Operation],
) -> Operation:  # fmt: skip
    from .cgroup_devices import device_rules
    from .systemd import start_scope
    from .systemd_properties import device_properties, limit_properties

    properties = limit_properties(facts.version, limits) + device_properties(device_rules(resources.devices))
    return start_scope(spec, facts, id, directories, properties)


def _delegation(spec: Spec, directory: str) -> list[Operation]:
    """config-linux.md, Cgroup ownership: the container's user owns its cgroup if and only if the config has a new
    cgroup namespace and mounts the cgroup writable. On v1 delegation is not secure.
    """
    new_namespace = any(namespace.type == "cgroup" and not namespace.path for namespace in spec.linux.namespaces)
    writable = any(
        mount.source == "cgroup" and clean(mount.destination) == "/sys/fs/cgroup" and "ro" not in mount.options
        for mount in spec.mounts
    )
    uid = uid_on_host(spec)
    # The host's root owns it already.
    if not (new_namespace and writable and uid):
        return []
    return [DelegateCgroup(property="linux.cgroupsPath", directory=directory, uid=uid)]


def cgroup_directories(path: str, facts: CgroupFacts, id: str) -> tuple[tuple[str, str], ...]:
    """Gives pairs of controller list ("" for v2) and absolute directory, in the order in which to join them.

    path: linux.cgroupsPath. Absolute: below each hierarchy's mount point. Relative, or absent and then `id`: below
    the caller's own cgroup; on v2 beside it, because a cgroup that holds processes can't hand controllers down.
    None where cgroups are disabled. Where systemd makes the cgroup, `path` is slice:prefix:name instead.
    Hierarchies in which the caller may make none are left out, as with runc.
    Raises ConfigError when the path has a control character, or `..` leaves nothing of it.
    """
    if facts.disabled:
        return ()
    if not all(character.isprintable() for character in path):
        raise ConfigError([(_PATH, f"{path!r} has characters that no cgroup name may have")])
    if facts.systemd is not None:
        from .systemd import scope_directories

        return scope_directories(path, facts, id)
    below = _components(path or id)
    if not below:
        raise ConfigError([(_PATH, f"{path!r} names no cgroup of the container's own; name one, such as /{id}")])
    mounts = list(facts.hierarchies)
    # Last, so that what the runtime does before is not charged to the container.
    mounts.sort(key=lambda mount: "memory" in mount[0].split(","))
    if facts.unified:
        mounts.append(("", facts.unified))
    own = dict(facts.own)
    result = []
    for controllers, mount in mounts:
        if facts.permitted is not None and controllers not in facts.permitted:
            continue
        base = [] if path.startswith("/") else _components(own.get(controllers, "/"))
        if facts.version == 2:
            base = base[:-1]
        result.append((controllers, "/".join((mount, *base, *below))))
    return tuple(result)


def compile_resources(
    resources: Resources, facts: CgroupFacts, directories: tuple[tuple[str, str], ...], devices: bool = True
) -> tuple[list[Operation], list[str]]:
    """Gives the operations that set the limits of an existing cgroup, and warnings.

    devices: False leaves the device rules as they are, which is what an update wants.
    Raises ConfigError for each limit that this host can't set.
    """
    if facts.version == 2:
        from .cgroup_v2 import V2 as Compiler
    else:
        from .cgroup_v1 import V1 as Compiler  # type: ignore[assignment]
    compiler = Compiler(facts, dict(directories))
    if devices:
        compiler.devices(resources.devices)
    compiler.resources(resources)
    if compiler.problems:
        raise ConfigError(compiler.problems)
    return compiler.operations, compiler.warnings


def _components(path: str) -> list[str]:
    """Gives the names in a path; `..` takes back one name and never climbs out."""
    result: list[str] = []
    for name in path.split("/"):
        if name == "..":
            del result[-1:]
        elif name not in ("", "."):
            result.append(name)
    return result
