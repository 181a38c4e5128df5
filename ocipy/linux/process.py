"""Processes and namespaces: clone3, setns, unshare, prctl, rlimits and the scheduler (the man pages of each)."""

from __future__ import annotations

import _signal
import _struct as struct

from . import os
from .libc import Pinned, address, buffer, syscall

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

CLONE_NEWTIME = 0x00000080
CLONE_PARENT = 0x00008000
CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWUTS = 0x04000000
CLONE_NEWIPC = 0x08000000
CLONE_NEWUSER = 0x10000000
CLONE_NEWPID = 0x20000000
CLONE_NEWNET = 0x40000000
CLONE_PIDFD = 0x00001000
CLONE_INTO_CGROUP = 0x200000000

CLOSE_RANGE_CLOEXEC = 4

PR_SET_PDEATHSIG = 1
PR_SET_DUMPABLE = 4
PR_SET_KEEPCAPS = 8
PR_CAPBSET_READ = 23
PR_CAPBSET_DROP = 24
PR_SET_CHILD_SUBREAPER = 36
PR_SET_NO_NEW_PRIVS = 38
PR_CAP_AMBIENT = 47
PR_CAP_AMBIENT_IS_SET = 1
PR_CAP_AMBIENT_RAISE = 2
PR_CAP_AMBIENT_CLEAR_ALL = 4

RLIMITS = (
    "RLIMIT_CPU", "RLIMIT_FSIZE", "RLIMIT_DATA", "RLIMIT_STACK", "RLIMIT_CORE", "RLIMIT_RSS", "RLIMIT_NPROC",
    "RLIMIT_NOFILE", "RLIMIT_MEMLOCK", "RLIMIT_AS", "RLIMIT_LOCKS", "RLIMIT_SIGPENDING", "RLIMIT_MSGQUEUE",
    "RLIMIT_NICE", "RLIMIT_RTPRIO", "RLIMIT_RTTIME",
)  # fmt: skip
SCHEDULERS = {
    "SCHED_OTHER": 0, "SCHED_FIFO": 1, "SCHED_RR": 2, "SCHED_BATCH": 3, "SCHED_ISO": 4, "SCHED_IDLE": 5,
    "SCHED_DEADLINE": 6,
}  # fmt: skip
SCHEDULER_FLAGS = {
    "SCHED_FLAG_RESET_ON_FORK": 0x01, "SCHED_FLAG_RECLAIM": 0x02, "SCHED_FLAG_DL_OVERRUN": 0x04,
    "SCHED_FLAG_KEEP_POLICY": 0x08, "SCHED_FLAG_KEEP_PARAMS": 0x10, "SCHED_FLAG_UTIL_CLAMP_MIN": 0x20,
    "SCHED_FLAG_UTIL_CLAMP_MAX": 0x40,
}  # fmt: skip
IO_PRIORITY_CLASSES = {"IOPRIO_CLASS_RT": 1, "IOPRIO_CLASS_BE": 2, "IOPRIO_CLASS_IDLE": 3}
PERSONALITIES = {"LINUX": 0x0000, "LINUX32": 0x0008}

_MOST_CPUS = 8192  # the largest NR_CPUS that a kernel is built for
_IOPRIO_WHO_PROCESS = 1
_IOPRIO_CLASS_SHIFT = 13


def prctl(option: int, *arguments: int) -> int:
    """Calls prctl(2). Raises OSError."""
    return syscall("prctl", option, *arguments, object=f"option {option}")


def clone3(flags: int, *, exit_signal: int = 0, cgroup: int = -1) -> tuple[int, int]:
    """Makes a child with clone3(2) and gives (pid, pidfd); (0, -1) in the child.

    The child is a copy of this process, which must have one thread only. cgroup: a descriptor of a cgroup v2
    directory into which the child is born, or -1. Raises OSError.
    """
    pidfd = buffer(4)
    if cgroup >= 0:
        flags |= CLONE_INTO_CGROUP
    arguments = buffer(88)
    arguments.raw = struct.pack(
        "<11Q", flags | CLONE_PIDFD, address(pidfd), 0, 0, exit_signal, 0, 0, 0, 0, 0, max(cgroup, 0)
    )
    pid = syscall("clone3", arguments, 88)
    if pid == 0:
        return 0, -1
    return pid, int.from_bytes(pidfd.raw, "little")


def setns(descriptor: int, kind: int) -> None:
    """Joins the namespace of `descriptor`, which must be of the CLONE_NEW* kind given. Raises OSError."""
    syscall("setns", descriptor, kind)


def unshare(flags: int) -> None:
    """Moves this process into new namespaces. Raises OSError."""
    syscall("unshare", flags)


