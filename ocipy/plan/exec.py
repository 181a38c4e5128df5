"""The compiler of `exec`: another process for a container that runs, by the config that it was made from."""

from __future__ import annotations

from ..errors import ConfigError
from ..record import Record, changed
from ..spec.fields import absolute_path, env_entry
from ..spec.model import Capabilities, Process, Spec, User
from ..spec.process import ID
from .labels import check_labels, process_labels, profile_of
from .lifecycle import HostOperation
from .namespaces import JoinCgroup, is_tight
from .operation import Operation, Plan
from .process import capability_masks, compile_limits, environment, inherited_score
from .program import compile_announcements, compile_become, compile_filters, compile_program, keyring_name
from .users import compile_users

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from .facts import HostFacts


class ExecRequest(Record):
    """What the command line asks. Paths absolute or "". cgroups: controllers and directory of those to join.

    unit: that of systemd which the cgroup belongs to, where the process cannot be born there; below: the cgroup's path
    from the unit's own.
    """

    id: str
    cgroups: tuple[tuple[str, str], ...] = ()
    unit: str = ""
    below: str = ""
    keyring: bool = True
    pid_file: str = ""
    console_socket: str = ""
    pidfd_socket: str = ""


class Changes(Record):
    """What the flags change in the container's process; None or empty: nothing."""

    args: tuple[str, ...]
    cwd: str = ""
    env: tuple[str, ...] = ()
    terminal: bool = False
    uid: int | None = None
    gid: int | None = None
    additionalGids: tuple[int, ...] = ()
    capabilities: tuple[str, ...] = ()
    noNewPrivileges: bool | None = None
    apparmorProfile: str = ""
    selinuxLabel: str = ""


class SetInitialAffinity(HostOperation):
    """cpus: a list such as 0-3,7. Set by the command, whose child the process is: before it joins the cgroup."""

    cpus: str

    def describe(self) -> str:
        return f"use the CPUs {self.cpus} until the process is in its cgroup"


class FindHome(HostOperation):
    """On the host's side, which needs nothing of the container but a descriptor of its root."""

    uid: int

    def describe(self) -> str:
        return f"take HOME of user {self.uid} from the container's /etc/passwd"


class EnterContainer(HostOperation):
    """ownMemory, cgroup, oomScore: see CreateInit. profile: that AppArmor confines the program by, or ""."""

    ownMemory: bool
    cgroup: str = ""
    oomScore: int | None = None
    profile: str = ""

    def describe(self) -> str:
        text = "make the process in the container's namespaces" + ("; its memory apart" if self.ownMemory else "")
        if self.oomScore is not None:
            text += f"; OOM score adjustment {self.oomScore}"
        return f"{text}; confined by the AppArmor profile {self.profile}" if self.profile else text


class MoveIntoUnit(HostOperation):
    """path: of the cgroup, from that of the unit."""

    unit: str
    path: str

    def describe(self) -> str:
        return f"have systemd move the process into {self.unit}{self.path}"


class OpenTerminal(Operation):
    """Sizes in characters; 0 leaves them."""

    height: int
    width: int

    def describe(self) -> str:
        return "open a pseudo-terminal of the container as standard streams"


def changed_process(process: Process, changes: Changes) -> Process:
    """Gives the container's process as the flags change it: runc's rules.

    Raises ConfigError for each flag whose value no process can have.
    """
    problems: list[tuple[str, str]] = []
    if not changes.args:
        problems.append(("", "process args cannot be empty: a command is needed"))
    cwd = absolute_path(changes.cwd, "--cwd", problems) if changes.cwd else process.cwd
    for entry in changes.env:
        env_entry(entry, "--env", problems)
    for flag, id in (
        ("--user", changes.uid), ("--user", changes.gid),
        *(("--additional-gids", id) for id in changes.additionalGids),
    ):  # fmt: skip
        if id is not None:
            ID(id, flag, problems)
    if problems:
        raise ConfigError(problems)
    user = process.user
    result: Process = changed(
        process, args=changes.args, cwd=cwd, env=process.env + changes.env, terminal=changes.terminal,
        user=changed(
            user, uid=user.uid if changes.uid is None else changes.uid,
            gid=user.gid if changes.gid is None else changes.gid,
            additionalGids=user.additionalGids + changes.additionalGids,
        ),
        capabilities=_with(process.capabilities, changes.capabilities),
        noNewPrivileges=process.noNewPrivileges if changes.noNewPrivileges is None else changes.noNewPrivileges,
        apparmorProfile=changes.apparmorProfile or process.apparmorProfile,
        selinuxLabel=changes.selinuxLabel or process.selinuxLabel,
    )  # fmt: skip
    return result


def completed_process(process: Process, own: Process | None) -> Process:
    """Gives a process of a file, with what it leaves to the container's own, if that has one: as runc."""
    if own is None:
        return process
    user: User = process.user
    if user.umask is None:
        user = changed(user, umask=own.user.umask)
    left = {
        name: getattr(own, name)
        for name in (
            "capabilities", "rlimits", "apparmorProfile", "selinuxLabel", "oomScoreAdj", "scheduler", "ioPriority",
            "execCPUAffinity",
        )
        if not getattr(process, name) and getattr(process, name) != 0
    }  # fmt: skip
    completed: Process = changed(process, user=user, **left)
    return completed


