"""The walk through a plan on the host's side: runs what is the host's, hands the turns of the container's side over."""

from __future__ import annotations

import _signal
import time

from ..errors import OcipyError, describe_error
from ..linux import os
from ..linux.proc import wait_ended
from ..plan.operation import CONTAINER

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any, ClassVar

    from ..init.channel import Channel
    from ..init.walk import Turn
    from ..plan.operation import Operation, Plan
    from .log import Log
    from .state import Container

_PATIENCE = 2.0  # seconds; what is frozen in a v1 cgroup ends only when it is thawed


class Walk:
    """A plan at work on one process of a container: init, or one that exec starts.

    HANDLERS: function of each kind of operation on the host's side. PROCESS: what the process is called.
    preserved: number of descriptors after stderr that the program gets. console: descriptor of the terminal that the
    process opened, or -1. channel, pid, pidfd: of the process, once it is made. at_work: the turn that it is at.
    joins: descriptors of cgroups to join, which it gets with its next turn. seccomp: the compiled filter, or b"".
    """

    HANDLERS: ClassVar[dict[str, Callable[..., None]]] = {}
    PROCESS: ClassVar[str] = "process"

    def __init__(self, container: Container, plan: Plan, preserved: int, log: Log) -> None:
        self.container = container
        self.plan = plan
        self.preserved = preserved
        self.log = log
        self.channel: Channel | None = None
        self.pid = 0
        self.pidfd = -1
        self.console = -1
        self.at_work: Turn = []
        self.joins: list[int] = []
        self.pid_file = ""
        self.seccomp = b""
        # The operations by turns: consecutive ones of a side belong together.
        turns: list[list[tuple[int, Operation]]] = []
        for index, operation in enumerate(plan.operations):
            if not turns or turns[-1][0][1].side != operation.side:
                turns.append([])
            turns[-1].append((index, operation))
        self.turns: list[Turn] = [*turns]

    @property
    def container_turns(self) -> list[Turn]:
        return [turn for turn in self.turns if turn[0][1].side == CONTAINER]

    def take(self, turn: Turn) -> None:
        """Has the operations of a turn executed; the process may still be at work then. Raises OcipyError."""
        if turn[0][1].side == CONTAINER:
            self.give()
            self.at_work = turn
            return
        for _index, operation in turn:
            if not operation.alongside:
                self._await_process()
            self._execute(operation)

    def give(self) -> None:
        """Lets the process begin with its next turn, once it is through with the one before. Raises OcipyError."""
        self._await_process()
        assert self.channel
        try:
            self.channel.send(("go",), self.joins)
        except EOFError:
            # What it said last, or how it died, is found by who waits for it.
            pass
        while self.joins:
            os.close(self.joins.pop())

    def _await_process(self) -> None:
        if not self.at_work:
            return
        turn, self.at_work = self.at_work, []
        kind, *values = self.receive()
        if kind == "error":
            self.raise_failure(*values)
        for (_index, operation), seconds in zip(turn, values[0], strict=True):
            self._trace(operation, seconds)

    def _execute(self, operation: Operation) -> None:
        begun = time.perf_counter()
        kind, *fields = operation.wire()
        try:
            self.HANDLERS[kind](self, *fields)
        except (OSError, OcipyError) as error:
            raise failure(operation, *describe_error(error)) from None
        self._trace(operation, time.perf_counter() - begun)

    def _trace(self, operation: Operation, seconds: float) -> None:
        if self.log.debug_enabled:
            self.log.debug(f"{seconds * 1000:8.3f} ms  {operation.side:9}  {operation.describe()}")

    def receive(self) -> tuple[Any, ...]:
        """Gives the next message of the process that is not a side remark. Raises OcipyError when it died."""
        assert self.channel
        while True:
            try:
                message, descriptors = self.channel.receive()
            except EOFError:
                raise OcipyError(f"the {self.PROCESS} died{self.cause_of_death()}") from None
            if message[0] == "warning":
                self.log.warning(message[1])
            elif message[0] == "console":
                self.console = descriptors[0]
            else:
                return tuple(message)

    def cause_of_death(self) -> str:
        """Tells how the process ended, with what is known to bring that about."""
        if self.pidfd < 0:
            return " before it could report"
        _pid, status = os.waitpid(self.pid, 0)
        self.pid = 0
        code = os.waitstatus_to_exitcode(status)
        if code == -_signal.SIGKILL:
            return ": killed (OOM: linux.resources.memory.limit may be too small for the setup)"
        return f": exit status {code}" if code >= 0 else f": signal {-code}"

    def raise_failure(self, index: int, whole: bool, message: str, property: str, hint: str) -> None:
        """Raises what the process reported: the operation with that index failed, or the making of the process."""
        if index < 0:
            raise OcipyError(message, property=property or "linux.namespaces", hint=hint)
        raise failure(self.plan.operations[index], whole, message, property, hint)

    def undo_process(self) -> None:
        """Ends and reaps the process, and takes back what told the caller of it."""
        if self.channel:
            self.channel.close()
        if self.pid:
            try:
                _signal.pidfd_send_signal(self.pidfd, _signal.SIGKILL)
                if wait_ended(self.pidfd, _PATIENCE):
                    os.waitpid(self.pid, 0)
            except OSError:
                # Already reaped.
                pass
        if self.pid_file:
            _unlink(self.pid_file)


def failure(operation: Operation, whole: bool, message: str, property: str, hint: str) -> OcipyError:
    """Gives the error of a failed operation: the property it is for, what it was to do, what went wrong, and why."""
    from .remedies import remedy

    hint = remedy(operation, message) or hint
    text = message if whole else f"cannot {operation.describe()}: {message}"
    return OcipyError(text, property=property or operation.property, hint=hint)


def _unlink(path: str) -> None:
    try:
        os.unlink(path)
    except OSError:
        pass
