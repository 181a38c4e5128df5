"""The container's process: limits, identity, capabilities, console, program."""

from __future__ import annotations

from ..linux import process as kernel
from ..linux.capability import NAMES
from .operation import HOST, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from ..spec.model import Capabilities, Process
    from .facts import HostFacts, Rootless


class NewSessionKeyring(Operation):
    name: str

    def describe(self) -> str:
        return f"join a new session keyring {self.name}"


class OpenConsole(Operation):
    """Sizes in characters; 0 leaves them."""

    height: int
    width: int

    def describe(self) -> str:
        size = f" of {self.width} x {self.height}" if self.width or self.height else ""
        return f"open a pseudo-terminal{size} of the container as /dev/console and standard streams"


class LookUpHome(Operation):
    uid: int

    def describe(self) -> str:
        return f"take HOME of user {self.uid} from the container's /etc/passwd"


class SetOOMScore(Operation):
    side: ClassVar[str] = HOST
    value: int

    def describe(self) -> str:
        return f"set the OOM score adjustment to {self.value}"


class ResetCPUAffinity(Operation):
    def describe(self) -> str:
        return "use all CPUs that the cgroup allows"


class SetCPUAffinity(Operation):
    """cpus: a list such as 0-3,7."""

    cpus: str

    def describe(self) -> str:
        return f"use the CPUs {self.cpus}"


class SetScheduler(Operation):
    """The fields of struct sched_attr; times in nanoseconds."""

    policy: int
    flags: int
    nice: int
    priority: int
    runtime: int
    deadline: int
    period: int

    def describe(self) -> str:
        name = {number: name for name, number in kernel.SCHEDULERS.items()}[self.policy]
        return f"schedule by {name}, nice {self.nice}, priority {self.priority}"


class SetIOPriority(Operation):
    class_: int
    priority: int

    def describe(self) -> str:
        return f"set the I/O priority to class {self.class_}, level {self.priority}"


class SetPersonality(Operation):
    domain: int

    def describe(self) -> str:
        return f"set the execution domain {self.domain:#x}"


class SetRlimit(Operation):
    type: str
    soft: int
    hard: int

    def describe(self) -> str:
        return f"limit {self.type} to {self.soft} (soft), {self.hard} (hard)"


class RaiseRlimit(Operation):
    """Only what the limit needs of the host's privileges; the limit itself comes last."""

    side: ClassVar[str] = HOST
    type: str
    hard: int

    def describe(self) -> str:
        return f"make room for a hard limit of {self.hard} for {self.type}"


class ChangeDirectory(Operation):
    path: str

    def describe(self) -> str:
        return f"change the working directory to {self.path}"


class VerifyDirectory(Operation):
    """After the change of user: a directory that only the user may enter is tried again (root squash)."""

    path: str

    def describe(self) -> str:
        return "make sure that the working directory lies inside the container"


class SetUser(Operation):
    """bounding: bit mask of the capabilities that stay; umask None: left as it is."""

    uid: int
    gid: int
    groups: tuple[int, ...]
    umask: int | None
    bounding: int

    def describe(self) -> str:
        groups = f", groups {' '.join(map(str, self.groups))}" if self.groups else ", no further groups"
        mask = "" if self.umask is None else f", umask {self.umask:03o}"
        return f"become user {self.uid}, group {self.gid}{groups}{mask}; bounding set {_list(self.bounding)}"


class SetCapabilities(Operation):
    """Bit masks. Written whole and read back."""

    bounding: int
    effective: int
    permitted: int
    inheritable: int
    ambient: int

    def describe(self) -> str:
        return (
            f"set capabilities: permitted {_list(self.permitted)}; effective {_list(self.effective)}; "
            f"inheritable {_list(self.inheritable)}; ambient {_list(self.ambient)}"
        )


class SetNoNewPrivileges(Operation):
    def describe(self) -> str:
        return "forbid new privileges by execve"


class FindProgram(Operation):
    """name: args[0]. path: the value of PATH."""

    name: str
    path: str

    def describe(self) -> str:
        return f"find the program {self.name}" + ("" if "/" in self.name else f" in {self.path or 'an empty PATH'}")


class OutliveCommand(Operation):
    def describe(self) -> str:
        return "no longer end with the command"


class LeaveHost(Operation):
    def describe(self) -> str:
        return "close all descriptors of the host"


class AwaitStart(Operation):
    def describe(self) -> str:
        return "wait for start"


class PrepareProgram(Operation):
    """All that can be done for execve(2) ahead of it: limits and a seccomp filter come between."""

    args: tuple[str, ...]
    # Not described: values may be secrets.
    env: tuple[str, ...]

    def describe(self) -> str:
        return "reset all signals; lay out the program's arguments and environment"


class ExecuteProgram(Operation):
    args: tuple[str, ...]

    def describe(self) -> str:
        return f"execute {' '.join(self.args)}"


def environment(env: tuple[str, ...]) -> dict[str, str]:
    """Gives the variables; of a name that is given twice, the last counts, as with runc."""
    return dict(entry.split("=", 1) for entry in env)


def compile_before_root(process: Process) -> list[Operation]:
    """Gives what reads the container's files and so comes before the change of root."""
    operations: list[Operation] = []
    if "HOME" not in environment(process.env):
        operations.append(LookUpHome(property="process.user.uid", uid=process.user.uid))
    if process.terminal:
        size = process.consoleSize
        height, width = (size.height, size.width) if size else (0, 0)
        operations.append(OpenConsole(property="process.terminal", height=height, width=width))
    return operations