def _with(own: Capabilities | None, more: tuple[str, ...]) -> Capabilities | None:
    """Adds capabilities to the sets, but never to the inheritable one (CVE-2022-29162); to the ambient one only where
    the container itself has them inheritable, without which the kernel refuses them there.
    """
    if not more:
        return own
    own = own or Capabilities()
    return Capabilities(
        bounding=own.bounding + more,
        effective=own.effective + more,
        permitted=own.permitted + more,
        inheritable=own.inheritable,
        ambient=own.ambient + tuple(name for name in more if name in own.inheritable),
    )


def compile_exec(spec: Spec, process: Process, facts: HostFacts, request: ExecRequest) -> Plan:
    """Gives the plan of `exec`: spec is that of the container. Raises ConfigError; nothing has been touched then."""
    told = _told(spec.process, facts)
    spec = changed(spec, process=process)
    problems: list[tuple[str, str]] = []
    warnings: list[str] = []
    check_labels(process_labels(process), facts, problems, warnings)
    # What could be told of the mappings was told when the container was created.
    _mappings, enter = compile_users(spec, problems, [])
    if problems:
        raise ConfigError(problems)
    affinity = process.execCPUAffinity
    operations: list[Operation] = [*compile_filters(spec)]
    if affinity and affinity.initial:
        operations.append(SetInitialAffinity(property="process.execCPUAffinity.initial", cpus=affinity.initial))
    if "HOME" not in environment(process.env):
        operations.append(FindHome(property="process.user.uid", uid=process.user.uid))
    score = inherited_score(process, facts.rootless)
    operations.append(
        EnterContainer(
            property="", ownMemory=is_tight(spec), cgroup="" if request.unit else dict(request.cgroups).get("", ""),
            oomScore=score, profile=profile_of(process, facts),
        )
    )  # fmt: skip
    if request.unit:
        operations.append(MoveIntoUnit(property="linux.cgroupsPath", unit=request.unit, path=request.below))
    operations += compile_limits(process, score)
    if any(controllers for controllers, _directory in request.cgroups):
        operations.append(JoinCgroup(property="linux.cgroupsPath"))
    operations += enter
    operations += _terminal(process)
    operations += compile_become(
        spec, facts, keyring_name(request.id) if request.keyring else "", warnings,
        cpus=affinity.final if affinity else "",
    )  # fmt: skip
    operations += compile_announcements(request, request.cgroups, "setns")
    operations += compile_program(spec)
    return Plan(
        operations=tuple(operations), cgroups=request.cgroups,
        warnings=tuple(warning for warning in warnings if warning not in told),
    )  # fmt: skip


def _told(process: Process | None, facts: HostFacts) -> list[str]:
    """Gives the warnings of the container's own process: those were told when it was created."""
    warnings: list[str] = []
    if process:
        check_labels(process_labels(process), facts, [], warnings)
        capability_masks(process.capabilities, facts.capabilities, warnings)
    return warnings


def _terminal(process: Process) -> list[Operation]:
    if not process.terminal:
        return []
    size = process.consoleSize
    height, width = (size.height, size.width) if size else (0, 0)
    return [OpenTerminal(property="process.terminal", height=height, width=width)]


def sub_cgroups(paths: Sequence[str], cgroups: dict[str, str]) -> dict[str, str]:
    """Gives the directories below those of the container that --cgroup asks for: runc's rules.

    paths: `[CONTROLLER[,CONTROLLER]:]PATH`; without a controller it is for all and the only one.
    Raises ConfigError: no path leads out of the container's cgroup.
    """
    found = dict(cgroups)
    for text in paths:
        names, colon, path = text.partition(":") if ":" in text else ("", "", text)
        components = [name for name in path.split("/") if name not in ("", ".")]
        if ".." in components:
            raise ConfigError([("--cgroup", f"{path} is not a sub cgroup path")])
        if not colon and len(paths) > 1:
            raise ConfigError([("--cgroup", f"{text}: missing controller: prefix")])
        for name in names.split(",") if colon else [""]:
            for controllers in _hierarchies(name, colon, cgroups):
                if found[controllers] != cgroups[controllers]:
                    raise ConfigError([("--cgroup", f"{text}: a second path for {controllers or 'cgroup v2'}")])
                found[controllers] = "/".join((cgroups[controllers], *components))
    return found


def _hierarchies(name: str, colon: str, cgroups: dict[str, str]) -> list[str]:
    if not colon:
        return list(cgroups)
    matching = [
        controllers for controllers in cgroups
        if name and name in [part.removeprefix("name=") for part in controllers.split(",")] + controllers.split(",")
    ]
    if not matching:
        raise ConfigError([("--cgroup", f"the container is in no cgroup of controller {name!r}")])
    return matching
