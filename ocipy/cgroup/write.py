"""Setting limits: one function per operation of plan/cgroup_operations.py, with its fields as parameters."""

from __future__ import annotations

from errno import EBUSY, EINVAL, ENOENT, EPERM

from ..errors import OcipyError
from ..linux import os
from .files import read, write, write_error

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable


def write_cgroup_file(property: str, directory: str, file: str, value: str, optional: bool = False) -> None:
    """Writes one limit. optional: a missing file is no error. Raises OcipyError."""
    try:
        write(directory, file, value)
    except OSError as error:
        if not (optional and error.errno == ENOENT):
            raise write_error(error, property, directory, file, value) from None


def write_first_cgroup_file(property: str, directory: str, choices: tuple[tuple[str, str], ...]) -> None:
    """Writes to the first of several (file, value) whose file exists. Raises OcipyError."""
    for file, value in choices:
        try:
            return write(directory, file, value)
        except OSError as error:
            if error.errno != ENOENT or (file, value) == choices[-1]:
                raise write_error(error, property, directory, file, value) from None


def set_memory_limits(property: str, directory: str, limit: int | None, swap: int | None) -> None:
    """Sets memory and memory plus swap of cgroup v1 in bytes, in the order that the present limits permit.

    The kernel keeps memory <= memory plus swap at every moment: growing needs the larger one first.
    Raises OcipyError.
    """
    memory = ("memory.limit_in_bytes", limit)
    total = ("memory.memsw.limit_in_bytes", -1 if swap is None and limit == -1 else swap)
    if limit is not None:
        try:
            write(directory, memory[0], str(limit))
        except OSError as error:
            if error.errno != EINVAL or total[1] is None:
                raise _memory_error(error, property, directory, *memory) from None
        else:
            total = (total[0], swap)
            memory = (memory[0], None)
    for file, value in (total, memory):
        if value is None:
            continue
        try:
            write(directory, file, str(value))
        except OSError as error:
            raise _memory_error(error, property, directory, file, value) from None


def check_memory_usage(property: str, directory: str, limit: int) -> None:
    """Refuses a limit in bytes below memory.current. Raises OcipyError."""
    try:
        usage = int(read(directory, "memory.current"))
    except OSError as error:
        raise write_error(error, property, directory, "memory.max", str(limit)) from None
    if limit < usage:
        raise OcipyError(f"rejecting memory limit {limit} < usage {usage}", property=property)


def write_device_rules(property: str, directory: str, rules: tuple[tuple[str, str, str], ...]) -> None:
    """Writes the rules (property, file, line) of cgroup v1 in order. Raises OcipyError."""
    descriptors: dict[str, int] = {}
    try:
        for owner, file, line in rules:
            try:
                if file not in descriptors:
                    descriptors[file] = os.open(f"{directory}/{file}", os.O_WRONLY | os.O_NOFOLLOW)
                os.write(descriptors[file], line.encode())
            except OSError as error:
                # A default device that the parent cgroup denies stays denied: the container is only more confined.
                if error.errno == EPERM and not owner and file == "devices.allow":
                    continue
                raise write_error(error, owner or property, directory, file, line) from None
    finally:
        for descriptor in descriptors.values():
            os.close(descriptor)


def _memory_error(error: OSError, property: str, directory: str, file: str, value: int | None) -> OcipyError:
    if file.startswith("memory.memsw"):
        property = property.replace(".limit", ".swap")
    result = write_error(error, property, directory, file, str(value))
    if error.errno == EBUSY:
        usage = read(directory, "memory.usage_in_bytes").strip()
        result.hint = f"the cgroup uses {usage} bytes now"
    elif error.errno == ENOENT and file.startswith("memory.memsw"):
        result.hint = "this kernel does not account swap; boot it with swapaccount=1"
    return result


# By kind of operation (plan/cgroup_operations.py).
HANDLERS: dict[str, Callable[..., None]] = {
    "WriteCgroupFile": write_cgroup_file,
    "WriteFirstCgroupFile": write_first_cgroup_file,
    "SetMemoryLimits": set_memory_limits,
    "CheckMemoryUsage": check_memory_usage,
    "WriteDeviceRules": write_device_rules,
}
