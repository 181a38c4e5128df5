"""All concerns, one after another."""

from __future__ import annotations

from ..cgroup.host import detect
from ..linux import capability, os
from ..plan.facts import CgroupFacts
from . import cgroups, devices, kernel, namespaces, privileges, programs, security, storage, systemd, users
from .finding import FAIL, Host, note, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .finding import Finding

CONCERNS = (kernel, namespaces, cgroups, privileges, users, security, systemd, storage, devices, programs)


def host(root: str, paths: tuple[str, ...] = ()) -> Host:
    """Gives what all who look need. root: the state directory; paths: where bundles shall be."""
    effective = capability.effective()
    return Host(
        uid=os.geteuid(),
        capabilities=effective,
        privileged=bool(effective >> capability.CAP_SYS_ADMIN & 1),
        # Without /proc it takes a v2 hierarchy beside v1 for the only one.
        cgroups=detect() if text_of("/proc/self/cgroup") else CgroupFacts(),
        root=root,
        paths=paths,
    )


def examine(host: Host) -> dict[str, list[Finding]]:
    """Gives the findings of each concern, by its title. Never fails: what cannot be looked at is a finding, too."""
    return {concern.TITLE: list(_careful(concern.look, host)) for concern in CONCERNS}


def _careful(look: Callable[[Host], Iterator[Finding]], host: Host) -> Iterator[Finding]:
    try:
        yield from look(host)
    # Whatever an odd host answers, the other concerns are still to be told.
    except Exception as error:
        yield note("the rest", f"could not be looked at: {type(error).__name__}: {error}")


def lacking(findings: dict[str, list[Finding]]) -> list[Finding]:
    """Gives those without which no container of the usual kind can run."""
    return [finding for concern in findings.values() for finding in concern if finding.verdict == FAIL]
