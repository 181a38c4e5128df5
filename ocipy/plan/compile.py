"""The compiler: a Spec, facts of the host and what the command line asks become one ordered list of operations."""

from __future__ import annotations

from ..errors import ConfigError
from ..record import Record
from ..spec.unsupported import unsupported
from .cgroup import cgroup_directories, compile_cgroup
from .cgroup_operations import CreateCgroup
from .hooks import compile_hooks
from .labels import check_labels, compile_labels, labels
from .lifecycle import (
    ListenForStart,
    RecordCreated,
    RecordCreating,
    RecordInit,
)
from .namespaces import (
    JoinCgroup,
    NewCgroupNamespace,
    compile_namespaces,
    compile_settings,
    is_tight,
    new_namespaces,
)
from .operation import Plan
from .process import AwaitStart, LeaveHost, OutliveCommand, compile_before_root, compile_limits, inherited_score
from .program import compile_announcements, compile_become, compile_filters, compile_program, keyring_name
from .rootfs import compile_rootfs, twin_devices
from .users import compile_users, user_namespace

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence

    from ..spec.model import Spec
    from .facts import HostFacts
    from .operation import Operation


class Request(Record):
    """What the command line asks. Paths absolute or ""; directory: where the state is kept.

    started: the command that makes the container starts it too. listen_env: variables that announce passed sockets
    (sd_listen_fds(3)). notify: whether a service manager waits for the program to say that it is ready (sd_notify(3)).
    """

    id: str
    bundle: str
    directory: str
    started: bool = False
    no_pivot: bool = False
    no_new_keyring: bool = False
    pid_file: str = ""
    console_socket: str = ""
    pidfd_socket: str = ""
    listen_env: tuple[str, ...] = ()
    notify: bool = False


def compile_create(spec: Spec, facts: HostFacts, request: Request) -> Plan:
    """Gives the plan of `create` followed by `start`.

    Raises ConfigError with every property that this host or ocipy cannot honour; nothing has been touched then.
    """
    notify: Sequence[Operation] = ()
    if request.notify:
        from .notify import compile_notify

        spec, notify = compile_notify(spec, request.directory)
    problems = unsupported(spec)
    warnings = twin_devices(spec)
    if spec.root is None:
        problems.append(("root", "is required"))
    check_labels(labels(spec), facts, problems, warnings)
    settings, sysctls = compile_settings(spec, problems)
    mappings, enter = compile_users(spec, problems, warnings, facts.rootless)
    cgroup: list[Operation] = []
    cgroups: tuple[tuple[str, str], ...] = ()
    born = ""
    before: list[Operation] = []
    after: list[Operation] = []
    try:
        cgroups = cgroup_directories(spec.linux.cgroupsPath, facts.cgroup, request.id)
        born = _birthplace(spec, facts, cgroups)
        cgroup, notes = compile_cgroup(spec, facts.cgroup, request.id, root=facts.rootless is None, born=born)
        warnings += notes
    except ConfigError as error:
        problems += error.problems
    try:
        before, after = compile_rootfs(spec, facts, cgroups, request.bundle, request.no_pivot)
    except ConfigError as error:
        problems += error.problems
    if problems:
        raise ConfigError(problems)
    user = user_namespace(spec)
    score = inherited_score(spec.process, facts.rootless) if user and user.path else None
    opened, create_init = compile_namespaces(spec, born, score)
    birthplace = [CreateCgroup(property="linux.cgroupsPath", directories=(("", born),))] if born else []
    cgroup.append(RecordInit(property=""))
    # What init mounts before it needs its cgroup, it mounts while that is made. But an ordinary user's systemd moves
    # none but the user's own process, which init is no more once it is another user of its namespace.
    early, late = (cgroup, []) if facts.rootless else ([], cgroup)
    reach = _reach(spec, before)
    program, hooks = compile_program(spec, request.listen_env), compile_hooks(spec, "startContainer")
    # The program is prepared before the wait, so that `start` is short; but hooks want signals as the interpreter has
    # them: one that does not read its input must not end init by SIGPIPE.
    ready = 0 if hooks else 1
    operations = [
        *opened,
        RecordCreating(
            property="", directory=request.directory, cgroups=() if facts.cgroup.systemd is not None else cgroups,
        ),
        *notify,
        *compile_filters(spec),
        *birthplace,
        *(() if request.started else (ListenForStart(property=""),)),
        create_init,
        *early,
        *mappings,
        *(compile_limits(spec.process, score) if spec.process else ()),
        *settings,
        # The first opens the root, which may lie where only the host's root can go.
        *before[:1],
        *enter,
        *before[1:reach],
        *late,
        *_membership(spec, facts, cgroups, born),
        *before[reach:],
        *(compile_before_root(spec.process) if spec.process else ()),
        *compile_hooks(spec, "prestart"),
        *compile_hooks(spec, "createRuntime"),
        *compile_hooks(spec, "createContainer"),
        *sysctls,
        *after,
        # After the hooks in the namespaces, whose programs are the host's; before the host's procfs is let go of.
        *compile_labels(spec.process, facts),
        *compile_become(spec, facts, "" if request.no_new_keyring else keyring_name(request.id), warnings),
        OutliveCommand(property=""),
        *compile_announcements(request, cgroups, "standard"),
        RecordCreated(property=""),
        LeaveHost(property=""),
        *program[:ready],
        *(() if request.started else (AwaitStart(property=""),)),
        *hooks,
        *program[ready:],
        *compile_hooks(spec, "poststart"),
    ]
    return Plan(
        operations=tuple(operations), cgroups=cgroups, warnings=tuple(warnings), rootless=facts.rootless
    )


def _birthplace(spec: Spec, facts: HostFacts, cgroups: tuple[tuple[str, str], ...]) -> str:
    """Gives the directory of the cgroup that init is born in, or "": systemd moves a process that there is, and where
    the limit of memory is tight, what is allocated for new namespaces would be charged to who they are made for.
    """
    return "" if facts.cgroup.systemd is not None or is_tight(spec) else dict(cgroups).get("", "")


def _reach(spec: Spec, before: list[Operation]) -> int:
    """Gives how many operations come before the first that shows the container's cgroup."""
    shown = {
        mount.property for mount in spec.mounts
        if mount.type in ("cgroup", "cgroup2") or mount.source.startswith("/sys/fs/cgroup")
    }  # fmt: skip
    return next((index for index, operation in enumerate(before) if operation.property in shown), len(before))


def _membership(
    spec: Spec, facts: HostFacts, cgroups: tuple[tuple[str, str], ...], born: str
) -> list[Operation]:
    """Gives how init gets into the cgroups that it was not born in, unless systemd moves it. The namespace comes after,
    to have them as root.
    """
    operations: list[Operation] = []
    if facts.cgroup.systemd is None and any(directory != born for _controllers, directory in cgroups):
        operations.append(JoinCgroup(property="linux.cgroupsPath"))
    if "cgroup" in new_namespaces(spec):
        operations.append(NewCgroupNamespace(property="linux.namespaces"))
    return operations
