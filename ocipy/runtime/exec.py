"""exec: another process in a container that runs."""

from __future__ import annotations

from ..cgroup import join
from ..errors import OcipyError, describe_os_error
from ..init.context import open_proc
from ..init.enter import Entry, enter
from ..init.users import find_home
from ..linux import os, process
from ..linux.proc import is_host_root, wait_ended
from ..linux.security import security_modules
from ..plan.exec import Changes, ExecRequest, changed_process, compile_exec, completed_process, sub_cgroups
from ..plan.facts import CgroupFacts, HostFacts
from ..plan.labels import process_labels
from ..record import Record
from ..spec.load import load, load_process
from . import process_operations
from .caller import absolute, caller, grantable, preserve
from .state import CREATED, CREATING, PAUSED, STOPPED, Container
from .store import CONFIG
from .walk import Walk, failure

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.operation import Plan
    from ..spec.model import Process, Spec
    from .log import Log
    from .store import Store

_NAMESPACES = (
    ("mnt", process.CLONE_NEWNS), ("uts", process.CLONE_NEWUTS), ("ipc", process.CLONE_NEWIPC),
    ("net", process.CLONE_NEWNET), ("pid", process.CLONE_NEWPID), ("time", process.CLONE_NEWTIME),
)  # fmt: skip


class ExecOptions(Record):
    """What `exec` takes. Paths as given, "" when not.

    process: file with a process block, which is then all that counts; changes: what is asked of the container's own
    process otherwise. cgroups: paths below the container's. rootless: as of CreateOptions.
    """

    process: str = ""
    changes: Changes
    detach: bool = False
    console_socket: str = ""
    pidfd_socket: str = ""
    pid_file: str = ""
    preserve_fds: int = 0
    cgroups: tuple[str, ...] = ()
    ignore_paused: bool = False
    rootless: str = "auto"


def execute(store: Store, id: str, options: ExecOptions, log: Log) -> int:
    """Runs a process and gives its exit code, 128+N when signal N ended it; 0 when detached.

    This process must be sealed (linux/interpreter.py) and have one thread. Raises OcipyError; nothing is left then.
    """
    # Before all else: a container without a pid namespace of its own sees this process.
    process.prctl(process.PR_SET_DUMPABLE, 0)
    container = Container.load(store, id)
    target = _open(container, options.ignore_paused)
    preserve(options.preserve_fds)
    spec = load(read(f"{store.directory(id)}/{CONFIG}"))
    wanted = _process(spec, options)
    _check_terminal(wanted, options)
    plan = _plan(container, spec, wanted, options)
    for warning in plan.warnings:
        log.warning(warning)
    return Joining(container, target, plan, options.preserve_fds, log).run(foreground=not options.detach)


def _open(container: Container, ignore_paused: bool) -> int:
    """Gives a pidfd of the init process of a container that can take another process. Raises OcipyError."""
    status = container.status()
    if status == CREATING:
        raise OcipyError("cannot exec in a container that is being created")
    if status == CREATED and os.geteuid():
        # Its init cannot be dumped before the program begins, so that nobody but root may have its namespaces.
        raise OcipyError("cannot exec in a container that has not been started, unless as root", hint="start it")
    if status == PAUSED and not ignore_paused:
        raise OcipyError("cannot exec in a paused container (use --ignore-paused to override)")
    target = container.open_init()
    if status == STOPPED or target is None:
        raise _stopped()
    return target


def _stopped() -> OcipyError:
    return OcipyError("cannot exec in a stopped container")


def read(path: str) -> bytes:
    """Gives the content of a file. Raises OcipyError."""
    try:
        with open(path, "rb") as file:
            return file.read()
    except OSError as error:
        raise OcipyError(f"{path}: {error.strerror}") from None


def _process(spec: Spec, options: ExecOptions) -> Process:
    if options.process:
        try:
            return completed_process(load_process(read(options.process)), spec.process)
        except OcipyError as error:
            raise OcipyError(f"{options.process}: {error}") from None
    if spec.process is None:
        raise OcipyError("the container's config has no process to start from", hint="use --process FILE")
    return changed_process(spec.process, options.changes)


def _check_terminal(wanted: Process, options: ExecOptions) -> None:
    if options.detach and wanted.terminal and not options.console_socket:
        raise OcipyError("cannot allocate tty if ocipy will detach without setting console socket")
    if options.console_socket and not (options.detach and wanted.terminal):
        raise OcipyError("cannot use console socket if ocipy will not detach or allocate tty")


def _plan(container: Container, spec: Spec, wanted: Process, options: ExecOptions) -> Plan:
    if options.cgroups:
        cgroups = sub_cgroups(options.cgroups, container.require_cgroups())
    else:
        cgroups = join.current(container.record["init_process_pid"], container.cgroups)
    rootless = caller(options.rootless)
    facts = HostFacts(
        cgroup=CgroupFacts(), capabilities=grantable(spec), rootless=rootless,
        modules=security_modules() if process_labels(wanted) else (),
    )  # fmt: skip
    request = ExecRequest(
        id=container.id,
        cgroups=tuple(cgroups.items()),
        unit=_moving_unit(container, cgroups[""]) if rootless and list(cgroups) == [""] else "",
        below=cgroups.get("", "").removeprefix(container.cgroups.get("", "")),
        keyring=container.record.get("keyring", True),
        pid_file=absolute(options.pid_file),
        console_socket=absolute(options.console_socket),
        pidfd_socket=absolute(options.pidfd_socket),
    )
    return compile_exec(spec, wanted, facts, request)


