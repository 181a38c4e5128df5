"""ocipy update: other limits for a container."""

from __future__ import annotations

from ..errors import OcipyError
from ..linux import os
from .options import Option, UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .main import Settings
    from .options import Arguments

# Flag, section and name in linux.resources, whether it is a size such as 64M, help.
_LIMITS = (
    ("blkio-weight", "blockIO", "weight", False, "share of block I/O, 10 to 1000"),
    ("cpu-period", "cpu", "period", False, "period of the processor quota in microseconds"),
    ("cpu-quota", "cpu", "quota", False, "processor time in a period in microseconds, -1: no limit"),
    ("cpu-burst", "cpu", "burst", False, "quota that may be saved up in microseconds"),
    ("cpu-share", "cpu", "shares", False, "share of processor time, 2 to 262144"),
    ("cpu-rt-period", "cpu", "realtimePeriod", False, "period of the realtime quota in microseconds"),
    ("cpu-rt-runtime", "cpu", "realtimeRuntime", False, "realtime processor time in a period in microseconds"),
    ("cpu-idle", "cpu", "idle", False, "1: run only when nothing else does; 0: as usual"),
    ("memory", "memory", "limit", True, "memory, such as 64M, -1: no limit"),
    ("memory-reservation", "memory", "reservation", True, "memory that is kept when the host runs short"),
    ("memory-swap", "memory", "swap", True, "memory and swap together, -1: no limit"),
    ("pids-limit", "pids", "limit", False, "number of processes, -1: no limit"),
)
_CPUSETS = (("cpuset-cpus", "cpus", "processors, such as 0-3,7"), ("cpuset-mems", "mems", "memory nodes, such as 0,1"))
_OBSOLETE = ("kernel-memory", "kernel-memory-tcp")
_RDT = (
    ("l3-cache-schema", "Intel RDT/CAT: l3 cache schema is not enabled"),
    ("mem-bw-schema", "Intel RDT/MBA: memory bandwidth schema is not enabled"),
)
# docker/go-units, RAMInBytes: powers of 1024, whatever the suffix.
_UNITS = {"k": 1 << 10, "m": 1 << 20, "g": 1 << 30, "t": 1 << 40, "p": 1 << 50}

VERB = Verb(
    "change limits of a container; what is not given stays as it is",
    operands="ID",
    least=1,
    most=1,
    options=(
        Option("resources", "r", value="FILE", default="",
               help="JSON in the form of linux.resources, - for standard input; the other flags are ignored then"),
        *(Option(flag, value="SIZE" if size else "N", default="", help=text) for flag, _, _, size, text in _LIMITS),
        *(Option(flag, value="LIST", default="", help=text) for flag, _name, text in _CPUSETS),
        *(Option(flag, value="SIZE", default="", help="obsolete: ignored with a warning") for flag in _OBSOLETE),
        *(Option(flag, value="SCHEMA", default="", help="Intel RDT (not yet)") for flag, _text in _RDT),
    ),
)  # fmt: skip


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.state import Container
    from ..runtime.store import Store
    from ..runtime.update import update

    container = Container.load(Store(settings.root), arguments["operands"][0])
    for flag, text in _RDT:
        if arguments[flag]:
            raise OcipyError(text, hint="not supported by ocipy")
    if arguments["resources"]:
        given = _read(arguments["resources"])
    else:
        given = _given(arguments)
        for flag in _OBSOLETE:
            if arguments[flag]:
                settings.log.warning(f"--{flag} is ignored: the kernel has no such limit any more")
    update(container, given, settings.log)
    return 0


def _given(arguments: Arguments) -> dict[str, Any]:
    """Gives what the flags say, in the form of linux.resources. Raises UsageError."""
    given: dict[str, Any] = {}
    for flag, section, name, is_size, _text in _LIMITS:
        if arguments[flag]:
            value = _size(arguments[flag], flag) if is_size else _integer(arguments[flag], flag)
            given.setdefault(section, {})[name] = value
    for flag, name, _text in _CPUSETS:
        if arguments[flag]:
            given.setdefault("cpu", {})[name] = arguments[flag]
    return given


def _read(path: str) -> Any:
    """Gives the value of a JSON file, - for standard input. Raises OcipyError."""
    from ..spec.jsontext import SIZE_LIMIT, decode

    descriptor = 0 if path == "-" else os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    with open(descriptor, "rb", closefd=path != "-") as file:
        # One byte more than is decoded: what never ends is refused, too.
        return decode(file.read(SIZE_LIMIT + 1))


def _integer(text: str, flag: str) -> int:
    digits = text.removeprefix("-")
    if not (digits.isascii() and digits.isdigit()):
        raise UsageError(f"invalid value for {flag}: {text!r} is no decimal number")
    return int(text)


def _size(text: str, flag: str) -> int:
    """Gives the bytes of a size such as 1024, 64M, 1.5g, 2 GiB; -1 is -1. Raises UsageError."""
    if text == "-1":
        return -1
    number = text.rstrip("bBiIkKmMgGtTpP")
    suffix = text[len(number) :].lower()
    number = number.removesuffix(" ")
    unit = suffix[:1] if suffix[1:] in ("", "b", "ib") else "?"
    if number.replace(".", "", 1).isdigit() and number.isascii():
        if suffix in ("", "b"):
            return int(float(number))
        if unit in _UNITS:
            return int(float(number) * _UNITS[unit])
    raise UsageError(f"invalid value for {flag}: invalid size: {text!r}")
