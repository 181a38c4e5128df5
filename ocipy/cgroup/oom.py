"""Being told when a cgroup runs out of memory."""

from __future__ import annotations

from errno import ENODEV, ENOENT

from ..linux import os
from .files import write

TYPE_CHECKING = False


class OOMWatch:
    """Base. descriptor, events: what to poll for."""

    descriptor: int
    events: int

    def occurred(self) -> bool:
        """Tells whether it happened since the last call. Raises FileNotFoundError when the cgroup is gone."""
        raise NotImplementedError


def watch_oom(directories: dict[str, str]) -> OOMWatch | None:
    """Gives a watch of a container's cgroups, None when there is no memory controller. Raises OSError."""
    for controllers, directory in directories.items():
        if "memory" in controllers.split(","):
            return _V1(directory)
    unified = directories.get("")
    return _V2(unified) if unified and os.access(f"{unified}/memory.events", os.R_OK) else None


class _V1(OOMWatch):
    """cgroup-v1/memory.rst, OOM Control: an eventfd that counts."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        self.descriptor = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)
        self.events = 1  # POLLIN
        control = os.open(f"{directory}/memory.oom_control", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            write(directory, "cgroup.event_control", f"{self.descriptor} {control}")
        finally:
            os.close(control)

    def occurred(self) -> bool:
        try:
            os.eventfd_read(self.descriptor)
        except BlockingIOError:
            return False
        # The end of the cgroup is told in the same way.
        os.stat(f"{self.directory}/cgroup.event_control")
        return True


class _V2(OOMWatch):
    """cgroup-v2.rst, memory.events: a change of the file is an exceptional condition for poll(2)."""

    def __init__(self, directory: str) -> None:
        self.directory = directory
        # Kept open: poll tells of changes since this descriptor was read.
        self.descriptor = os.open(f"{directory}/memory.events", os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        self.events = 2  # POLLPRI
        self.count = self._kills()

    def occurred(self) -> bool:
        before, self.count = self.count, self._kills()
        return self.count > before

    def _kills(self) -> int:
        try:
            text = os.pread(self.descriptor, 4096, 0).decode()
        except OSError as error:
            if error.errno == ENODEV:
                raise FileNotFoundError(ENOENT, os.strerror(ENOENT), self.directory) from None
            raise
        return next((int(line.split()[1]) for line in text.splitlines() if line.startswith("oom_kill ")), 0)
