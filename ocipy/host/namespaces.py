"""Namespaces: which can be made, as root or without privilege, and the settings that limit them."""

from __future__ import annotations

from errno import EINVAL, ENOSPC, ENOSYS, EPERM, EUSERS

from ..linux import os, probe
from ..plan.namespaces import KINDS
from .finding import fail, note, number_of, ok, reason, text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding, Host

TITLE = "namespaces"
# What every config.json of an engine asks for.
_USUAL = ("pid", "network", "mount", "ipc", "uts")
_LIMITS = "/proc/sys/user"
_FILES = {"mount": "mnt", "network": "net"}
_PROC = "user namespace's proc"


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings. Namespaces are made in child processes that end at once."""
    without = _refusal("user", in_user_namespace=False)
    if host.privileged or not without:
        yield from _kinds(host)
    yield _user(host, without)
    yield _limits()
    # Without one of ours it cannot be told; devices.py tells that.
    if not without and os.path.exists("/proc/self"):
        yield _proc(host)


def _kinds(host: Host) -> Iterator[Finding]:
    there = []
    for kind in KINDS:
        if kind == "user":
            continue
        code = _refusal(kind, in_user_namespace=not host.privileged)
        if not code:
            there.append(kind)
            continue
        found = f"{kind}: {reason(code)}"
        means = f"a config.json with a {kind} namespace is refused"
        verdict = fail if kind in _USUAL else warn
        yield verdict("new namespaces", found, means, _remedy(kind, code))
    if there:
        where = "" if host.privileged else ", in a user namespace"
        yield ok("new namespaces", f"{', '.join(there)}{where}")


def _user(host: Host, code: int) -> Finding:
    name = "user namespaces"
    if code:
        found = f"no: {reason(code)}"
        if host.privileged:
            return warn(name, found, "a config.json with a user namespace is refused", _remedy("user", code))
        return fail(name, found, "without privilege no container can be made", _remedy("user", code))
    locked = _unprivileged()
    if locked and host.privileged:
        means = "rootless containers cannot be made"
        return note(name, f"for root only: {locked}", means, f"sysctl -w {_free(locked)}")
    return ok(name, "yes" if host.privileged else "yes, without privilege")


def _unprivileged() -> str:
    """Gives the setting that keeps users other than root from user namespaces, as `name = value`; "" without one."""
    if text_of("/proc/sys/kernel/unprivileged_userns_clone") == "0":
        return "kernel.unprivileged_userns_clone = 0"
    if text_of("/proc/sys/kernel/apparmor_restrict_unprivileged_userns") == "1":
        return "kernel.apparmor_restrict_unprivileged_userns = 1"
    return ""


def _free(locked: str) -> str:
    name, _equals, value = locked.split()
    return f"{name}={1 - int(value)}"


def remedy(kinds: tuple[str, ...]) -> str:
    """Gives what lets a process with privilege make namespaces of these kinds; "" when it can."""
    for kind in kinds:
        code = _refusal(kind, in_user_namespace=False)
        if code:
            return f"{kind} namespace: {_remedy(kind, code)}"
    return ""


def _remedy(kind: str, code: int) -> str:
    """Gives what lets the kernel make a namespace that it refused with this errno: namespaces(7)."""
    file = f"max_{_FILES.get(kind, kind)}_namespaces"
    if code == ENOSPC:
        return f"raise the limit: sysctl -w user.{file}=15000"
    if code in (EINVAL, ENOSYS):
        return f"a kernel with CONFIG_{file.split('_')[1].upper()}_NS"
    if code == EUSERS:
        return "the limit of 32 user namespaces in each other is reached"
    locked = _unprivileged()
    if code == EPERM and locked:
        return f"sysctl -w {_free(locked)}"
    return "a chroot, a seccomp filter or a security module is in the way: run outside it"


def _refusal(kind: str, *, in_user_namespace: bool) -> int:
    return probe.refusal_of_namespace(KINDS[kind], in_user_namespace=in_user_namespace)


def _limits() -> Finding:
    """The limits of the user namespace that we are in; 0 forbids a kind."""
    limits = {kind: number_of(f"{_LIMITS}/max_{_FILES.get(kind, kind)}_namespaces") for kind in KINDS}
    known = {kind: limit for kind, limit in limits.items() if limit is not None}
    if not known:
        return note("limits", f"{_LIMITS} cannot be read")
    if len(set(known.values())) == 1:
        return ok("limits", f"{known.popitem()[1]} of each kind")
    return ok("limits", ", ".join(f"{kind} {limit}" for kind, limit in known.items()))


def _proc(host: Host) -> Finding:
    code = probe.refusal_of_proc()
    if not code:
        return ok(_PROC, "can be mounted")
    return (warn if host.privileged else fail)(
        _PROC, reason(code),
        "a container with a user namespace cannot mount its own /proc",
        "parts of our /proc are hidden: in a container, run that one with an unmasked /proc (podman --security-opt "
        "unmask=ALL, docker --security-opt systempaths=unconfined)",
    )  # fmt: skip