def close_others(keep: set[int]) -> None:
    """Closes every descriptor of this process that is not in `keep`, with close_range(2)."""
    first = 0
    for descriptor in (*sorted(keep), 1 << 32):
        if descriptor > first:
            syscall("close_range", first, descriptor - 1, 0)
        first = descriptor + 1


def set_rlimit(name: str, soft: int, hard: int, *, pid: int = 0) -> None:
    """Sets a limit of this or another process by prlimit(2); values are 64 bits wide. Raises OSError."""
    syscall("prlimit64", pid, RLIMITS.index(name), struct.pack("<QQ", soft, hard), 0, object=name)


def reset_signals() -> None:
    """Gives every signal its default action and unblocks all: what is ignored or blocked passes through execve(2).

    By the system call, since sigaction(3) refuses the two signals of the C library itself, which posix_spawn(3) has
    set to be ignored. Of the others the interpreter knows, without a call, which it found ignored.
    """
    default = bytes(32)  # struct sigaction of the kernel: SIG_DFL, no flags, no mask
    for number in range(1, 65):
        if number in (32, 33) or _signal.getsignal(number) == _signal.SIG_IGN:
            syscall("rt_sigaction", number, default, 0, 8)
    _signal.pthread_sigmask(_signal.SIG_SETMASK, ())


class Execution:
    """execve(2) with all that it needs laid out in memory, so that it is one system call and no allocation."""

    def __init__(self, path: str, args: Sequence[str], env: Mapping[str, str]) -> None:
        self._path = os.fsencode(path)
        words = [os.fsencode(word) for word in (*args, *(f"{name}={value}" for name, value in env.items()))]
        self._memory = Pinned(b"\0".join(words))
        position = self._memory.address
        addresses = []
        for word in words:
            addresses.append(position)
            position += len(word) + 1
        self._args = struct.pack(f"{len(args) + 1}P", *addresses[: len(args)], 0)
        self._env = struct.pack(f"{len(env) + 1}P", *addresses[len(args) :], 0)

    def execute(self) -> None:
        """Becomes the program. Raises OSError; does not return otherwise."""
        syscall("execve", self._path, self._args, self._env, object=self._path)


def get_rlimit(name: str, *, pid: int = 0) -> tuple[int, int]:
    """Gives the soft and the hard limit of this or another process, prlimit(2). Raises OSError."""
    limits = buffer(16)
    syscall("prlimit64", pid, RLIMITS.index(name), 0, limits, object=name)
    soft, hard = struct.unpack("<QQ", limits.raw)
    return soft, hard


def reset_affinity() -> None:
    """Lets this process run on every CPU of its cpuset, sched_setaffinity(2). Raises OSError."""
    # Asking for the real number would open a file of /sys,
    # which is the image's own when the container has no sysfs.
    syscall("sched_setaffinity", 0, _MOST_CPUS // 8, b"\xff" * (_MOST_CPUS // 8))


def set_affinity(cpus: str) -> None:
    """Lets this process run on a list of CPUs such as 0-3,7. Raises OSError: EINVAL when it may use none of them."""
    mask = 0
    for part in cpus.split(","):
        first, _dash, last = part.partition("-")
        mask |= (1 << min(int(last or first) + 1, _MOST_CPUS)) - (1 << min(int(first), _MOST_CPUS))
    syscall("sched_setaffinity", 0, _MOST_CPUS // 8, mask.to_bytes(_MOST_CPUS // 8, "little"), object=f"CPUs {cpus}")


def is_directory_reachable() -> bool:
    """Tells whether the working directory exists and lies below the root directory of this process.

    The system call, and not os.getcwd(): where the kernel says "(unreachable)", the C library looks for a way up by
    itself, and takes a directory of the same file system for the root although another mount lies between.
    """
    path = buffer(4096)
    try:
        syscall("getcwd", path, 4096)
    except FileNotFoundError:
        return False
    return bool(path.raw.startswith(b"/"))


def set_scheduler(policy: int, flags: int, nice: int, priority: int, runtime: int, deadline: int, period: int) -> None:
    """Sets the scheduling policy and attributes of this process, sched_setattr(2). Raises OSError."""
    attributes = struct.pack("<IIQiIQQQII", 56, policy, flags, nice, priority, runtime, deadline, period, 0, 0)
    syscall("sched_setattr", 0, attributes, 0)


def set_io_priority(class_: int, priority: int) -> None:
    """Sets the I/O scheduling class and priority (0 to 7) of this process, ioprio_set(2). Raises OSError."""
    syscall("ioprio_set", _IOPRIO_WHO_PROCESS, 0, class_ << _IOPRIO_CLASS_SHIFT | priority)


def set_personality(domain: int) -> None:
    """Sets the execution domain, personality(2). Raises OSError."""
    syscall("personality", domain)
