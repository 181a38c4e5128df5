"""Options of a mount (config.md, Linux mount options) -> flags of the kernel."""

from __future__ import annotations

from ..linux.mount import (
    MOUNT_ATTR__ATIME,
    MOUNT_ATTR_NOATIME,
    MOUNT_ATTR_NODEV,
    MOUNT_ATTR_NODIRATIME,
    MOUNT_ATTR_NOEXEC,
    MOUNT_ATTR_NOSUID,
    MOUNT_ATTR_NOSYMFOLLOW,
    MOUNT_ATTR_RDONLY,
    MOUNT_ATTR_RELATIME,
    MOUNT_ATTR_STRICTATIME,
    MS_PRIVATE,
    MS_REC,
    MS_SHARED,
    MS_SLAVE,
    MS_UNBINDABLE,
)
from ..record import Record

# Option: (flags to set, flags to clear) of the mount itself. Each also exists with an `r` before it, for the mounts
# below as well. The modes of access time exclude each other: to choose one, the kernel wants all of them cleared.
ATTRIBUTES = {
    "ro": (MOUNT_ATTR_RDONLY, 0),
    "rw": (0, MOUNT_ATTR_RDONLY),
    "nosuid": (MOUNT_ATTR_NOSUID, 0),
    "suid": (0, MOUNT_ATTR_NOSUID),
    "nodev": (MOUNT_ATTR_NODEV, 0),
    "dev": (0, MOUNT_ATTR_NODEV),
    "noexec": (MOUNT_ATTR_NOEXEC, 0),
    "exec": (0, MOUNT_ATTR_NOEXEC),
    "nodiratime": (MOUNT_ATTR_NODIRATIME, 0),
    "diratime": (0, MOUNT_ATTR_NODIRATIME),
    "nosymfollow": (MOUNT_ATTR_NOSYMFOLLOW, 0),
    "symfollow": (0, MOUNT_ATTR_NOSYMFOLLOW),
    "noatime": (MOUNT_ATTR_NOATIME, MOUNT_ATTR__ATIME),
    "atime": (0, MOUNT_ATTR__ATIME),
    "strictatime": (MOUNT_ATTR_STRICTATIME, MOUNT_ATTR__ATIME),
    "nostrictatime": (0, MOUNT_ATTR__ATIME),
    "relatime": (MOUNT_ATTR_RELATIME, MOUNT_ATTR__ATIME),
    # Without another mode beside it, the kernel's default remains, and that is relatime since 2.6.30.
    "norelatime": (0, 0),
}
# Option: (the switch it belongs to, what the kernel calls it). Of one switch, the last option counts.
SUPERBLOCK = {
    "ro": ("ro", "ro"),
    "rw": ("ro", "rw"),
    "sync": ("sync", "sync"),
    "async": ("sync", "async"),
    "dirsync": ("dirsync", "dirsync"),
    "lazytime": ("lazytime", "lazytime"),
    "nolazytime": ("lazytime", "nolazytime"),
    "mand": ("mand", "mand"),
    "nomand": ("mand", "nomand"),
    "iversion": ("iversion", "iversion"),
    "noiversion": ("iversion", ""),
}
PROPAGATION = {
    "shared": MS_SHARED,
    "slave": MS_SLAVE,
    "private": MS_PRIVATE,
    "unbindable": MS_UNBINDABLE,
    "rshared": MS_SHARED | MS_REC,
    "rslave": MS_SLAVE | MS_REC,
    "rprivate": MS_PRIVATE | MS_REC,
    "runbindable": MS_UNBINDABLE | MS_REC,
}
# silent and loud are about messages in the kernel's log while a file system is made; fsopen(2) has its own log.
_WITHOUT_EFFECT = ("defaults", "silent", "loud")


class MountOptions(Record):
    """What the options of one mount ask for.

    set, clear and their recursive forms: MOUNT_ATTR_* masks. propagation: MS_* values, in order. superblock: flags by
    the kernel's names. data: parameters of the file system, in order, with value None for a mere flag.
    """

    bind: bool
    recursive: bool
    remount: bool
    tmpcopyup: bool
    set: int
    clear: int
    recursiveSet: int
    recursiveClear: int
    propagation: tuple[int, ...]
    superblock: tuple[str, ...]
    data: tuple[tuple[str, str | None], ...]


def parse_options(options: tuple[str, ...]) -> MountOptions:
    """Sorts the options; what the specification does not know becomes data of the file system."""
    masks = {"": (0, 0), "r": (0, 0)}
    switches: dict[str, str] = {}
    propagation: list[int] = []
    data: list[tuple[str, str | None]] = []
    for option in options:
        if option in SUPERBLOCK:
            switch, name = SUPERBLOCK[option]
            switches[switch] = name
        if option in ATTRIBUTES:
            masks[""] = _apply(masks[""], ATTRIBUTES[option])
        elif option[:1] == "r" and option[1:] in ATTRIBUTES:
            masks["r"] = _apply(masks["r"], ATTRIBUTES[option[1:]])
        elif option in PROPAGATION:
            propagation.append(PROPAGATION[option])
        elif option not in SUPERBLOCK and option not in ("bind", "rbind", "remount", "tmpcopyup", *_WITHOUT_EFFECT):
            data += _parameters(option)
    return MountOptions(
        bind="bind" in options or "rbind" in options,
        recursive="rbind" in options,
        remount="remount" in options,
        tmpcopyup="tmpcopyup" in options,
        set=masks[""][0],
        clear=masks[""][1],
        recursiveSet=masks["r"][0],
        recursiveClear=masks["r"][1],
        propagation=tuple(propagation),
        superblock=tuple(name for name in switches.values() if name),
        data=tuple(data),
    )


def _apply(masks: tuple[int, int], change: tuple[int, int]) -> tuple[int, int]:
    """Gives the masks after one more option, which prevails over those before it."""
    touched = change[0] | change[1]
    return (masks[0] & ~touched) | change[0], (masks[1] & ~change[0]) | change[1]


def _parameters(option: str) -> list[tuple[str, str | None]]:
    """Splits `mode=755,size=1k`; a comma inside quotes or after a backslash belongs to the value, as in mount(8)."""
    pieces, piece, quoted, escaped = [], "", False, False
    for character in option:
        if character == "," and not quoted and not escaped:
            pieces.append(piece)
            piece = ""
            continue
        piece += character
        quoted ^= character == '"' and not escaped
        escaped = character == "\\" and not escaped
    pieces.append(piece)
    result: list[tuple[str, str | None]] = []
    for text in filter(None, pieces):
        key, equals, value = text.partition("=")
        if key.endswith("context"):
            # Quotes protect the commas of a security context; they are not part of it.
            value = value.strip('"')
        result.append((key, value if equals else None))
    return result
