"""From root in new namespaces to the process that the config describes: limits, user, capabilities."""

from __future__ import annotations

from ..errors import OcipyError
from ..linux import capability, keyring, os, process

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

_SETS = ("Inh", "Prm", "Eff", "Bnd", "Amb")  # as in proc(5), /proc/pid/status


def new_session_keyring(init: Init, property: str, name: str) -> None:
    try:
        keyring.join_session_keyring(name)
    except OSError as error:
        # ENOSYS: a kernel without keys; EPERM: a seccomp filter above us, as in nested containers; EDQUOT: quota.
        init.warn(f"session keyring {name}: {error.strerror}")


def enter_user_namespace(init: Init, property: str, uid: int, gid: int) -> None:
    # What the creator of a user namespace is on the host has no name in it, and can make no file.
    _set_groups(())
    os.setresgid(gid, gid, gid)
    os.setresuid(uid, uid, uid)
    process.prctl(process.PR_SET_DUMPABLE, 0)


def _set_groups(groups: tuple[int, ...]) -> None:
    try:
        os.setgroups(groups)
    except PermissionError:
        # Denied for good in a user namespace that somebody without privileges made: user_namespaces(7).
        if groups:
            raise OcipyError(
                "setgroups is denied in the user namespace (EPERM)", property="process.user.additionalGids"
            ) from None


def reset_cpu_affinity(init: Init, property: str) -> None:
    # Since kernel 6.2 an affinity that a caller set survives the move into the container's cpuset.
    process.reset_affinity()


def set_cpu_affinity(init: Init, property: str, cpus: str) -> None:
    process.set_affinity(cpus)


def set_scheduler(
    init: Init, property: str, policy: int, flags: int, nice: int, priority: int, runtime: int, deadline: int,
    period: int,
) -> None:  # fmt: skip
    process.set_scheduler(policy, flags, nice, priority, runtime, deadline, period)


def set_io_priority(init: Init, property: str, class_: int, priority: int) -> None:
    process.set_io_priority(class_, priority)


def set_personality(init: Init, property: str, domain: int) -> None:
    process.set_personality(domain)


def set_rlimit(init: Init, property: str, type: str, soft: int, hard: int) -> None:
    process.set_rlimit(type, soft, hard)


def set_apparmor_profile(init: Init, property: str, profile: str) -> None:
    init.set_apparmor_profile(profile)


def set_user(
    init: Init, property: str, uid: int, gid: int, groups: tuple[int, ...], umask: int | None, bounding: int
) -> None:
    for number in range(init.last_capability + 1):
        if not bounding >> number & 1:
            capability.drop_bounding(number)
    _own_standard_streams(uid)
    _set_groups(groups)
    os.setresgid(gid, gid, gid)
    process.prctl(process.PR_SET_KEEPCAPS, 1)
    os.setresuid(uid, uid, uid)
    process.prctl(process.PR_SET_KEEPCAPS, 0)
    # A change of user resets it to what /proc/sys/fs/suid_dumpable says.
    process.prctl(process.PR_SET_DUMPABLE, 0)
    if umask is not None:
        os.umask(umask)


def _own_standard_streams(uid: int) -> None:
    """Gives the user its standard streams, so that it can open /proc/self/fd/1; never the host's /dev/null."""
    for stream in range(3):
        try:
            status = os.fstat(stream)
            if status.st_uid != uid and status.st_rdev != os.makedev(1, 3):
                os.fchown(stream, uid, -1)
        except OSError:
            # Closed, on a read-only or foreign file system, or a socket: as useful as it was.
            continue


def set_capabilities(
    init: Init, property: str, bounding: int, effective: int, permitted: int, inheritable: int, ambient: int
) -> None:
    capability.clear_ambient()
    capability.capset(effective, permitted, inheritable)
    for number in range(init.last_capability + 1):
        if ambient >> number & 1:
            capability.raise_ambient(number)
    _verify(init, (inheritable, permitted, effective, bounding, ambient))


def _verify(init: Init, wanted: tuple[int, ...]) -> None:
    """Asks the kernel for the five sets, so that no refusal goes unseen. No /proc: a process that entered a running
    container holds no descriptor of the host's."""
    for name, mask, seen in zip(_SETS, wanted, capability.sets(init.last_capability), strict=True):
        if seen != mask:
            raise OcipyError(f"the kernel has Cap{name} {seen:016x} instead of {mask:016x}")


def set_no_new_privileges(init: Init, property: str) -> None:
    process.prctl(process.PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)


HANDLERS = {
    "NewSessionKeyring": new_session_keyring,
    "ResetCPUAffinity": reset_cpu_affinity,
    "SetCPUAffinity": set_cpu_affinity,
    "SetScheduler": set_scheduler,
    "SetIOPriority": set_io_priority,
    "SetPersonality": set_personality,
    "EnterUserNamespace": enter_user_namespace,
    "SetRlimit": set_rlimit,
    "SetAppArmorProfile": set_apparmor_profile,
    "SetUser": set_user,
    "SetCapabilities": set_capabilities,
    "SetNoNewPrivileges": set_no_new_privileges,
}
