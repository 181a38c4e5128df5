"""What the functions of this room share while they turn one process into a container."""

from __future__ import annotations

from errno import EXDEV

from ..errors import OcipyError, describe_os_error
from ..linux import os
from ..linux.memory import make_own
from ..linux.mount import (
    AT_FDCWD,
    FSCONFIG_CMD_CREATE,
    PROC_SUPER_MAGIC,
    file_system_magic,
    fsconfig,
    fsmount,
    fsopen,
)
from ..linux.openat2 import RESOLVE_BENEATH, RESOLVE_NO_MAGICLINKS, RESOLVE_NO_XDEV, openat2
from ..linux.process import PR_SET_DUMPABLE, close_others, prctl

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..linux.process import Execution
    from ..linux.seccomp import Filter
    from .channel import Channel

_WITHIN = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS | RESOLVE_NO_XDEV


def open_proc() -> int:
    """Gives a descriptor of the host's /proc, or of a procfs of our own where /proc/sys is covered: a container has it
    read-only, and there may be another one in that. Raises OSError; OcipyError when /proc is no proc file system.
    """
    proc = openat2(AT_FDCWD, "/proc", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, 0, 0)
    if file_system_magic(proc) != PROC_SUPER_MAGIC:
        raise OcipyError("/proc of the host is not a proc file system")
    try:
        os.close(openat2(proc, "sys", os.O_PATH, 0, _WITHIN))
    except OSError as error:
        if error.errno != EXDEV:
            raise
        os.close(proc)
        return _new_proc()
    return proc


def _new_proc() -> int:
    context = fsopen("proc")
    try:
        fsconfig(context, FSCONFIG_CMD_CREATE)
        return fsmount(context)
    except OSError as error:
        hint = "leave /proc/sys as it is where containers are made: privileged, or --security-opt unmask=ALL"
        raise OcipyError(f"a mount covers /proc/sys, and {describe_os_error(error)}", hint=hint) from None
    finally:
        os.close(context)


