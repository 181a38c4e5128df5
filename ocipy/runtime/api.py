"""The library: containers as objects, for programs that would otherwise call the command line."""

from __future__ import annotations

import marshal
import os
import subprocess
import sys

from ..errors import OcipyError, describe_os_error
from ..linux.interpreter import INTERPRETER, ensure_sealed
from .create import CreateOptions, create, plan_create, read_config
from .delete import delete
from .events import container_statistics
from .kill import kill, parse_signal
from .log import Log
from .pause import pause, resume
from .ps import container_processes
from .start import start
from .state import Container as _Container
from .store import Store, default_root
from .update import update
from .wait import wait

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..plan.operation import Plan

__all__ = ["Container", "OcipyError", "Runtime"]

_HOME = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
_CREATE = "import sys; sys.path.append(sys.argv[1]); from ocipy.runtime.api import create_sealed; create_sealed()"


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

    def wait(self) -> int | None:
        """Returns when the container has ended, with its exit code (128+N for signal N); None when nobody knows it."""
        return wait(_Container.load(self._runtime.store, self.id))

    def pause(self) -> None:
        """Stops all processes where they are."""
        pause(_Container.load(self._runtime.store, self.id))

    def resume(self) -> None:
        """Lets the processes of a paused container go on."""
        resume(_Container.load(self._runtime.store, self.id))

    def update(self, resources: dict[str, Any]) -> None:
        """Changes the limits that are given, in the form of linux.resources, and no other."""
        update(_Container.load(self._runtime.store, self.id), resources, self._runtime.log)

    def processes(self) -> list[int]:
        """Gives the pids of all processes."""
        return container_processes(_Container.load(self._runtime.store, self.id))

    def statistics(self) -> dict[str, Any]:
        """Gives what the container has used: `data` of the documents of runc's `events`."""
        return container_statistics(_Container.load(self._runtime.store, self.id))

    def delete(self, *, force: bool = False) -> None:
        """Removes the container; force: whatever its status."""
        delete(self._runtime.store, self.id, self._runtime.log, force=force)


class Runtime:
    """The containers below a root directory, by default that of the command line.

    log: file for errors and warnings in runc's JSON shape, or "".
    """

    def __init__(self, root: str = "", *, log: str = "") -> None:
        self.store = Store(root or default_root())
        self.log = Log(log, "json")

    def create(self, id: str, **options: Any) -> Container:
        """Makes a container; options are the fields of CreateOptions, `bundle` above all. Raises OcipyError."""
        request = marshal.dumps((str(self.store.root), str(self.log.path), id, dict(CreateOptions(**options).items())))
        # Init begins as a copy of the process that makes it, which therefore is not this one.
        command = [sys.executable or INTERPRETER, "-IS", "-X", "utf8", "-c", _CREATE, _HOME, request.hex()]
        read, write = os.pipe()
        with open(read, "rb") as answer:
            try:
                status = subprocess.run([*command, str(write)], pass_fds=[write], check=False).returncode
            finally:
                os.close(write)
            said = answer.read()
        if said:
            message, property, hint = marshal.loads(said)
            raise OcipyError(message, property=property, hint=hint)
        if status:
            raise OcipyError(f"the process that was to make the container ended with {status}")
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


def create_sealed() -> None:
    """Is the process that makes a container for the library; says what failed, or nothing, and ends."""
    ensure_sealed()
    root, log, id, options = marshal.loads(bytes.fromhex(sys.argv[2]))
    said = b""
    try:
        create(Store(root), id, CreateOptions(**options), Log(log, "json"))
    except OcipyError as error:
        said = marshal.dumps((error.message, error.property, error.hint))
    except OSError as error:
        said = marshal.dumps((describe_os_error(error), "", ""))
    os.write(int(sys.argv[3]), said)
    os._exit(0)
