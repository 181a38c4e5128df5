"""Compiled seccomp filters, kept below the state root by what they were made of.

Whoever can write such a file decides what a container may do: only one of this user, in a directory of this user, is
read. A file bears a digest, so that one that was cut off or damaged counts as none.
"""

from __future__ import annotations

import _stat as stat
from _blake2 import blake2b  # hashlib takes 3 ms to import

from ..linux import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .log import Log

# No id of a container: those have no @.
DIRECTORY = "@seccomp"
# Profiles that differ by capabilities or by image are some dozens on a large machine; each takes up to 32 KiB.
MOST_FILES = 64
# To be raised when a profile is compiled another way.
_VERSION = 1
_DIGEST_SIZE = 32


def program(root: str, profile: tuple[Any, ...], log: Log) -> bytes:
    """Gives the filter for the fields of a CompileSeccomp operation, compiled now or earlier. Raises OcipyError."""
    name = key(profile)
    directory = f"{root}/{DIRECTORY}"
    found = _read(directory, name)
    if found:
        return found
    from .seccomp import compile_profile, load_library

    library = load_library()
    made = compile_profile(library, profile, log)
    try:
        _write(directory, name, _identity(library.file()), made)
    except OSError as error:
        log.debug(f"the compiled seccomp filter is not kept: {error}")
    return made


def key(profile: tuple[Any, ...]) -> str:
    """Gives a name for all that the program depends on, libseccomp apart: _read looks at that."""
    system = os.uname()
    facts = (_VERSION, system.machine, system.release, system.version)
    return blake2b(repr((facts, profile)).encode(), digest_size=20).hexdigest()


def _identity(library: str) -> bytes:
    """Gives a line that changes when the library's file does; empty when there is no such file."""
    try:
        status = os.stat(library)
    except OSError:
        return b""
    return f"{library}\0{status.st_ino} {status.st_mtime_ns} {status.st_size}\n".encode()


def _digest(name: str, body: bytes) -> bytes:
    return blake2b(name.encode() + body, digest_size=_DIGEST_SIZE).digest()


def _is_own(status: os.stat_result) -> bool:
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def _open_directory(path: str) -> int:
    """Gives a descriptor of the directory, -1 when it is not there or others may write to it."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC)
    except OSError:
        return -1
    if _is_own(os.fstat(descriptor)):
        return descriptor
    os.close(descriptor)
    return -1


def _read(path: str, name: str) -> bytes:
    """Gives the program that is kept under a name, b"" when none can be trusted."""
    directory = _open_directory(path)
    if directory < 0:
        return b""
    try:
        descriptor = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=directory)
    except OSError:
        return b""
    finally:
        os.close(directory)
    try:
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode) or not _is_own(status):
            return b""
        data = os.read(descriptor, status.st_size)
    finally:
        os.close(descriptor)
    body = data[_DIGEST_SIZE:]
    identity, newline, program = body.partition(b"\n")
    if not newline or data[:_DIGEST_SIZE] != _digest(name, body):
        return b""
    return program if _identity(os.fsdecode(identity.partition(b"\0")[0])) == identity + newline else b""


def _write(path: str, name: str, identity: bytes, program: bytes) -> None:
    """Keeps a program, and no more than MOST_FILES in all. Raises OSError."""
    if not identity:
        return
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        pass
    directory = _open_directory(path)
    if directory < 0:
        raise PermissionError(f"{path} does not belong to this user alone")
    try:
        body = identity + program
        temporary = f"{name}.{os.getpid()}"
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600, dir_fd=directory
        )
        try:
            os.write(descriptor, _digest(name, body) + body)
        finally:
            os.close(descriptor)
        os.rename(temporary, name, src_dir_fd=directory, dst_dir_fd=directory)
        _remove_oldest(directory)
    finally:
        os.close(directory)


def _remove_oldest(directory: int) -> None:
    names = os.listdir(directory)
    if len(names) <= MOST_FILES:
        return
    times = {}
    for name in names:
        try:
            times[name] = os.stat(name, dir_fd=directory, follow_symlinks=False).st_mtime_ns
        except FileNotFoundError:
            continue
    for name in sorted(times, key=times.__getitem__)[:-MOST_FILES]:
        try:
            os.unlink(name, dir_fd=directory)
        except FileNotFoundError:
            continue
