"""The operations of the command itself: records, files and sockets that callers wait for."""

from __future__ import annotations

from .operation import HOST, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


class HostOperation(Operation):
    side: ClassVar[str] = HOST


class RecordCreating(HostOperation):
    """The state record comes before the first side effect: whatever happens, delete --force knows what to undo.

    cgroups: controllers and directory of those that are the container's; a scope of systemd is so once it is made.
    """

    directory: str
    cgroups: tuple[tuple[str, str], ...]

    def describe(self) -> str:
        return f"record the container as creating in {self.directory}"


class ListenForStart(HostOperation):
    def describe(self) -> str:
        return "open the socket on which init waits for start"


class RecordInit(HostOperation):
    """Who finds the container until then need not end its init: that ends with the command."""

    alongside: ClassVar[bool] = True

    def describe(self) -> str:
        return "record the pid of init"


class VerifyCgroup(HostOperation):
    def describe(self) -> str:
        return "make sure that the process is in the container's cgroup"


class SendConsole(HostOperation):
    path: str

    def describe(self) -> str:
        return f"send the terminal to the console socket {self.path}"


class SendPidfd(HostOperation):
    """kind: what the receiver is told of the process, as by runc: standard for init, setns for one of exec."""

    path: str
    kind: str = "standard"

    def describe(self) -> str:
        return f"send a pidfd to the socket {self.path}"


class WritePidFile(HostOperation):
    path: str

    def describe(self) -> str:
        return f"write the pid of init to {self.path}"


class RecordCreated(HostOperation):
    def describe(self) -> str:
        return "record the container as created"
