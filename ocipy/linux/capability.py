"""Capabilities: the names of linux/capability.h and the calls that set them (capabilities(7))."""

from __future__ import annotations

import _struct as struct

from .libc import buffer, syscall
from .process import (
    PR_CAP_AMBIENT,
    PR_CAP_AMBIENT_CLEAR_ALL,
    PR_CAP_AMBIENT_IS_SET,
    PR_CAP_AMBIENT_RAISE,
    PR_CAPBSET_DROP,
    PR_CAPBSET_READ,
    prctl,
)

NAMES = (
    "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_DAC_READ_SEARCH", "CAP_FOWNER", "CAP_FSETID", "CAP_KILL", "CAP_SETGID",
    "CAP_SETUID", "CAP_SETPCAP", "CAP_LINUX_IMMUTABLE", "CAP_NET_BIND_SERVICE", "CAP_NET_BROADCAST", "CAP_NET_ADMIN",
    "CAP_NET_RAW", "CAP_IPC_LOCK", "CAP_IPC_OWNER", "CAP_SYS_MODULE", "CAP_SYS_RAWIO", "CAP_SYS_CHROOT",
    "CAP_SYS_PTRACE", "CAP_SYS_PACCT", "CAP_SYS_ADMIN", "CAP_SYS_BOOT", "CAP_SYS_NICE", "CAP_SYS_RESOURCE",
    "CAP_SYS_TIME", "CAP_SYS_TTY_CONFIG", "CAP_MKNOD", "CAP_LEASE", "CAP_AUDIT_WRITE", "CAP_AUDIT_CONTROL",
    "CAP_SETFCAP", "CAP_MAC_OVERRIDE", "CAP_MAC_ADMIN", "CAP_SYSLOG", "CAP_WAKE_ALARM", "CAP_BLOCK_SUSPEND",
    "CAP_AUDIT_READ", "CAP_PERFMON", "CAP_BPF", "CAP_CHECKPOINT_RESTORE",
)  # fmt: skip
CAP_SYS_ADMIN = NAMES.index("CAP_SYS_ADMIN")
_VERSION_3 = 0x20080522


def capset(effective: int, permitted: int, inheritable: int) -> None:
    """Sets the three sets of this process, each a bit mask, in one capset(2). Raises OSError."""
    low, high = 0xFFFFFFFF, 32
    data = struct.pack(
        "<6I", effective & low, permitted & low, inheritable & low,
        effective >> high, permitted >> high, inheritable >> high,
    )  # fmt: skip
    syscall("capset", struct.pack("<II", _VERSION_3, 0), data)


def drop_bounding(number: int) -> None:
    """Drops one capability from the bounding set. Raises OSError."""
    prctl(PR_CAPBSET_DROP, number)


def clear_ambient() -> None:
    """Empties the ambient set. Raises OSError."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL)


def raise_ambient(number: int) -> None:
    """Adds one capability, which must be permitted and inheritable, to the ambient set. Raises OSError."""
    prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, number)


def effective() -> int:
    """Gives the effective set of this process as a bit mask. Raises OSError."""
    return sets(-1)[2]


def sets(last: int) -> tuple[int, int, int, int, int]:
    """Gives the inheritable, permitted, effective, bounding and ambient set of this process as bit masks.

    last: number of the last capability that the kernel knows. Raises OSError.
    """
    data = buffer(24)
    syscall("capget", struct.pack("<II", _VERSION_3, 0), data)
    effective, permitted, inheritable, *high = struct.unpack("<6I", data.raw)
    effective, permitted, inheritable = (
        low | upper << 32 for low, upper in zip((effective, permitted, inheritable), high, strict=True)
    )
    bounding = ambient = 0
    for number in range(last + 1):
        bounding |= prctl(PR_CAPBSET_READ, number) << number
        # The kernel keeps the ambient set within these two.
        if permitted & inheritable & 1 << number:
            ambient |= prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_IS_SET, number) << number
    return inheritable, permitted, effective, bounding, ambient