def _moving_unit(container: Container, directory: str) -> str:
    """Gives the unit of a container whose process systemd has to move, "" when it can be born in the cgroup.

    So it is where an ordinary user has logged in: of the session's cgroup nothing is delegated. Raises OcipyError.
    """
    from ..cgroup.permission import may_enter

    if may_enter(directory):
        return ""
    unit: str = container.record.get("systemd_unit", "")
    if not unit:
        raise OcipyError(
            f"no permission to put a process of this cgroup into {directory}",
            hint="be in a cgroup that is delegated, too, as by systemd-run --user --scope",
        )
    return unit


class Joining(Walk):
    """One `exec` at work. target: pidfd of the init process. home: HOME of the program when its env has none."""

    def __init__(self, container: Container, target: int, plan: Plan, preserved: int, log: Log) -> None:
        super().__init__(container, plan, preserved, log)
        self.target = target
        self.home = ""

    def run(self, *, foreground: bool) -> int:
        """Executes the plan and gives the exit code of the program, 0 unless in the foreground. Raises OcipyError."""
        try:
            for turn in self.turns[:-1]:
                self.take(turn)
            if foreground:
                return self._attend()
            self._begin()
            return 0
        except BaseException:
            self.undo_process()
            raise

    def _attend(self) -> int:
        from .foreground import Foreground, exit_code

        served = Foreground(self.console)
        try:
            self._begin()
            served.attend(self.pidfd)
        finally:
            served.close()
        code = exit_code(self.pidfd)
        os.waitpid(self.pid, 0)
        self.pid = 0
        return code

    def _begin(self) -> None:
        """Gives the last turn, which ends with execve(2): the process's end of the channel closes then."""
        assert self.channel
        self.give()
        try:
            _kind, *values = self.channel.receive()[0]
        except EOFError:
            return
        self.raise_failure(*values)

    def raise_failure(self, index: int, whole: bool, message: str, property: str, hint: str) -> None:
        if index < 0:
            text = message if whole else f"cannot enter the container: {message}"
            raise OcipyError(text, property=property, hint=hint)
        raise failure(self.plan.operations[index], whole, message, property, hint)

    def cause_of_death(self) -> str:
        cause = super().cause_of_death()
        return ": the container has stopped" if wait_ended(self.target, 0) else cause

    @property
    def init_pid(self) -> int:
        pid: int = self.container.record["init_process_pid"]
        return pid

    def verify_target(self) -> None:
        """Raises OcipyError when init has ended: what was found under its pid may be another process's."""
        if wait_ended(self.target, 0):
            raise _stopped()


def set_initial_affinity(joining: Joining, property: str, cpus: str) -> None:
    process.set_affinity(cpus)


def look_up_home(joining: Joining, property: str, uid: int) -> None:
    proc = open_proc()
    try:
        root = os.open(f"{joining.init_pid}/root", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC, dir_fd=proc)
        try:
            joining.verify_target()
            joining.home = find_home(root, proc, uid)
        finally:
            os.close(root)
    finally:
        os.close(proc)


def enter_container(
    joining: Joining, property: str, own_memory: bool, cgroup: str, score: int | None, profile: str
) -> None:
    """Makes the process, which has the container's part of the plan from its birth."""
    init, into = process_operations.new_process(joining, cgroup)
    joining.joins = join.open_join({name: path for name, path in joining.plan.cgroups if name})
    init.home = joining.home
    root = is_host_root()
    flags = process.CLONE_NEWUSER if is_other(joining.init_pid, "user") else 0
    for kind, flag in _NAMESPACES:
        # Who is not the host's root may not enter those of the host, not even where it is already.
        if root or is_other(joining.init_pid, kind):
            flags |= flag
    late = process.CLONE_NEWCGROUP if is_other(joining.init_pid, "cgroup") else 0
    joining.verify_target()
    assert joining.channel
    entry = Entry(joining.target, flags, late, into, own_memory, score, profile)
    joining.pid, joining.pidfd = enter(entry, init, joining.container_turns, joining.channel)
    if into >= 0:
        os.close(into)


def move_into_unit(joining: Joining, property: str, unit: str, path: str) -> None:
    from ..cgroup import systemd

    systemd.move_into_unit(joining.pid, unit, path)


def is_other(pid: int, kind: str) -> bool:
    """Tells whether a process is in another namespace than this one; a user namespace cannot be joined again."""
    try:
        there, here = (os.stat(f"/proc/{one}/ns/{kind}") for one in (pid, "self"))
    except FileNotFoundError as error:
        raise OcipyError(describe_os_error(error)) from None
    return (there.st_dev, there.st_ino) != (here.st_dev, here.st_ino)


Joining.HANDLERS = {
    **process_operations.HANDLERS,
    "SetInitialAffinity": set_initial_affinity,
    "FindHome": look_up_home,
    "EnterContainer": enter_container,
    "MoveIntoUnit": move_into_unit,
}
