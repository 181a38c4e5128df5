"""Device nodes and /proc of the host itself."""

from __future__ import annotations

import stat

from ..linux import os
from ..linux.mount import PROC_SUPER_MAGIC, file_system_magic
from ..plan.rootfs import DEFAULT_DEVICES
from .finding import fail, note, ok, text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding, Host

TITLE = "devices and /proc"
NO_PROC = "mount -t proc proc /proc"


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings."""
    yield from _devices(host)
    yield from _proc()


def _devices(host: Host) -> Iterator[Finding]:
    lacking = [device for device in DEFAULT_DEVICES if not _is_device(*device)]
    there = [device[0] for device in DEFAULT_DEVICES if device not in lacking]
    if there:
        yield ok("devices", " ".join(there))
    for path, major, minor in lacking:
        found = f"{path} is not the character device {major}:{minor}"
        remedy = f"mknod -m 666 {path} c {major} {minor}"
        if path == "/dev/null":
            yield fail("devices", found, "paths cannot be masked, and engines mask some for each container", remedy)
        elif host.privileged:
            yield note("devices", found, "where nodes cannot be made, containers have none", remedy)
        else:
            yield warn("devices", found, "nodes are binds of the host's: containers have none", remedy)


def _is_device(path: str, major: int, minor: int) -> bool:
    try:
        status = os.stat(path)
    except OSError:
        return False
    return stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(major, minor)


def _proc() -> Iterator[Finding]:
    try:
        mounted = file_system_magic("/proc") == PROC_SUPER_MAGIC
    except OSError:
        mounted = False
    if not mounted:
        yield fail("/proc", "not mounted", "processes cannot be looked at, no container can be made", NO_PROC)
        return
    options, covered = _proc_mounts()
    hides = [option for option in options.split(",") if option.partition("=")[0] in ("hidepid", "subset")]
    if hides and hides != ["hidepid=0"]:
        means = "processes of other users cannot be looked at, but with CAP_SYS_PTRACE"
        yield note("/proc", ", ".join(hides), means, "mount -o remount,hidepid=0 /proc")
    elif covered:
        means = "a container with a user namespace cannot mount its own /proc"
        yield note("/proc", f"covered: {', '.join(covered)}", means, "run outside the container that masks them")
    else:
        yield ok("/proc", "mounted, nothing hidden")


def _proc_mounts() -> tuple[str, list[str]]:
    """Gives the options of the procfs at /proc, and what is mounted below it; automounts cover nothing."""
    options, covered = "", []
    for line in text_of("/proc/self/mountinfo").splitlines():
        before, _dash, after = line.partition(" - ")
        target, kind = before.split()[4], after.split()[0]
        if target == "/proc":
            options = after.split()[2]
        elif target.startswith("/proc/") and kind not in ("binfmt_misc", "autofs"):
            covered.append(target)
    return options, covered
