"""ocipy events: statistics of a container, and when it runs out of memory."""

from __future__ import annotations

from .options import Option, UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb(
    "print statistics of a container at intervals, and when it runs out of memory",
    operands="ID",
    least=1,
    most=1,
    options=(
        Option("interval", value="DURATION", default="5s", help="time between statistics, such as 500ms (default 5s)"),
        Option("stats", help="print the statistics once"),
    ),
)
_UNITS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.events import follow, statistics_line
    from ..runtime.state import Container
    from ..runtime.store import Store
    from .main import write

    interval = duration(arguments["interval"])
    if interval <= 0:
        raise UsageError("duration interval must be greater than 0")
    container = Container.load(Store(settings.root), arguments["operands"][0])
    if arguments["stats"]:
        return write(statistics_line(container))
    follow(container, interval, settings.log, write)
    return 0


def duration(text: str) -> float:
    """Gives the seconds of a duration as Go writes it, such as 1m30s, 1.5h or 500ms. Raises UsageError."""
    rest = text.removeprefix("-")
    seconds = 0.0
    while rest:
        unit = rest.lstrip("0123456789.")
        value, rest = rest[: len(rest) - len(unit)], unit
        unit = next((name for name in sorted(_UNITS, key=len, reverse=True) if rest.startswith(name)), "")
        if not value.replace(".", "", 1).isdigit() or not (unit or text == "0"):
            break
        seconds += float(value) * _UNITS.get(unit, 0)
        rest = rest[len(unit) :]
        if not rest:
            return -seconds if text.startswith("-") else seconds
    raise UsageError(f"invalid value {text!r} for flag -interval: a duration such as 5s or 500ms is needed")
