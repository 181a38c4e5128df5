"""What is set once inside the new namespaces: cgroup membership and namespace, names, loopback, sysctls."""

from __future__ import annotations

from ..linux import network, process
from ..linux.libc import syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init


def join_cgroup(init: Init, property: str) -> None:
    # Writing 0 moves the one thread that writes, without the lock that moving a whole foreign process takes.
    for descriptor in init.joins:
        init.write(descriptor, b"0")


def new_cgroup_namespace(init: Init, property: str) -> None:
    process.unshare(process.CLONE_NEWCGROUP)


def bring_up_loopback(init: Init, property: str) -> None:
    network.bring_up("lo")


def set_hostname(init: Init, property: str, name: str) -> None:
    text = name.encode()
    syscall("sethostname", text, len(text), object=name)


def set_domainname(init: Init, property: str, name: str) -> None:
    text = name.encode()
    syscall("setdomainname", text, len(text), object=name)


def write_sysctl(init: Init, property: str, path: str, value: str) -> None:
    init.write_proc(f"sys/{path}", value)


HANDLERS = {
    "JoinCgroup": join_cgroup,
    "NewCgroupNamespace": new_cgroup_namespace,
    "BringUpLoopback": bring_up_loopback,
    "SetHostname": set_hostname,
    "SetDomainname": set_domainname,
    "WriteSysctl": write_sysctl,
}
