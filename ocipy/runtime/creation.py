"""The walk through a plan on the host's side: hands turns to init, and undoes everything when a step fails."""

from __future__ import annotations

import _signal
import time

from ..errors import OcipyError, describe_error
from ..init.channel import Closed
from ..linux import os
from ..plan.operation import CONTAINER
from .hooks import run_host_hooks
from .operations import HANDLERS

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket
    from typing import Any

    from ..init.channel import Channel
    from ..plan.compile import Plan
    from ..plan.operation import Operation
    from .log import Log
    from .state import Container


class Creation:
    """One `create` at work.

    config: the bytes of config.json. preserved: number of descriptors after stderr that the program gets. console:
    descriptor of the terminal that init opened, or -1. channel, pidfd: to init, once it is made. seccomp: the
    compiled filter, or b"".
    """

    def __init__(self, container: Container, config: bytes, plan: Plan, preserved: int, log: Log) -> None:
        self.container = container
        self.config = config
        self.plan = plan
        self.preserved = preserved
        self.log = log
        self.namespaces: list[tuple[int, int]] = []
        self.listener: _socket.socket | None = None
        self.channel: Channel | None = None
        self.pidfd = -1
        self.console = -1
        self.pid_file = ""
        self.seccomp = b""
        self.cgroups_made: list[str] = []
        self.recorded = False
        self.unsaved = False
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
        assert self.channel
        self.channel.send(("go",))
        if self.unsaved:
            # While init is at work: it ends with this process, whatever the record says.
            self.container.store.save(self.container.id, self.container.record)
            self.unsaved = False
        if self._is_last(turn):
            return
        kind, *values = self.receive()
        if kind == "error":
            self.raise_failure(*values)
        for (_index, operation), seconds in zip(turn, values[0], strict=True):
            self._trace(operation, seconds)

    def receive(self) -> tuple[Any, ...]:
        """Gives the next message of init that is not a side remark. Raises OcipyError when init died."""
        assert self.channel
        while True:
            try:
                message, descriptors = self.channel.receive()
            except Closed:
                raise OcipyError(f"the init process died{self._cause_of_death()}") from None
            if message[0] == "warning":
                self.log.warning(message[1])
            elif message[0] == "console":
                self.console = descriptors[0]
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
        if self.channel:
            self.channel.close()
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
        from ..cgroup.create import remove_made
        from ..cgroup.kill import kill_all
        from ..cgroup.remove import remove

        try:
            if self.pidfd >= 0:
                kill_all(self.container.cgroups)
                remove(self.container.cgroups, self.container.record["cgroups_found"])
        except OcipyError as error:
            self.log.warning(str(error))
        remove_made(self.cgroups_made)


def failure(operation: Operation, whole: bool, message: str, property: str, hint: str) -> OcipyError:
    """Gives the error of a failed operation: the property it is for, what it was to do, what went wrong."""
    text = message if whole else f"cannot {operation.describe()}: {message}"
    return OcipyError(text, property=property or operation.property, hint=hint)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
