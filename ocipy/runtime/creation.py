"""The walk through a plan on the host's side: hands turns to init, and undoes everything when a step fails."""

from __future__ import annotations

import _signal
import _socket
import os
import sys
import time

from ..cgroup import create as cgroup_create
from ..cgroup import devices, join, kill, remove, write
from ..errors import OcipyError, describe_error
from ..init.channel import Closed
from ..linux import process as kernel
from ..linux.namespace import is_own_namespace, open_namespace
from ..linux.proc import start_time
from ..plan.namespaces import KINDS
from ..plan.operation import CONTAINER
from ..spec import jsontext
from . import sockets
from .hooks import run_host_hooks
from .state import CREATED, Container
from .store import CONFIG, START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..plan.compile import Plan
    from ..plan.operation import Operation
    from .log import Log
    from .stage import Stage


_TIOCGPTN = 0x80045430  # ioctl_tty(2)


class Creation:
    """One `create` at work.

    config: the bytes of config.json. console: descriptor of the terminal that init opened, or -1. pidfd: that of init.
    """

    def __init__(self, container: Container, config: bytes, plan: Plan, stage: Stage, log: Log) -> None:
        self.container = container
        self.config = config
        self.plan = plan
        self.stage = stage
        self.log = log
        self.namespaces: list[tuple[int, int]] = []
        self.listener: _socket.socket | None = None
        self.pidfd = -1
        self.console = -1
        self.pid_file = ""
        self.cgroups_made: list[str] = []
        self.recorded = False
        # The operations by turns: consecutive ones of a side belong together.
        self.turns: list[list[tuple[int, Operation]]] = []
        for index, operation in enumerate(plan.operations):
            if not self.turns or self.turns[-1][0][1].side != operation.side:
                self.turns.append([])
            self.turns[-1].append((index, operation))

    def run(self) -> None:
        """Executes the plan up to the point where init waits for start. Raises OcipyError; nothing is left then."""
        try:
            for turn in self.turns:
                if turn[0][1].side == CONTAINER:
                    self._give_turn(turn)
                    if self._is_last(turn):
                        return
                else:
                    for _index, operation in turn:
                        self._execute(operation)
        except BaseException:
            self.undo()
            raise

    def _is_last(self, turn: list[tuple[int, Operation]]) -> bool:
        return type(turn[0][1]).__name__ == "AwaitStart"

    def _execute(self, operation: Operation) -> None:
        begun = time.perf_counter()
        kind, *fields = operation.wire()
        try:
            HANDLERS[kind](self, *fields)
        except (OSError, OcipyError) as error:
            raise failure(operation, *describe_error(error)) from None
        self._trace(operation, time.perf_counter() - begun)

    def _trace(self, operation: Operation, seconds: float) -> None:
        if self.log.debug_enabled:
            self.log.debug(f"{seconds * 1000:8.3f} ms  {operation.side:9}  {operation.describe()}")

    def _give_turn(self, turn: list[tuple[int, Operation]]) -> None:
        """Lets init run its operations, and waits for it unless these are the last."""
        self.stage.channel.send(("go",))
        if self._is_last(turn):
            return
        kind, *values = self.receive()
        if kind == "error":
            self.raise_failure(*values)
        for (_index, operation), seconds in zip(turn, values[0], strict=True):
            self._trace(operation, seconds)

    def receive(self) -> tuple[Any, ...]:
        """Gives the next message of init that is not a side remark. Raises OcipyError when init died."""
        while True:
            try:
                message, descriptors = self.stage.channel.receive()
            except Closed:
                raise OcipyError(f"the init process died{self._cause_of_death()}") from None
            if message[0] == "warning":
                self.log.warning(message[1])
            elif message[0] == "console":
                self.console = descriptors[0]
            elif message[0] == "pid":
                self.pidfd = descriptors[0]
                return tuple(message)
            else:
                return tuple(message)

    def _cause_of_death(self) -> str:
        """Tells how init ended, with what is known to bring that about."""
        if self.pidfd < 0:
            return " before it could report"
        _pid, status = os.waitpid(self.container.record["init_process_pid"], 0)
        self.container.record["init_process_pid"] = 0
        code = os.waitstatus_to_exitcode(status)
        if code == -_signal.SIGKILL:
            return ": killed (OOM: linux.resources.memory.limit may be too small for the setup)"
        return f": exit status {code}" if code >= 0 else f": signal {-code}"

    def raise_failure(self, index: int, whole: bool, message: str, property: str, hint: str) -> None:
        """Raises what init reported: the operation with that index failed, or the making of init itself."""
        if index < 0:
            raise OcipyError(message, property=property or "linux.namespaces", hint=hint)
        raise failure(self.plan.operations[index], whole, message, property, hint)

    def undo(self) -> None:
        """Takes back all that was done, as far as it was done."""
        record = self.container.record
        self.stage.abandon()
        if self.pidfd >= 0 and record["init_process_pid"]:
            try:
                _signal.pidfd_send_signal(self.pidfd, _signal.SIGKILL)
                os.waitpid(record["init_process_pid"], 0)
            except OSError:
                # Already reaped.
                pass
        if self.pid_file:
            _unlink(self.pid_file)
        if not self.recorded:
            return
        self._undo_cgroup()
        if self.pidfd >= 0:
            record["init_process_pid"] = 0
            run_host_hooks(self.container, "poststop", self.log)
        self.container.store.remove(self.container.id)


    def _undo_cgroup(self) -> None:
        """Removes what the plan made, with the parents; a cgroup that was there, or is in use, stays."""
        directories = self.container.cgroups
        try:
            if self.pidfd >= 0:
                kill.kill_all(directories)
                remove.remove(directories)
        except OcipyError as error:
            self.log.warning(str(error))
        cgroup_create.remove_made(self.cgroups_made)


