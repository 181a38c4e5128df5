"""Stopping all processes of a cgroup where they are, and letting them go on: freezer (v1), cgroup.freeze (v2)."""

from __future__ import annotations

from errno import ENODEV, ENOENT
from time import monotonic, sleep

from ..errors import OcipyError, describe_os_error
from ..linux import os
from .files import read, write

_LIMIT = 5.0
_PAUSE = 0.001


def freezer_state(directories: dict[str, str]) -> str:
    """Gives "thawed", "freezing" or "frozen"; "thawed" too when the cgroup, or any freezer, is not there.

    A parent that is frozen counts. Raises OSError.
    """
    version, directory = _freezer(directories)
    try:
        if version == 1:
            return read(directory, "freezer.state").strip().lower()
        if version == 2:
            if "frozen 1" in read(directory, "cgroup.events").splitlines():
                return "frozen"
            return "freezing" if read(directory, "cgroup.freeze").strip() == "1" else "thawed"
    except OSError as error:
        if error.errno not in (ENOENT, ENODEV):
            raise
    return "thawed"


def freeze(directories: dict[str, str], limit: float = _LIMIT) -> None:
    """Freezes, and returns when all processes are frozen, which may take `limit` seconds.

    Raises OcipyError, and then has thawed them again.
    """
    version, directory = _freezer(directories)
    if not version:
        raise OcipyError("cannot toggle freezer: the container has no cgroup with one")
    deadline = monotonic() + limit
    try:
        while True:
            # Written again each time: v1 misses a process that is made while it looks.
            write(directory, *(("freezer.state", "FROZEN") if version == 1 else ("cgroup.freeze", "1")))
            if freezer_state(directories) == "frozen":
                return
            if monotonic() > deadline:
                raise OcipyError(f"the processes of {directory} did not freeze within {limit:g} s")
            sleep(_PAUSE)
    except BaseException as error:
        thaw(directories)
        if isinstance(error, OSError):
            raise OcipyError(f"cannot freeze {directory}: {describe_os_error(error)}") from None
        raise


def thaw(directories: dict[str, str]) -> None:
    """Lets all processes go on; no error when the cgroup is gone. Raises OcipyError."""
    version, directory = _freezer(directories)
    if not version:
        return
    try:
        write(directory, *(("freezer.state", "THAWED") if version == 1 else ("cgroup.freeze", "0")))
    except OSError as error:
        if error.errno not in (ENOENT, ENODEV):
            raise OcipyError(f"cannot thaw {directory}: {describe_os_error(error)}") from None


def _freezer(directories: dict[str, str]) -> tuple[int, str]:
    """Gives the version and directory of the freezer: v1 where its controller is mounted, else v2; (0, "") if none."""
    for controllers, directory in directories.items():
        if "freezer" in controllers.split(","):
            return 1, directory
    unified = directories.get("", "")
    if unified and (os.access(f"{unified}/cgroup.freeze", os.F_OK) or len(directories) == 1):
        return 2, unified
    return 0, ""
