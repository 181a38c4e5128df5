"""What ocipy does not implement: a configuration that uses it is refused, since ignoring a part of the isolation
that was asked for is worse than not starting.
"""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .model import Linux, Mount, Spec
    from .seccomp import Seccomp


def unsupported(spec: Spec) -> list[tuple[str, str]]:
    """Gives pairs of property path and message for each property that is used but not implemented.

    An empty string, array or object is not a use.
    """
    used = list(_of_linux(spec.linux))
    for mount in spec.mounts:
        used += _of_mount(mount)
    return [(path, f"{subject} not supported by ocipy") for path, subject in used]


def _of_linux(linux: Linux) -> Iterator[tuple[str, str]]:
    for name, subject in (
        ("intelRdt", "Intel RDT is"),
        ("netDevices", "moving network devices is"),
        ("memoryPolicy", "a NUMA memory policy is"),
    ):
        value = getattr(linux, name)
        # An empty intelRdt object has a meaning of its own; an empty netDevices has none.
        if value or (value == {} and name != "netDevices"):
            yield f"linux.{name}", subject
    if linux.seccomp:
        yield from _of_seccomp(linux.seccomp)


def _of_seccomp(seccomp: Seccomp) -> Iterator[tuple[str, str]]:
    from .seccomp import NOTIFY, WAIT_KILLABLE_RECV

    subject = "the seccomp listener is"
    if seccomp.defaultAction == NOTIFY:
        yield "linux.seccomp.defaultAction", f"{NOTIFY}: {subject}"
    for i, flag in enumerate(seccomp.flags or ()):
        if flag == WAIT_KILLABLE_RECV:
            yield f"linux.seccomp.flags[{i}]", f"{flag}: {subject}"
    for rule in seccomp.syscalls:
        if rule.action == NOTIFY:
            yield f"{rule.property}.action", f"{NOTIFY}: {subject}"


def _of_mount(mount: Mount) -> Iterator[tuple[str, str]]:
    for name in ("uidMappings", "gidMappings"):
        if getattr(mount, name):
            yield f"{mount.property}.{name}", "id-mapped mounts are"
    for i, option in enumerate(mount.options):
        if option in ("idmap", "ridmap") or option.startswith(("idmap=", "ridmap=")):
            yield f"{mount.property}.options[{i}]", "id-mapped mounts are"
