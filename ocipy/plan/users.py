"""User namespaces: mappings of ids, and who init is in them (config-linux.md, User namespace mappings)."""

from __future__ import annotations

from .operation import HOST, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import ClassVar

    from ..spec.model import IDMapping, Namespace, Spec
    from .facts import Rootless

    # First id in the container, first id as the caller has it, how many.
    Mappings = tuple[tuple[int, int, int], ...]

_MOST = 340  # lines that the kernel takes: user_namespaces(7)


class WriteIDMappings(Operation):
    """newuidmap, newgidmap: programs that write what the caller may not, or "". setgroups: False denies setgroups(2)
    for good, without which a user may not map its own group: user_namespaces(7).
    """

    side: ClassVar[str] = HOST
    uids: Mappings
    gids: Mappings
    newuidmap: str = ""
    newgidmap: str = ""
    setgroups: bool = True

    def describe(self) -> str:
        users, groups = (f" by {program}" if program else "" for program in (self.newuidmap, self.newgidmap))
        denied = "" if self.setgroups else "; deny setgroups"
        return f"map users {_ranges(self.uids)}{users}; groups {_ranges(self.gids)}{groups}{denied}"


class EnterUserNamespace(Operation):
    """The ids that make the mounts and the files under them: those of the container's root, where it is mapped."""

    uid: int
    gid: int

    def describe(self) -> str:
        return f"become user {self.uid}, group {self.gid} of the user namespace"


def _ranges(mappings: Mappings) -> str:
    return ", ".join(f"{inside}+{size} to {outside}" for inside, outside, size in mappings)


def user_namespace(spec: Spec) -> Namespace | None:
    return next((namespace for namespace in spec.linux.namespaces if namespace.type == "user"), None)


def compile_users(
    spec: Spec, problems: list[tuple[str, str]], warnings: list[str], rootless: Rootless | None = None
) -> tuple[list[Operation], list[Operation]]:
    """Gives what writes the mappings, and what makes init one of the users that they map.

    Appends to problems what the kernel would refuse, or would give nobody's rights.
    """
    namespace = user_namespace(spec)
    writers = {}
    if rootless and rootless.is_user:
        from .rootless import writers_of_mappings

        writers = writers_of_mappings(spec, rootless, problems)
    both = (("uidMappings", spec.linux.uidMappings), ("gidMappings", spec.linux.gidMappings))
    if namespace is None:
        problems += [
            (f"linux.{name}", "needs a user namespace in linux.namespaces") for name, mappings in both if mappings
        ]
        return [], []
    if namespace.path:
        warnings += [
            f"linux.{name}: not used: the user namespace {namespace.path} has its own" for name, given in both if given
        ]
        return [], [EnterUserNamespace(property=namespace.property, uid=0, gid=0)]
    for name, mappings in both:
        problem = _problem(mappings)
        if problem:
            problems.append((f"linux.{name}", problem))
    if spec.process and not problems:
        user = spec.process.user
        for name, id, mappings in (
            ("uid", user.uid, spec.linux.uidMappings), ("gid", user.gid, spec.linux.gidMappings),
            *((f"additionalGids[{i}]", id, spec.linux.gidMappings) for i, id in enumerate(user.additionalGids)),
        ):  # fmt: skip
            if id_on_host(mappings, id) is None:
                problems.append((f"process.user.{name}", f"{id} is not mapped in the user namespace"))
    uids, gids = ([(m.containerID, m.hostID, m.size) for m in mappings] for _name, mappings in both)
    write = WriteIDMappings(property="linux.uidMappings", uids=tuple(uids), gids=tuple(gids), **writers)
    enter = EnterUserNamespace(
        property="linux.uidMappings", uid=_first(spec.linux.uidMappings), gid=_first(spec.linux.gidMappings)
    )
    return [write], [enter]


def _problem(mappings: Sequence[IDMapping]) -> str:
    if not mappings:
        return "is required for a new user namespace"
    if len(mappings) > _MOST:
        return f"has {len(mappings)} entries: the kernel takes {_MOST}"
    for side in ("containerID", "hostID"):
        end = 0
        for first, size in sorted((getattr(mapping, side), mapping.size) for mapping in mappings):
            if first < end:
                return f"two entries have the same {side} {first}"
            end = first + size
            # The last id, 2**32 - 1, means none: setresuid(2).
            if end > 2**32 - 1:
                return f"{side} {first} and size {size} go beyond the last id"
    return ""


def id_on_host(mappings: Sequence[IDMapping], id: int) -> int | None:
    """Gives an id of the container as the host sees it, None when it is not mapped."""
    for mapping in mappings:
        if mapping.containerID <= id < mapping.containerID + mapping.size:
            return mapping.hostID + id - mapping.containerID
    return None


def uid_on_host(spec: Spec) -> int:
    """Gives the uid of the process as the host sees it, 0 where a namespace with unknown mappings is joined."""
    uid = spec.process.user.uid if spec.process else 0
    namespace = user_namespace(spec)
    if namespace is None:
        return uid
    return 0 if namespace.path else id_on_host(spec.linux.uidMappings, uid) or 0


def _first(mappings: Sequence[IDMapping]) -> int:
    """Gives 0, or where that is not mapped, the least id that is."""
    return min((mapping.containerID for mapping in mappings), default=0)
