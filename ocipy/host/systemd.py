"""systemd as the manager of cgroups: whether it runs, and who answers on its buses."""

from __future__ import annotations

import _socket

from ..linux import library, os
from ..linux.libsystemd import NAME
from .finding import note, ok, text_of

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding, Host

TITLE = "systemd"
_MEANS = "cgroups cannot be left to systemd (--systemd-cgroup)"
_REMEDY = "use the cgroupfs manager: podman --cgroup-manager cgroupfs, containerd SystemdCgroup = false"


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings. Connects to the buses, and sends nothing."""
    # sd_booted(3)
    if not os.path.isdir("/run/systemd/system"):
        first = text_of("/proc/1/comm")
        yield note("systemd", f"does not run{f', process 1 is {first}' if first else ''}", _MEANS, _REMEDY)
    else:
        yield ok("systemd", "runs")
        yield _bus("system bus", "/run/dbus/system_bus_socket")
        if host.uid:
            directory = os.environment().get("XDG_RUNTIME_DIR") or f"/run/user/{host.uid}"
            yield _bus("user bus", f"{directory}/bus")
    if library.is_there(NAME):
        yield ok("libsystemd", NAME)
    else:
        yield note("libsystemd", f"no {NAME}", _MEANS, "apt install libsystemd0")


def _bus(name: str, path: str) -> Finding:
    connection = _socket.socket(_socket.AF_UNIX, _socket.SOCK_STREAM | _socket.SOCK_NONBLOCK | _socket.SOCK_CLOEXEC)
    try:
        connection.connect(path)
    except OSError as error:
        remedy = "apt install dbus" if name == "system bus" else "apt install dbus-user-session, and log in by ssh"
        return note(name, f"{path}: {error.strerror}", _MEANS, remedy)
    finally:
        connection.close()
    return ok(name, path)
