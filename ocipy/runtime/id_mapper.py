"""newuidmap(1) and newgidmap(1), which map for an ordinary user what /etc/subuid and /etc/subgid give to it."""

from __future__ import annotations

from ..errors import OcipyError
from ..init.hooks import run_program
from ..linux import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.users import Mappings

_PATIENCE = 10  # seconds


def map_ids(property: str, path: str, pid: int, mappings: Mappings) -> None:
    """Has the mappings of a process's user namespace written by the program at `path`. Raises OcipyError."""
    argv = [path, str(pid), *(str(number) for mapping in mappings for number in mapping)]
    status, output = run_program(path, argv, {}, _PATIENCE, b"")
    if status != 0:
        kind = path[-len("uidmap") : -len("map")]
        reason = output.decode("utf-8", "replace").strip() or _ended(status)
        hint = (
            f"user {os.geteuid()} needs a name, and a range with these ids in /etc/sub{kind}: "
            f"usermod --add-sub{kind}s FIRST-LAST NAME"
        )
        raise OcipyError(f"{path}: {reason}", property=property, hint=hint)


def _ended(status: int | None) -> str:
    return f"no end after {_PATIENCE} s" if status is None else f"exit status {os.waitstatus_to_exitcode(status)}"
