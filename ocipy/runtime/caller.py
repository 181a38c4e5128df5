"""What the caller of the command hands down: descriptors, variables that announce them, capabilities, paths."""

from __future__ import annotations

from ..errors import OcipyError
from ..linux import os
from ..linux.proc import is_host_root
from ..plan.facts import Rootless
from ..plan.users import user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Spec


def passed_sockets(extra: int) -> tuple[int, tuple[str, ...]]:
    """Gives how many descriptors after stderr the program gets, and the variables that announce sockets among them.

    As with runc, passed sockets (LISTEN_FDS) come first; LISTEN_PID is 1 inside. Those that are not for this very
    process, by LISTEN_PID, are nobody's: the variables are inherited by whatever a service starts (sd_listen_fds(3)).
    """
    environment = os.environment()
    text = environment.get("LISTEN_FDS", "") if environment.get("LISTEN_PID") == str(os.getpid()) else ""
    sockets = int(text) if text.isascii() and text.isdigit() else 0
    preserve(sockets + extra)
    names = environment.get("LISTEN_FDNAMES", "")
    env = [f"LISTEN_FDS={sockets}", "LISTEN_PID=1"] if sockets else []
    if sockets and names:
        env.append(f"LISTEN_FDNAMES={names}")
    return sockets + extra, tuple(env)


def notify_address() -> str:
    """Gives the address at which a service manager waits to hear that the program is ready, or "" (sd_notify(3))."""
    return os.environment().get("NOTIFY_SOCKET", "")


def preserve(count: int) -> None:
    """Lets the program have the first `count` descriptors after stderr. Raises OcipyError when one is not open."""
    for number in range(3, 3 + count):
        try:
            os.set_inheritable(number, True)
        except OSError:
            raise OcipyError(f"file descriptor {number} is to be preserved but is not open") from None


def caller(rootless: str) -> Rootless | None:
    """Gives who makes the container, None for the host's root. rootless: true, false (None as well) or auto."""
    if rootless == "false" or is_host_root():
        return None
    from ..host.installed import installed

    return Rootless(
        uid=os.geteuid(), gid=os.getegid(), newuidmap=installed("newuidmap"), newgidmap=installed("newgidmap")
    )


def absolute(path: str) -> str:
    """Gives a path that stays right when the working directory changes; that of nothing is nothing."""
    return os.path.abspath(path) if path else ""


def grantable(spec: Spec) -> int:
    """Gives the capabilities that init has to give: in a user namespace all, else those of this process (proc(5))."""
    if user_namespace(spec):
        with open("/proc/sys/kernel/cap_last_cap", "rb") as file:
            return (2 << int(file.read())) - 1
    with open("/proc/self/status", "rb") as file:
        status = file.read()
    mask = -1
    for name in (b"CapPrm:\t", b"CapBnd:\t"):
        mask &= int(status.partition(name)[2][:16], 16)
    return mask
