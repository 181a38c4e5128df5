"""NOTIFY_SOCKET: the program tells the caller's service manager that it is ready (sd_notify(3)), by a way of runc's."""

from __future__ import annotations

from ..record import changed
from ..spec.model import Mount
from .lifecycle import HostOperation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Spec

NOTIFY_DIRECTORY = "notify"
NOTIFY_SOCKET = "notify.sock"
_INSIDE = "/run/notify"


class MakeNotifyDirectory(HostOperation):
    directory: str

    def describe(self) -> str:
        return f"make {self.directory} for the socket on which the program says that it is ready"


def compile_notify(spec: Spec, directory: str) -> tuple[Spec, list[MakeNotifyDirectory]]:
    """Gives the Spec with the directory of the socket mounted and the socket named in the environment.

    directory: of the container's state.
    """
    if spec.process is None:
        return spec, []
    source = f"{directory}/{NOTIFY_DIRECTORY}"
    # Its property is the purpose by which init is handed the directory, which root of a user namespace cannot reach.
    options = ("bind", "nosuid", "noexec", "nodev", "ro")
    mount = Mount(property="NOTIFY_SOCKET", destination=_INSIDE, source=source, options=options)
    env = (*spec.process.env, f"NOTIFY_SOCKET={_INSIDE}/{NOTIFY_SOCKET}")
    notified = changed(spec, mounts=(*spec.mounts, mount), process=changed(spec.process, env=env))
    return notified, [MakeNotifyDirectory(property=mount.property, directory=source)]
