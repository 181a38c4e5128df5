"""ocipy list: the containers below a root directory."""

from __future__ import annotations

from .options import Option, UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .main import Settings
    from .options import Arguments

VERB = Verb(
    "list the containers",
    options=(
        Option("format", "f", value="FORMAT", default="table", help="table or json (default table)"),
        Option("quiet", "q", help="print the ids only"),
    ),
)
_COLUMNS = ("id", "pid", "status", "bundle", "created", "owner")


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..spec.jsontext import encode
    from .main import write

    if arguments["format"] not in ("table", "json"):
        raise UsageError(f"invalid format option: {arguments['format']}")
    states = _states(settings)
    if arguments["quiet"]:
        return write("".join(f"{state['id']}\n" for state in states))
    if arguments["format"] == "json":
        return write(f"{encode(states or None)}\n")
    return write(_table(states))


def _states(settings: Settings) -> list[dict[str, Any]]:
    """Gives the states of all containers; one that is broken is told of and does not hide the rest."""
    from ..errors import OcipyError
    from ..linux import os
    from ..runtime.state import Container
    from ..runtime.store import Store

    store = Store(settings.root)
    try:
        ids = store.ids()
    except FileNotFoundError:
        if settings.root_given:
            raise
        return []
    # A directory of another user is broken: exists() tells of it.
    owner = _user_name(os.geteuid()) if ids else ""
    states = []
    for id in ids:
        try:
            state = Container.load(store, id).state()
        except OcipyError as error:
            # One that was deleted meanwhile is no matter.
            if os.path.lexists(store.directory(id)):
                settings.log.warning(str(error))
            continue
        state["owner"] = owner
        states.append(state)
    return states


def _user_name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"#{uid}"


def _table(states: list[dict[str, Any]]) -> str:
    rows = [[name.upper() for name in _COLUMNS], *([str(state[name]) for name in _COLUMNS] for state in states)]
    # As runc aligns them: a cell is at least 12 wide, with three blanks after the longest.
    widths = [max(12, *(len(row[column]) + 3 for row in rows)) for column in range(len(_COLUMNS) - 1)]
    return "".join(
        "".join(f"{cell:<{width}}" for cell, width in zip(row, widths, strict=False)) + row[-1] + "\n" for row in rows
    )
