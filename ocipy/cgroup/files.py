"""Reading and writing the files of a cgroup, with errors that name property, file, value and errno."""

from __future__ import annotations

from errno import EACCES, EBUSY, EINVAL, ENOENT, EPERM, EROFS, errorcode

from ..errors import OcipyError
from ..linux import os

_HINTS = {
    ENOENT: "the kernel has no such setting, or the controller is not enabled in the parent cgroup",
    EINVAL: "the kernel, or a limit of a parent cgroup, does not permit this value",
    EBUSY: "the cgroup already uses more",
    EACCES: "the cgroup is not delegated to this user",
    EPERM: "the cgroup is not delegated to this user, or its parent does not permit this",
    EROFS: "the cgroup file system is mounted read-only",
}
# A page, and the longest list of processes of one read.
_CHUNK = 65536


def write(directory: str, file: str, value: str | bytes) -> None:
    """Writes `value` to `file` of the cgroup in one write(2). Raises OSError with the file's name."""
    path = f"{directory}/{file}"
    descriptor = os.open(path, os.O_WRONLY | os.O_NOFOLLOW)
    try:
        os.write(descriptor, value if isinstance(value, bytes) else value.encode())
    except OSError as error:
        error.filename = path
        raise
    finally:
        os.close(descriptor)


def read(directory: str, file: str) -> str:
    """Gives the whole text of `file` of the cgroup. Raises OSError."""
    descriptor = os.open(f"{directory}/{file}", os.O_RDONLY | os.O_NOFOLLOW)
    try:
        parts = []
        while part := os.read(descriptor, _CHUNK):
            parts.append(part)
        return b"".join(parts).decode()
    finally:
        os.close(descriptor)


def write_error(error: OSError, property: str, directory: str, file: str, value: str) -> OcipyError:
    """Gives the error to raise when `value` could not be written for `property`."""
    code = error.errno or 0
    text = f"cannot write {value!r} to {directory}/{file}: {os.strerror(code)} ({errorcode.get(code, code)})"
    return OcipyError(text, property=property, hint=_HINTS.get(code, ""))
