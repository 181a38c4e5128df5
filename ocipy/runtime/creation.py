"""The walk of `create`, which undoes everything when a step fails."""

from __future__ import annotations

from ..errors import OcipyError
from .hooks import run_host_hooks
from .operations import HANDLERS
from .walk import Walk

TYPE_CHECKING = False
if TYPE_CHECKING:
    import _socket

    from ..plan.operation import Plan
    from .log import Log
    from .state import Container


class Creation(Walk):
    """One `create` at work.

    config: the bytes of config.json. started: this process starts the container. attended: it waits for its end.
    """

    HANDLERS = HANDLERS
    PROCESS = "init process"

    def __init__(
        self, container: Container, config: bytes, plan: Plan, preserved: int, log: Log, *, started: bool,
        attended: bool,
    ) -> None:  # fmt: skip
        super().__init__(container, plan, preserved, log)
        self.config = config
        self.last = self.container_turns[-1]
        self.started = started
        self.attended = attended
        self.namespaces: list[tuple[int, int]] = []
        self.listener: _socket.socket | None = None
        # The mount of the directory with the container's own NOTIFY_SOCKET, which init cannot reach by its path.
        self.notify = -1
        self.cgroups_made: list[str] = []
        self.recorded = False
        # The record has init, and its cgroups are all made, or were found empty.
        self.begun = False

    def run(self) -> None:
        """Executes the plan up to the last turn of init, in which it waits for start and becomes the program.

        Raises OcipyError; nothing is left then.
        """
        try:
            for turn in self.turns:
                if turn is self.last:
                    if not self.started:
                        self.begin()
                    return
                self.take(turn)
        except BaseException:
            self.undo()
            raise

    def begin(self) -> None:
        """Lets init begin with its last turn, which ends with it."""
        self.give()

    def undo(self) -> None:
        """Takes back all that was done, as far as it was done."""
        self.undo_process()
        if not self.recorded:
            return
        self._undo_cgroup()
        if self.pidfd >= 0:
            self.container.record["init_process_pid"] = 0
            run_host_hooks(self.container, "poststop", self.log)
        self.container.store.remove(self.container.id)

    def _undo_cgroup(self) -> None:
        """Removes what the plan made, with the parents; a cgroup that was there, or is in use, stays."""
        from ..cgroup.create import remove_made
        from ..cgroup.kill import kill_all
        from ..cgroup.remove import remove
        from .delete import forget_unit

        cgroups = self.container.cgroups
        try:
            if self.begun:
                kill_all(cgroups)
            else:
                # What it was refused is somebody else's.
                cgroups = {name: path for name, path in cgroups.items() if path in self.cgroups_made}
            remove(cgroups, self.container.record.get("cgroups_found", ()))
        except OcipyError as error:
            self.log.warning(str(error))
        try:
            forget_unit(self.container)
        except OcipyError as error:
            self.log.warning(str(error))
        remove_made(self.cgroups_made)
