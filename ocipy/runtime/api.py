"""The library: containers as objects, for programs that would otherwise call the command line."""

from __future__ import annotations

from ..errors import OcipyError
from .create import CreateOptions, create, plan_create, read_config
from .delete import delete
from .kill import kill, parse_signal
from .log import Log
from .stage import Stage
from .start import start
from .state import Container as _Container
from .store import Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..plan.compile import Plan

__all__ = ["Container", "OcipyError", "Runtime"]


class Container:
    """A container that exists. Its methods raise OcipyError."""

    def __init__(self, runtime: Runtime, id: str) -> None:
        self._runtime = runtime
        self.id = id

    def state(self) -> dict[str, Any]:
        """Gives the state document (runtime.md, State) with the fields that runc adds."""
        return _Container.load(self._runtime.store, self.id).state()

    def status(self) -> str:
        """Gives creating, created, running, paused or stopped."""
        return _Container.load(self._runtime.store, self.id).status()

    def start(self) -> None:
        """Lets the program begin."""
        start(_Container.load(self._runtime.store, self.id), self._runtime.log)

    def kill(self, signal: int | str | None = None, *, all: bool = False) -> None:
        """Sends a signal, by number or name, to the init process or to all processes.

        None: the one that the image wants to be stopped with, else TERM.
        """
        number = None if signal is None else parse_signal(str(signal))
        kill(_Container.load(self._runtime.store, self.id), number, all=all)

    def delete(self, *, force: bool = False) -> None:
        """Removes the container; force: whatever its status."""
        delete(self._runtime.store, self.id, self._runtime.log, force=force)


class Runtime:
    """The containers below a root directory. log: file for errors and warnings in runc's JSON shape, or "".

    The process that makes containers must have one thread, because it is copied to make them.
    """

    def __init__(self, root: str = "/run/ocipy", *, log: str = "") -> None:
        self.store = Store(root)
        self.log = Log(log, "json")

    def create(self, id: str, **options: Any) -> Container:
        """Makes a container; options are the fields of CreateOptions, `bundle` above all. Raises OcipyError."""
        create(self.store, id, CreateOptions(**options), Stage(0), self.log)
        return Container(self, id)

    def plan(self, id: str, **options: Any) -> Plan:
        """Gives what `create` would do, and touches nothing. Raises OcipyError."""
        chosen = CreateOptions(**options)
        return plan_create(self.store, id, chosen, read_config(chosen.bundle)[1])

    def container(self, id: str) -> Container:
        """Gives the container of that id. Raises OcipyError when there is none."""
        self.store.load(id)
        return Container(self, id)

    def containers(self) -> list[Container]:
        """Gives all containers, by id."""
        return [Container(self, id) for id in self.store.ids()] if self.store.has_root() else []
