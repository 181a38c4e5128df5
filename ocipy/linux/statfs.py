"""Which file system a path lies on: statfs(2)."""

from __future__ import annotations

from .libc import buffer, syscall

# linux/magic.h
CGROUP_SUPER_MAGIC = 0x27E0EB
CGROUP2_SUPER_MAGIC = 0x63677270
TMPFS_MAGIC = 0x01021994

# struct statfs is 120 bytes on 64-bit machines and begins with f_type, a long.
_SIZE = 256


def file_system_type(path: str) -> int:
    """Gives the magic number of the file system that `path` lies on. Raises OSError."""
    result = buffer(_SIZE)
    syscall("statfs", path.encode(), result, object=path)
    return int.from_bytes(result.raw[:8], "little")
