"""The state directory: ROOT/ID/ with state.json, a copy of config.json, and the socket `start` until it is used.

Of a `run` in the foreground also the file `exit`: empty until the container ends, then its exit code. Of a container
without a cgroup the file `no-cgroup`.
"""

from __future__ import annotations

import _stat as stat

from ..errors import OcipyError, describe_os_error
from ..linux import os
from ..linux.proc import is_host_root
from ..spec import jsontext

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_ID_CHARACTERS = frozenset("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_+-.")
_LONGEST_ID = 255  # NAME_MAX
_PID_MAX_LIMIT = 1 << 22  # proc(5), /proc/sys/kernel/pid_max
_RECORD = (
    ("ociVersion", str), ("id", str), ("bundle", str), ("rootfs", str), ("created", str), ("annotations", dict),
    ("cgroup_paths", dict), ("init_process_pid", int), ("init_process_start", int), ("own_pids", bool),
    ("program", bool),
)  # fmt: skip
STATE = "state.json"
CONFIG = "config.json"
START = "start"
EXIT = "exit"
NO_CGROUP = "no-cgroup"


def default_root() -> str:
    """Gives the state directory that runc would take: XDG_RUNTIME_DIR counts for users, and for root of a user
    namespace that is made for one of them.
    """
    environment = os.environment()
    directory = environment.get("XDG_RUNTIME_DIR", "")
    if directory.startswith("/") and (
        os.geteuid() or (environment.get("USER") != "root" and not is_host_root())
    ):
        return f"{directory}/ocipy"
    return "/run/ocipy"


def check_id(id: str) -> None:
    """Raises OcipyError unless `id` is made of letters, digits and `_+-.`, and can name a directory."""
    if not id or len(id) > _LONGEST_ID or not _ID_CHARACTERS.issuperset(id) or id in (".", ".."):
        raise OcipyError(
            f"invalid container ID format: {id!r}", hint="letters, digits and _ + - . only, not . or .., at most 255"
        )


def in_use(id: str) -> OcipyError:
    return OcipyError(f"container with given ID already exists: {id}")


def _check_record(record: object, id: str) -> None:
    """Raises OcipyError unless `record` has all that the verbs rely on: a crash or a person may have damaged it."""
    if not isinstance(record, dict):
        raise OcipyError("holds no object")
    for name, kind in _RECORD:
        if type(record.get(name)) is not kind:
            raise OcipyError(f"{name} is missing or of a wrong type")
    if record["id"] != id:
        raise OcipyError(f"is the record of {record['id']!r}")
    for pid, start in ((record["init_process_pid"], record["init_process_start"]), record.get("creator", (0, 0))):
        if not 0 <= pid <= _PID_MAX_LIMIT or type(start) is not int:
            raise OcipyError(f"{pid} is no pid")


def read_exit(descriptor: int | None) -> int | None:
    """Gives the exit code in an open file of Store.open_exit, None when there is none (yet)."""
    text = b"" if descriptor is None else os.read(descriptor, 16)
    return int(text) if text.isdigit() else None