def compile_identity(
    process: Process, facts: HostFacts, *, keyring: str, warnings: list[str], kept: int = 0, cpus: str = ""
) -> list[Operation]:
    """Gives the steps from root's privileges to the process's own.

    keyring: name of its session keyring, or "". kept: bit mask of capabilities that init keeps until execve(2).
    cpus: list of the CPUs to use, "" for all.
    """
    user = process.user
    operations: list[Operation] = []
    if keyring:
        operations.append(NewSessionKeyring(property="", name=keyring))
    operations += _compile_scheduling(process, cpus)
    masks = capability_masks(process.capabilities, facts.capabilities, warnings)
    operations.append(ChangeDirectory(property="process.cwd", path=process.cwd))
    operations.append(
        SetUser(
            property="process.user", uid=user.uid, gid=user.gid, groups=user.additionalGids,
            # runc and crun set 022 when umask is absent; callers count on it.
            umask=0o022 if user.umask is None else user.umask, bounding=masks["bounding"],
        )
    )  # fmt: skip
    masks["permitted"] |= kept
    masks["effective"] |= kept
    operations.append(SetCapabilities(property="process.capabilities", **masks))
    if process.noNewPrivileges:
        operations.append(SetNoNewPrivileges(property="process.noNewPrivileges"))
    operations.append(VerifyDirectory(property="process.cwd", path=process.cwd))
    path = environment(process.env).get("PATH", "")
    operations.append(FindProgram(property="process.args", name=process.args[0], path=path))
    return operations


def inherited_score(process: Process | None, rootless: Rootless | None) -> int | None:
    """Gives the OOM score adjustment that an ordinary user's process must be born with where it joins a user namespace
    that has others in it, or None."""
    return process.oomScoreAdj if process and rootless and rootless.is_user else None


def compile_limits(process: Process, inherited: int | None = None) -> list[Operation]:
    """Gives what is set from the host's side: root of a user namespace may neither lower a score nor raise a limit.

    inherited: OOM score adjustment that the process is born with, or None.
    """
    operations: list[Operation] = []
    if process.oomScoreAdj is not None and inherited is None:
        operations.append(SetOOMScore(property="process.oomScoreAdj", value=process.oomScoreAdj))
    operations += [
        RaiseRlimit(property=f"{limit.property}.hard", type=limit.type, hard=limit.hard) for limit in process.rlimits
    ]
    return operations


def compile_rlimits(process: Process) -> list[Operation]:
    """Gives the resource limits. They come as late as can be: a low RLIMIT_NOFILE or RLIMIT_AS binds ocipy too."""
    return [
        SetRlimit(property=limit.property, type=limit.type, soft=limit.soft, hard=limit.hard)
        for limit in process.rlimits
    ]


def _compile_scheduling(process: Process, cpus: str) -> list[Operation]:
    operations: list[Operation] = [ResetCPUAffinity(property="")]
    if cpus:
        operations = [SetCPUAffinity(property="process.execCPUAffinity.final", cpus=cpus)]
    if process.scheduler:
        wanted = process.scheduler
        flags = 0
        for name in wanted.flags:
            flags |= kernel.SCHEDULER_FLAGS[name]
        operations.append(
            SetScheduler(
                property="process.scheduler", policy=kernel.SCHEDULERS[wanted.policy], flags=flags, nice=wanted.nice,
                priority=wanted.priority, runtime=wanted.runtime, deadline=wanted.deadline, period=wanted.period,
            )
        )  # fmt: skip
    if process.ioPriority:
        operations.append(
            SetIOPriority(
                property="process.ioPriority", class_=kernel.IO_PRIORITY_CLASSES[process.ioPriority.class_],
                priority=process.ioPriority.priority,
            )
        )  # fmt: skip
    return operations


def capability_masks(wanted: Capabilities | None, grantable: int, warnings: list[str]) -> dict[str, int]:
    """Gives the five sets as bit masks; absent capabilities are empty sets.

    What is unknown or cannot be granted is left out with a warning (config.md, capabilities: the runtime MUST log a
    warning and SHOULD NOT fail). grantable: the caller's own bounding set.
    """
    masks = {}
    for name in ("bounding", "effective", "permitted", "inheritable", "ambient"):
        mask = 0
        for capability in getattr(wanted, name) if wanted else ():
            bit = 1 << NAMES.index(capability) if capability in NAMES else 0
            if not bit & grantable:
                reason = "cannot be granted: this process does not have it" if bit else "is not known"
                warnings.append(f"process.capabilities.{name}: {capability} {reason}")
            mask |= bit & grantable
        masks[name] = mask
    # The kernel refuses effective outside permitted, and ambient outside permitted and inheritable: capabilities(7).
    for name, limit, reason in (
        ("effective", masks["permitted"], "permitted"),
        ("ambient", masks["permitted"] & masks["inheritable"], "both permitted and inheritable"),
    ):
        if refused := masks[name] & ~limit:
            # buildah 1.28 asks for all as ambient and none as inheritable, and shows what is said at each step.
            which = "all" if refused == masks[name] else _list(refused)
            warnings.append(f"process.capabilities.{name}: {which} left out: not {reason}")
            masks[name] &= limit
    return masks


def _list(mask: int) -> str:
    return " ".join(name for number, name in enumerate(NAMES) if mask >> number & 1) or "none"