def failure(operation: Operation, whole: bool, message: str, property: str, hint: str) -> OcipyError:
    """Gives the error of a failed operation: the property it is for, what it was to do, what went wrong."""
    text = message if whole else f"cannot {operation.describe()}: {message}"
    return OcipyError(text, property=property or operation.property, hint=hint)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass


def open_namespace_operation(creation: Creation, property: str, type: str, path: str, foreign: bool) -> None:
    descriptor = open_namespace(path, KINDS[type])
    creation.namespaces.append((KINDS[type], descriptor))
    if foreign and is_own_namespace(descriptor, type):
        raise OcipyError(f"{path} is the host's {type} namespace, and the config changes settings of it")


def record_creating(creation: Creation, property: str, directory: str) -> None:
    container = creation.container
    container.store.reserve(container.id)
    creation.recorded = True
    container.record["creator"] = [os.getpid(), start_time(os.getpid())]
    container.record["cgroup_paths"] = dict(creation.plan.cgroups)
    container.store.save(container.id, container.record)
    # What happens to the bundle's config.json from now on has no effect (runtime.md, Create).
    container.store.write(container.id, CONFIG, creation.config)


def create_cgroup(creation: Creation, property: str, directories: tuple[tuple[str, str], ...]) -> None:
    creation.cgroups_made = cgroup_create.create_cgroup(property, directories)


def _limit(function: Callable[..., None]) -> Callable[..., None]:
    """Gives the handler of an operation that needs nothing of the creation."""
    return lambda _creation, *fields: function(*fields)


def listen_for_start(creation: Creation, property: str) -> None:
    directory = creation.container.store.directory(creation.container.id)
    creation.listener = sockets.listen(directory, START)


