"""What this process may do: capabilities, and limits that containers inherit."""

from __future__ import annotations

from ..linux import capability, os
from ..linux.proc import is_in_initial_user_namespace
from ..linux.process import PR_CAPBSET_READ, get_rlimit, prctl
from .finding import fail, note, number_of, ok, text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding, Host

TITLE = "privileges"
# What root in a container's making cannot do without, as words for people; each was tried.
NEEDED = {
    "CAP_SYS_ADMIN": "namespaces and mounts cannot be made",
    # The kernel counts the device programs of cgroup v2 among those of the network.
    "CAP_NET_ADMIN": "no loopback interface can be brought up, and on cgroup v2 no device be forbidden",
    "CAP_SETPCAP": "capabilities cannot be taken from a container",
    "CAP_DAC_OVERRIDE": "cgroups, and files of other users' bundles, cannot be made",
}
WANTED = {
    "CAP_SETUID": "a container's process cannot become another user than root",
    "CAP_SETGID": "a container's process cannot have another group than root's, or further ones",
    "CAP_SYS_RESOURCE": "rlimits cannot be raised above our own, nor the OOM score lowered",
    "CAP_CHOWN": "files and terminals cannot be given to a container's user",
    "CAP_FOWNER": "modes of other users' files cannot be set",
    "CAP_MKNOD": "device nodes are binds of the host's, and only of those that the host has",
    "CAP_SYS_CHROOT": "a mount namespace cannot be joined by exec",
    "CAP_SYS_PTRACE": "exec cannot enter containers of other users or with more capabilities",
    "CAP_KILL": "containers of other users cannot be signalled",
    "CAP_SETFCAP": "a user namespace cannot map root of the host",
    "CAP_SYS_NICE": "schedulers and I/O priorities beyond the ordinary cannot be set",
}
_REMEDY = "give {} to the container or service that this runs in"
_FEW_FILES = 1024
_FEW_PIDS = 32768


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings."""
    yield _user(host)
    if host.uid == 0:
        yield from _capabilities(host)
    yield _files()
    yield _pids()
    yield from _keys(host)


def missing(effective: int) -> dict[str, str]:
    """Gives the capabilities that a container manager wants and a process lacks, with what it cannot do.

    effective: the process's effective set, as a bit mask.
    """
    wanted = {**NEEDED, **WANTED}
    return {name: means for name, means in wanted.items() if not effective >> capability.NAMES.index(name) & 1}


def _user(host: Host) -> Finding:
    text = f"uid {host.uid}"
    try:
        first = is_in_initial_user_namespace()
    except OSError:
        return note("user", f"{text}; whether this is the host's user namespace cannot be told")
    if not first:
        mapping = text_of("/proc/self/uid_map").split()
        of = f", uid {mapping[1]} outside" if len(mapping) == 3 else ""
        means = "device nodes are binds, and an eBPF program cannot restrict the access to devices"
        return note("user", f"{text} in a user namespace{of}", means, "run on the host itself")
    return ok("user", text)


def _capabilities(host: Host) -> Iterator[Finding]:
    lacking = missing(host.capabilities)
    for name, means in lacking.items():
        yield (fail if name in NEEDED else warn)(name, "missing", means, _REMEDY.format(name))
    names = [name for number, name in enumerate(capability.NAMES) if not _is_grantable(number)]
    others = [name for name in names if name not in lacking]
    if others:
        means = "containers cannot be granted them"
        yield note("capabilities", f"no {', '.join(others)}", means, _REMEDY.format("them"))
    if not names:
        yield ok("capabilities", "all")
    else:
        yield ok("capabilities", f"{len(capability.NAMES) - len(names)} of {len(capability.NAMES)} can be granted")


def _is_grantable(number: int) -> bool:
    try:
        return bool(prctl(PR_CAPBSET_READ, number))
    except OSError:
        # Newer than the kernel.
        return True


def _files() -> Finding:
    soft, hard = get_rlimit("RLIMIT_NOFILE")
    text = f"{soft} files, at most {hard}"
    if soft < _FEW_FILES:
        return warn("open files", text, "containers without process.rlimits inherit it", f"ulimit -n {_FEW_FILES}")
    return ok("open files", text)


def _pids() -> Finding:
    highest = number_of("/proc/sys/kernel/pid_max")
    if highest is None:
        return note("processes", "kernel.pid_max cannot be read")
    if highest < _FEW_PIDS:
        means = "the host has few process ids for all containers"
        return warn("processes", f"kernel.pid_max = {highest}", means, f"sysctl -w kernel.pid_max={_FEW_PIDS}")
    return ok("processes", f"kernel.pid_max = {highest}")


def _keys(host: Host) -> Iterator[Finding]:
    """Each container has a session keyring, which is charged to who makes it: keyrings(7), /proc/key-users."""
    for line in text_of("/proc/key-users").splitlines():
        user, *_counts, keys, _bytes = line.split()
        if user != f"{os.geteuid()}:":
            continue
        used, _slash, most = keys.partition("/")
        text = f"{used} of {most}"
        if int(used) * 10 < int(most) * 9:
            yield ok("keys", text)
        else:
            name = "root_maxkeys" if host.uid == 0 else "maxkeys"
            means = "new containers have no session keyring of their own, and create warns of that"
            yield warn("keys", text, means, f"sysctl -w kernel.keys.{name}={2 * int(most)}")