class Store:
    """The containers below one root directory."""

    def __init__(self, root: str) -> None:
        self.root = root

    def directory(self, id: str) -> str:
        check_id(id)
        return f"{self.root}/{id}"

    def reserve(self, id: str) -> None:
        """Makes the directory of a new container, which no other has then. Raises OcipyError when it is in use."""
        directory = self.directory(id)
        try:
            try:
                os.mkdir(directory, 0o700)
            except FileNotFoundError:
                # The sticky bit keeps what is in XDG_RUNTIME_DIR from being cleaned up (XDG Base Directory).
                os.makedirs(self.root, 0o1700 if os.geteuid() else 0o700)
                os.mkdir(directory, 0o700)
        except FileExistsError:
            raise in_use(id) from None
        except PermissionError as error:
            raise self._closed(error) from None

    def _closed(self, error: PermissionError) -> OcipyError:
        return OcipyError(
            f"state directory {self.root}: {describe_os_error(error)}",
            hint="use --root with a directory of this user, or set XDG_RUNTIME_DIR",
        )

    def save(self, id: str, record: dict[str, Any]) -> None:
        """Replaces state.json at once: a reader, or a crash, sees the old or the new one and nothing between."""
        self.write(id, STATE, jsontext.encode(record).encode())

    def write(self, id: str, name: str, data: bytes) -> None:
        """Replaces a file of the container's directory atomically.

        Not synced: a file below /run means nothing after a crash of the machine, and the processes are gone then too.
        """
        path = f"{self.directory(id)}/{name}"
        temporary = f"{path}.new"
        descriptor = os.open(
            temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
        )
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)
        os.rename(temporary, path)

    def record_exit(self, id: str, code: int) -> None:
        """Writes the exit code into the file that is there, for those who have it open already."""
        try:
            descriptor = os.open(f"{self.directory(id)}/{EXIT}", os.O_WRONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            # Deleted by force meanwhile.
            return
        os.write(descriptor, str(code).encode())
        os.close(descriptor)

    def open_exit(self, id: str) -> int | None:
        """Gives a descriptor of the file that has the exit code, or will have it; None when there is none."""
        try:
            return os.open(f"{self.directory(id)}/{EXIT}", os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            return None

    def exit_code(self, id: str) -> int | None:
        """Gives the exit code of a container that has ended, when it was recorded."""
        descriptor = self.open_exit(id)
        try:
            return read_exit(descriptor)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def load(self, id: str) -> dict[str, Any]:
        """Gives the record of a container. Raises OcipyError when there is none or it cannot be read."""
        if not self.exists(id):
            raise OcipyError(f"container does not exist: {id}")
        path = f"{self.directory(id)}/{STATE}"
        try:
            descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
        except FileNotFoundError:
            raise OcipyError(f"container {id}: no {STATE}", hint="delete --force removes what is left") from None
        try:
            data = os.read(descriptor, os.fstat(descriptor).st_size + 1)
        finally:
            os.close(descriptor)
        try:
            record: dict[str, Any] = jsontext.decode(data)
            _check_record(record, id)
        except OcipyError as error:
            raise OcipyError(f"container {id}: {path}: {error.message}", hint="delete --force removes it") from None
        return record

    def has_root(self) -> bool:
        return os.path.isdir(self.root)

    def exists(self, id: str) -> bool:
        """Tells whether a container has this id.

        Raises OcipyError when a link or another user's directory has its place: what it says would be done with our
        rights, hooks and all.
        """
        directory = self.directory(id)
        try:
            status = os.lstat(directory)
        except FileNotFoundError:
            return False
        except PermissionError as error:
            raise self._closed(error) from None
        if not stat.S_ISDIR(status.st_mode) or status.st_uid != os.geteuid():
            raise OcipyError(
                f"{directory} was not made by this user", hint="use a --root that nobody else can write to"
            )
        return True

    def ids(self) -> list[str]:
        """Gives the ids of all containers, sorted. Raises OcipyError, OSError when the root cannot be listed.

        A directory whose name is no id, such as that of compiled seccomp filters, is none of them.
        """
        try:
            entries = os.scandir(self.root)
        except PermissionError as error:
            raise self._closed(error) from None
        return sorted(
            entry.name for entry in entries
            if entry.is_dir(follow_symlinks=False) and _ID_CHARACTERS.issuperset(entry.name)
        )

    def remove(self, id: str) -> None:
        """Removes the container's directory; no error when it is gone."""
        directory = self.directory(id)
        try:
            # The record goes last: as long as there is anything, it tells what.
            _remove_tree(directory)
        except FileNotFoundError:
            pass


def _remove_tree(directory: str) -> None:
    for entry in sorted(os.scandir(directory), key=lambda entry: entry.name == STATE):
        if entry.is_dir(follow_symlinks=False):
            _remove_tree(entry.path)
        else:
            os.unlink(entry.path)
    os.rmdir(directory)