def create_init(
    creation: Creation, property: str, new: tuple[str, ...], joined: tuple[str, ...],
    offsets: tuple[tuple[str, int, int], ...],
) -> None:  # fmt: skip
    """Sends the container's part of the plan to the sealed interpreter, which makes init of it."""
    cgroups = dict(creation.plan.cgroups)
    # init joins the cgroup itself before it makes the namespace; the offsets of a time namespace come before init.
    flags = 0
    for kind in new:
        if kind not in ("cgroup", "time"):
            flags |= KINDS[kind]
    descriptors = [
        ("namespaces", [descriptor for _kind, descriptor in creation.namespaces]),
        ("start", [creation.listener.fileno()] if creation.listener else []),
    ]
    if "" in cgroups:
        descriptors.append(("into_cgroup", [join.open_directory(cgroups[""])]))
    if any(cgroups):
        descriptors.append(("cgroup", join.open_join(cgroups)))
    request = {
        "bundle": creation.container.record["bundle"],
        "flags": flags | (kernel.CLONE_NEWTIME if "time" in new and not offsets else 0),
        "joined": [kind for kind, _descriptor in creation.namespaces],
        "offsets": offsets,
        "descriptors": [(name, len(numbers)) for name, numbers in descriptors],
        "hook_state": jsontext.encode(creation.container.hook_state(CREATED, with_pid=False)),
        "segments": [
            [(index, operation.wire()) for index, operation in turn]
            for turn in creation.turns
            if turn[0][1].side == CONTAINER
        ],
    }
    passed = [number for _name, numbers in descriptors for number in numbers]
    creation.stage.channel.send(request, passed)
    kind, *values = creation.receive()
    if kind == "error":
        creation.raise_failure(*values)
    creation.container.record["init_process_pid"] = values[0]
    creation.container.record["init_process_start"] = start_time(values[0]) or 0
    creation.container.store.save(creation.container.id, creation.container.record)
    for number in passed:
        os.close(number)
    creation.namespaces.clear()
    if creation.listener:
        creation.listener.detach()


def verify_cgroup(creation: Creation, property: str) -> None:
    join.verify_membership(creation.container.record["init_process_pid"], dict(creation.plan.cgroups))


def send_console(creation: Creation, property: str, path: str) -> None:
    import fcntl

    # Not ttyname(3), which looks for the name in the host's /dev/pts.
    number = int.from_bytes(fcntl.ioctl(creation.console, _TIOCGPTN, bytes(4)), sys.byteorder)
    sockets.send_descriptor(path, creation.console, f"/dev/pts/{number}")
    os.close(creation.console)
    creation.console = -1


def send_pidfd(creation: Creation, property: str, path: str) -> None:
    sockets.send_descriptor(path, creation.pidfd, "standard")


def write_pid_file(creation: Creation, property: str, path: str) -> None:
    """Writes the digits alone, without a newline: containerd converts them without trimming."""
    directory, name = path.rsplit("/", 1)
    temporary = f"{directory}/.{name}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    os.write(descriptor, str(creation.container.record["init_process_pid"]).encode())
    os.close(descriptor)
    os.rename(temporary, path)
    creation.pid_file = path


def record_created(creation: Creation, property: str) -> None:
    # It ended when init began; reaped only now, it is not waited for.
    creation.stage.reap()
    record = creation.container.record
    del record["creator"]
    creation.container.store.save(creation.container.id, record)


def run_host_hook(
    creation: Creation, property: str, kind: str, path: str, args: tuple[str, ...], env: tuple[str, ...] | None,
    timeout: int | None,
) -> None:  # fmt: skip
    from ..init.hooks import run_hook

    state = jsontext.encode(creation.container.hook_state(CREATED))
    run_hook(property, kind, path, args, env, timeout, state=state)


HANDLERS: dict[str, Callable[..., None]] = {
    "OpenNamespace": open_namespace_operation,
    "RecordCreating": record_creating,
    "CreateCgroup": create_cgroup,
    "EnableControllers": _limit(cgroup_create.enable_controllers),
    "WriteCgroupFile": _limit(write.write_cgroup_file),
    "WriteFirstCgroupFile": _limit(write.write_first_cgroup_file),
    "SetMemoryLimits": _limit(write.set_memory_limits),
    "CheckMemoryUsage": _limit(write.check_memory_usage),
    "WriteDeviceRules": _limit(write.write_device_rules),
    "AttachDeviceProgram": _limit(devices.attach_device_program),
    "ListenForStart": listen_for_start,
    "CreateInit": create_init,
    "VerifyCgroup": verify_cgroup,
    "SendConsole": send_console,
    "SendPidfd": send_pidfd,
    "WritePidFile": write_pid_file,
    "RecordCreated": record_created,
    "RunHostHook": run_host_hook,
}
