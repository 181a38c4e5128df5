"""The kernel: its version, and the system calls that containers are made with."""

from __future__ import annotations

from errno import EBADF, ENOSYS, EPERM, errorcode

from ..linux import os, probe
from .finding import fail, note, ok, reason, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from .finding import Finding, Host

TITLE = "kernel"
OLDEST = (5, 14)
# The version that brought each, from the man pages.
_CALLS = {
    "clone3": (5, 3), "pidfd_open": (5, 3), "openat2": (5, 6), "close_range": (5, 9), "open_tree": (5, 2),
    "move_mount": (5, 2), "fsopen": (5, 2), "fsconfig": (5, 2), "fsmount": (5, 2), "fspick": (5, 2),
    "mount_setattr": (5, 12),
}  # fmt: skip
# What the kernel asks a privilege for before it looks at the arguments.
_FOR_MOUNTING = ("move_mount", "fsopen", "fsmount", "fspick")
_UPDATE = f"a kernel of {OLDEST[0]}.{OLDEST[1]} or later"


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings. Makes no call that has an effect."""
    version = running()
    yield _release(version)
    yield from _calls(host, version)
    if host.cgroups.unified:
        yield from _unified(host, version)
    yield _keys()


def running() -> tuple[int, int]:
    """Gives the version of the kernel that runs, (0, 0) when its name begins with none."""
    words = os.uname().release.replace("-", ".").split(".")
    numbers = [int(word) for word in words[:2] if word.isascii() and word.isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) == 2 else (0, 0)


def _release(version: tuple[int, int]) -> Finding:
    names = os.uname()
    text = f"{names.sysname} {names.release}, {names.machine}"
    if version < OLDEST:
        return fail("version", text, "ocipy uses system calls that came later", _UPDATE)
    return ok("version", text)


def _calls(host: Host, version: tuple[int, int]) -> Iterator[Finding]:
    there, hidden = [], []
    for name, since in _CALLS.items():
        code = probe.refusal(name)
        if code == EPERM and name in _FOR_MOUNTING and not host.privileged:
            hidden.append(name)
        elif code in (ENOSYS, EPERM):
            yield _no_call(name, code, version >= since)
        else:
            there.append(name)
    if there:
        yield ok("system calls", ", ".join(there))
    if hidden:
        yield note("system calls", f"{', '.join(hidden)}: not to be told without privilege")


def _no_call(name: str, code: int, expected: bool) -> Finding:
    found = f"{name}: {reason(code)}"
    means = "no container can be made"
    if code == EPERM or expected:
        remedy = f"a seccomp filter is most likely in the way: in a container, run that one with a profile with {name}"
        return fail("system calls", found, means, remedy)
    return fail("system calls", found, means, _UPDATE)


def _unified(host: Host, version: tuple[int, int]) -> Iterator[Finding]:
    """What cgroup v2 is used with. Beside v1 nothing depends on it."""
    wanted = warn if host.cgroups.version == 2 else note
    code = probe.refusal_of_birth_in_cgroup()
    if code == EBADF:
        yield ok("clone3 into a cgroup", "yes")
    else:
        found = f"no ({errorcode.get(code, code)})"
        yield wanted("clone3 into a cgroup", found, "no process can be born in its cgroup", "Linux 5.7 or later")
    # The file is in every cgroup but the first.
    own = host.cgroups.unified + dict(host.cgroups.own).get("", "/")
    if os.access(f"{own}/cgroup.kill", os.F_OK) or version >= (5, 14):
        yield ok("cgroup.kill", "yes")
    else:
        yield wanted("cgroup.kill", "no", "processes of a container are killed one by one", "Linux 5.14 or later")
    if host.cgroups.version == 2 and host.privileged:
        yield _device_programs()


def _device_programs() -> Finding:
    return _support(
        "device programs", "bpf", fail,
        "access to devices cannot be restricted, and create refuses to go on without",
        "a kernel with CONFIG_CGROUP_BPF, and no seccomp filter that holds bpf back",
    )  # fmt: skip


def _keys() -> Finding:
    return _support(
        "keyrings", "keyctl", warn,
        "a container has the session keyring of who makes it, and create warns of that",
        "a kernel with CONFIG_KEYS, and no seccomp filter that holds keyctl back",
    )  # fmt: skip


def _support(name: str, call: str, lacks: Callable[[str, str, str, str], Finding], means: str, remedy: str) -> Finding:
    code = probe.refusal(call)
    if code not in (ENOSYS, EPERM):
        return ok(name, call)
    return lacks(name, f"{call}: {reason(code)}", means, remedy)
