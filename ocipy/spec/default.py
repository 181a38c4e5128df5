"""The configuration that `ocipy spec` writes: a shell in a container with all namespaces, as runc's."""

from __future__ import annotations

import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

CAPABILITIES = ("CAP_AUDIT_WRITE", "CAP_KILL", "CAP_NET_BIND_SERVICE")
NAMESPACES = ("pid", "network", "ipc", "uts", "mount", "cgroup")

# What tells of the host, or reaches it, through a file system that no namespace divides. The per-CPU
# thermal_throttle directories belong here too; how many there are depends on the host, so callers add them.
MASKED_PATHS = (
    "/proc/acpi",
    "/proc/asound",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/timer_list",
    "/proc/timer_stats",
    "/sys/devices/virtual/powercap",
    "/sys/firmware",
)
READONLY_PATHS = ("/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger")


def default(rootless: bool = False) -> dict[str, Any]:
    """Gives a config.json as a value for jsontext.

    rootless: for a caller that is not root; the container's root is mapped to the caller, the network is the host's.
    """
    return {
        "ociVersion": "1.3.0",
        "process": _process(),
        "root": {"path": "rootfs", "readonly": True},
        "hostname": "ocipy",
        "mounts": _mounts(rootless),
        "linux": _linux(rootless),
    }


def _process() -> dict[str, Any]:
    return {
        "terminal": True,
        "user": {"uid": 0, "gid": 0},
        "args": ["sh"],
        "env": ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "TERM=xterm"],
        "cwd": "/",
        # No inheritable and ambient sets: with them a program without file capabilities gets these too
        # (CVE-2022-29162).
        "capabilities": {name: list(CAPABILITIES) for name in ("bounding", "effective", "permitted")},
        "rlimits": [{"type": "RLIMIT_NOFILE", "hard": 1024, "soft": 1024}],
        "noNewPrivileges": True,
    }


def _mount(destination: str, type: str, source: str, *options: str) -> dict[str, Any]:
    mount: dict[str, Any] = {"destination": destination, "type": type, "source": source}
    if options:
        mount["options"] = list(options)
    return mount


def _mounts(rootless: bool) -> list[dict[str, Any]]:
    closed = ("nosuid", "noexec", "nodev")
    # Group 5 (tty) is not mapped in a container that has one id.
    tty = () if rootless else ("gid=5",)
    # A new sysfs needs a network namespace of one's own: user_namespaces(7).
    sys = ("none", "/sys", "rbind") if rootless else ("sysfs", "sysfs")
    return [
        _mount("/proc", "proc", "proc"),
        _mount("/dev", "tmpfs", "tmpfs", "nosuid", "strictatime", "mode=755", "size=65536k"),
        _mount("/dev/pts", "devpts", "devpts", "nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", *tty),
        _mount("/dev/shm", "tmpfs", "shm", *closed, "mode=1777", "size=65536k"),
        _mount("/dev/mqueue", "mqueue", "mqueue", *closed),
        _mount("/sys", *sys, *closed, "ro"),
        _mount("/sys/fs/cgroup", "cgroup", "cgroup", *closed, "relatime", "ro"),
    ]


def _linux(rootless: bool) -> dict[str, Any]:
    if rootless:
        namespaces = [name for name in NAMESPACES if name != "network"] + ["user"]
        rest: dict[str, Any] = {
            "uidMappings": [{"containerID": 0, "hostID": os.geteuid(), "size": 1}],
            "gidMappings": [{"containerID": 0, "hostID": os.getegid(), "size": 1}],
        }
    else:
        namespaces = list(NAMESPACES)
        rest = {"resources": {"devices": [{"allow": False, "access": "rwm"}]}}
    return rest | {
        "namespaces": [{"type": name} for name in namespaces],
        "maskedPaths": list(MASKED_PATHS),
        "readonlyPaths": list(READONLY_PATHS),
    }
