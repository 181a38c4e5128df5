"""What a plan is made of: operations, small values that say what will be done, where, and for which property.

An operation holds no code that touches the host. The rooms that do (init, cgroup, runtime) have one function per
kind of operation, whose parameters are the operation's fields: so nothing but data crosses into the container.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, ClassVar

    from .facts import Rootless

HOST = "host"
CONTAINER = "container"


class Operation(Record):
    """One step. property: the path in config.json that asks for it ("" when the specification itself does).

    alongside: on the host's side, and nothing that the process does before it matters: done while that is at work.
    Field values are what marshal can carry: None, bool, int, str, bytes and tuples of them.
    """

    side: ClassVar[str] = CONTAINER
    alongside: ClassVar[bool] = False
    property: str

    def describe(self) -> str:
        """Gives one line for a person, in the imperative: `bind /srv on /data (read-only)`."""
        raise NotImplementedError

    def wire(self) -> tuple[Any, ...]:
        """Gives the form that crosses a process boundary: kind, then the fields in order."""
        return (self.KIND.__name__, *(getattr(self, name) for name in self.FIELDS))


class Plan(Record):
    """operations: in the order of execution. cgroups: controllers and directory. warnings: lines for a person.

    rootless: the caller, unless that is the host's root.
    """

    operations: tuple[Operation, ...]
    cgroups: tuple[tuple[str, str], ...]
    warnings: tuple[str, ...]
    rootless: Rootless | None = None
