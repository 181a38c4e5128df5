"""update: other limits for a container that exists."""

from __future__ import annotations

from time import perf_counter

from ..cgroup.host import detect
from ..cgroup.undo import Undo
from ..cgroup.write import HANDLERS
from ..errors import OcipyError
from ..linux import os
from ..plan.update import compile_update
from ..spec.jsontext import decode, encode
from .state import CREATED, PAUSED, RUNNING, Container
from .store import CONFIG

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..plan.facts import CgroupFacts
    from ..plan.operation import Operation
    from .log import Log


def update(container: Container, given: Any, log: Log) -> None:
    """Changes the limits that `given`, an object in the form of linux.resources, names; no other.

    The container's copy of config.json has them from then on. Raises OcipyError, ConfigError; the limits are what they
    were then, as far as the kernel lets them be set back.
    """
    if container.status() not in (CREATED, RUNNING, PAUSED):
        raise OcipyError(f"container not running: {container.id}")
    config = _config(container)
    linux = config.get("linux") or {}
    facts = detect()
    operations, warnings, after = compile_update(
        linux.get("resources") or {}, given, facts, tuple(container.require_cgroups().items())
    )
    for warning in warnings:
        log.warning(warning)
    undo = Undo()
    try:
        _execute(operations, undo, log)
        if container.record.get("systemd_unit"):
            _tell_systemd(container.record["systemd_unit"], facts, operations)
            # systemd has written the same, in its own form: a quota, for one, is rounded.
            _execute(operations, undo, log)
    except BaseException:
        undo.restore()
        raise
    config["linux"] = {**linux, "resources": after}
    container.store.write(container.id, CONFIG, encode(config).encode())


def _config(container: Container) -> dict[str, Any]:
    """Gives the container's copy of config.json. Raises OcipyError."""
    path = f"{container.store.directory(container.id)}/{CONFIG}"
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
    with open(descriptor, "rb") as file:
        config: dict[str, Any] = decode(file.read())
    return config


def _execute(operations: list[Operation], undo: Undo, log: Log) -> None:
    for operation in operations:
        begun = perf_counter()
        kind, *fields = operation.wire()
        undo.remember(*_files(operation))
        HANDLERS[kind](*fields)
        if log.debug_enabled:
            log.debug(f"{(perf_counter() - begun) * 1000:8.3f} ms  host       {operation.describe()}")


def _tell_systemd(unit: str, facts: CgroupFacts, operations: list[Operation]) -> None:
    """Without that, systemd would bring back the limits that it knows. Raises OcipyError."""
    from ..cgroup.systemd import change_unit
    from ..plan.systemd_properties import limit_properties

    properties = limit_properties(facts.version, operations)
    if properties:
        change_unit(unit, properties)


def _files(operation: Any) -> tuple[str, tuple[str, ...]]:
    """Gives the directory and the files that an operation may write."""
    kind = operation.KIND.__name__
    files: tuple[str, ...] = ()
    if kind == "WriteCgroupFile":
        files = (operation.file,)
    elif kind == "WriteFirstCgroupFile":
        files = tuple(file for file, _value in operation.choices)
    elif kind == "SetMemoryLimits":
        files = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    return operation.directory, files