class Init:
    """State of the init process.

    channel: the end of the socket pair to the command. proc: O_PATH descriptor of the host's /proc directory, which
    a process that enters a running container has let go of.
    bundle: absolute path of the bundle. descriptors: what the command has handed over, by purpose.
    preserved: number of descriptors after stderr that the program gets.
    joins: descriptors of the cgroups to join.
    root: O_PATH descriptor of the mount that becomes the container's root, -1 until it is prepared.
    readonly_later: descriptors of mounts that become read-only once their content is made, by property.
    mounted: descriptors of what has been mounted so far, None when nobody would take it back.
    kernel_mounts: descriptors of the topmost mounts on /proc and /sys, by destination.
    null: O_PATH descriptor of the host's null device, verified, -1 until the root is prepared.
    file_mask, directory_mask: the first mask of its kind, from which further ones are cloned, or -1.
    hook_state: the JSON that hooks get, without the pid. home: HOME when the config has none.
    program: path of the executable, once found. in_directory: whether the working directory could be entered.
    seccomp: the filter to load, when the config has one. execution: the prepared execve(2).
    """

    def __init__(self, channel: Channel, proc: int, bundle: str, preserved: int) -> None:
        self.channel = channel
        self.proc = proc
        self.bundle = bundle
        self.descriptors: dict[str, list[int]] = {}
        self.preserved = preserved
        self.joins: list[int] = []
        self.root = -1
        self.readonly_later: dict[str, int] = {}
        self.mounted: list[int] | None = None
        self.kernel_mounts: dict[str, int] = {}
        self.null = -1
        self.file_mask = -1
        self.directory_mask = -1
        self.hook_state = ""
        self.home = ""
        self.program = ""
        self.in_directory = False
        self.seccomp: Filter
        self.execution: Execution
        self.last_capability = int(self.read_proc("sys/kernel/cap_last_cap"))

    def close_foreign(self) -> None:
        """Closes what this process has as a copy of the command, and of the command's caller."""
        self._close_all_but(self.proc)

    def leave_host(self, *kept: int) -> None:
        """As close_foreign, but of the host's /proc nothing is left either: what enters a running container can be
        looked at by others there (CVE-2016-9962). kept: what is still needed to enter.
        """
        self._close_all_but(*kept)

    def _close_all_but(self, *kept: int) -> None:
        own = {0, 1, 2, *range(3, 3 + self.preserved), self.channel.fileno(), *self._handed_over()}
        close_others(own | {descriptor for descriptor in kept if descriptor >= 0})

    def close(self) -> None:
        """Closes what is init's alone; in the command, once init is made."""
        self.channel.close()
        for descriptor in (self.proc, *self._handed_over()):
            os.close(descriptor)

    def _handed_over(self) -> list[int]:
        return [number for numbers in self.descriptors.values() for number in numbers]

    def take(self, name: str) -> list[int]:
        """Gives the descriptors that were handed over for a purpose; they belong to the caller from then on."""
        return self.descriptors.pop(name)

    def warn(self, text: str) -> None:
        """Lets the command tell the person something that is not a failure."""
        self.channel.send(("warning", text))

    def write(self, descriptor: int, data: bytes) -> None:
        """Writes all in one call, as files of the kernel want it, and closes the descriptor."""
        try:
            os.write(descriptor, data)
        finally:
            os.close(descriptor)

    def write_proc(self, path: str, value: str) -> None:
        """Writes a file of the host's procfs, which the container can neither cover nor redirect (CVE-2025-52881)."""
        try:
            self.write(openat2(self.proc, path, os.O_WRONLY, 0, _WITHIN), value.encode())
        except OSError as error:
            error.filename = f"/proc/{path}"
            raise

    def read_proc(self, path: str) -> str:
        """Gives the text of a file of the host's procfs."""
        descriptor = openat2(self.proc, path, os.O_RDONLY, 0, _WITHIN)
        try:
            return os.read(descriptor, 1 << 16).decode()
        finally:
            os.close(descriptor)

    def own_memory(self) -> None:
        """Separates this process's memory from that of the command, before it is charged to the container."""
        descriptor = openat2(self.proc, "self/maps", os.O_RDONLY, 0, _WITHIN)
        with open(descriptor, "rb", 0) as file:
            make_own(file.read())

    def inherit_score(self, value: int) -> None:
        """Sets the OOM score adjustment of this process, for those that it makes: in the container it is too late for
        an ordinary user, since the files in /proc of a process that cannot be dumped are root's.
        """
        prctl(PR_SET_DUMPABLE, 1)
        try:
            self.write_proc("self/oom_score_adj", str(value))
        except OSError as error:
            raise OcipyError(describe_os_error(error), property="process.oomScoreAdj") from None
        prctl(PR_SET_DUMPABLE, 0)

    def set_apparmor_profile(self, profile: str) -> None:
        """Has AppArmor confine what this process, or one that it makes, executes next.

        Of the host's procfs, since what an image has at /proc could take the word and do nothing (CVE-2019-16884).
        """
        try:
            self.write_proc("self/attr/apparmor/exec", f"exec {profile}")
        except FileNotFoundError:
            raise OcipyError(
                f"the kernel has no AppArmor profile {profile}", property="process.apparmorProfile",
                hint="apparmor_parser --replace FILE loads it; engines do so unless this program is missing",
            ) from None  # fmt: skip
        except OSError as error:
            raise OcipyError(describe_os_error(error), property="process.apparmorProfile") from None

    def environment(self, env: tuple[str, ...]) -> dict[str, str]:
        """Gives the program's environment; HOME is added when the config has none."""
        variables = dict(entry.split("=", 1) for entry in env)
        if self.home:
            variables.setdefault("HOME", self.home)
        return variables

    def detach(self) -> None:
        """Lets go of the host, whose files a program named by a descriptor would be (CVE-2024-21626).

        What is left are the standard streams, the preserved descriptors, the channel and the socket of start.
        """
        kept = (self.channel.fileno(), *self.descriptors.get("start", ()))
        close_others({0, 1, 2, *range(3, 3 + self.preserved), *kept})
