"""What an ordinary user may do: user_namespaces(7), and newuidmap(1) for what the kernel does not let it do alone."""

from __future__ import annotations

from .users import id_on_host, user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    from ..spec.model import IDMapping, Spec
    from .facts import Rootless

    Problems = list[tuple[str, str]]


def writers_of_mappings(spec: Spec, caller: Rootless, problems: Problems) -> dict[str, Any]:
    """Gives the fields of WriteIDMappings that tell who writes the mappings. Appends to problems what a user may not.

    A user maps its own id alone, and its own group once setgroups(2) is denied; all else is up to newuidmap(1), which
    asks /etc/subuid.
    """
    namespace = user_namespace(spec)
    if namespace is None:
        text = f"rootless container requires user namespaces: this is user {caller.uid}; add one, or be root"
        problems.append(("linux.namespaces", text))
        return {}
    if namespace.path:
        return {}
    fields: dict[str, Any] = {}
    for name, own, mappings in (
        ("uid", caller.uid, spec.linux.uidMappings), ("gid", caller.gid, spec.linux.gidMappings),
    ):  # fmt: skip
        alone = _is_alone(mappings, own)
        program = f"new{name}map"
        path = getattr(caller, program)
        if not (alone or path):
            text = f"more than id {own}, the caller's own, needs {program}, which is not installed (Debian: uidmap)"
            problems.append((f"linux.{name}Mappings", text))
        fields[program] = "" if alone else path
        if name == "gid" and alone:
            fields["setgroups"] = False
            if spec.process and spec.process.user.additionalGids:
                text = "cannot set any additional groups in a rootless container that has one group: map more of them"
                problems.append(("process.user.additionalGids", text))
    _check_mounts(spec, problems)
    return fields


def _is_alone(mappings: Sequence[IDMapping], own: int) -> bool:
    return [(mapping.hostID, mapping.size) for mapping in mappings] == [(own, 1)]


def _check_mounts(spec: Spec, problems: Problems) -> None:
    """The kernel says no more of an owner that is not mapped than that a parameter is invalid."""
    for mount in spec.mounts:
        if mount.type == "bind" or "bind" in mount.options or "rbind" in mount.options:
            # What is bound has its owners already.
            continue
        for index, option in enumerate(mount.options):
            name, _equals, text = option.partition("=")
            if name not in ("uid", "gid") or not (text.isascii() and text.isdigit()):
                continue
            mappings = spec.linux.uidMappings if name == "uid" else spec.linux.gidMappings
            if id_on_host(mappings, int(text)) is None:
                text = f"{option}: cannot specify {name}= mount options for unmapped {name} in rootless containers"
                problems.append((f"{mount.property}.options[{index}]", text))
