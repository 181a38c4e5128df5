"""The operations that make a cgroup and set its limits: all on the host's side, all data."""

from __future__ import annotations

from .operation import HOST, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar


class CgroupOperation(Operation):
    """Nothing that init does before it joins its cgroup needs one."""

    side: ClassVar[str] = HOST
    alongside: ClassVar[bool] = True


class CreateCgroup(CgroupOperation):
    """directories: pairs of controller list ("" for cgroup v2) and the absolute directory to make."""

    directories: tuple[tuple[str, str], ...]

    def describe(self) -> str:
        return "create cgroup " + ", ".join(directory for _, directory in self.directories)


class EnableControllers(CgroupOperation):
    """Cgroup v2: make controllers usable in `directory` by its ancestors' cgroup.subtree_control, from `root` down."""

    root: str
    directory: str
    controllers: tuple[str, ...]

    def describe(self) -> str:
        return f"enable {' '.join(self.controllers)} down to {self.directory}"


class WriteCgroupFile(CgroupOperation):
    """optional: a kernel without that file is no error, because it then behaves as asked."""

    directory: str
    file: str
    value: str
    optional: bool = False

    def describe(self) -> str:
        return f"write {self.value} to {self.directory}/{self.file}"


class WriteFirstCgroupFile(CgroupOperation):
    """choices: pairs of file and value; the first file that the kernel has gets its value."""

    directory: str
    choices: tuple[tuple[str, str], ...]

    def describe(self) -> str:
        choices = " or ".join(f"{value} to {file}" for file, value in self.choices)
        return f"write {choices} in {self.directory}"


class SetMemoryLimits(CgroupOperation):
    """Cgroup v1: limit of memory, and of memory plus swap, in bytes; -1 is unlimited, None leaves it."""

    directory: str
    limit: int | None = None
    swap: int | None = None

    def describe(self) -> str:
        limits = (("memory", self.limit), ("memory+swap", self.swap))
        return f"limit {', '.join(f'{name} to {value}' for name, value in limits if value is not None)}"


class CheckMemoryUsage(CgroupOperation):
    """Refuse a limit in bytes that is below what the cgroup uses already."""

    directory: str
    limit: int

    def describe(self) -> str:
        return f"check that {self.directory} uses no more than {self.limit} bytes"


class WriteDeviceRules(CgroupOperation):
    """Cgroup v1. rules: property, file (devices.allow, devices.deny) and the line for it, in order."""

    directory: str
    rules: tuple[tuple[str, str, str], ...]

    def describe(self) -> str:
        return "set device rules: " + ", ".join(f"{file[8:]} {line}" for _, file, line in self.rules)


class AttachDeviceProgram(CgroupOperation):
    """Cgroup v2. rules: allow, type (a, b, c), major and minor (None: any) and access, the last match wins."""

    directory: str
    rules: tuple[tuple[bool, str, int | None, int | None, str], ...]

    def describe(self) -> str:
        def text(rule: tuple[bool, str, int | None, int | None, str]) -> str:
            allow, kind, major, minor, access = rule
            numbers = ":".join("*" if number is None else str(number) for number in (major, minor))
            return f"{'allow' if allow else 'deny'} {kind} {numbers} {access}"

        return "attach device program: " + ", ".join(map(text, self.rules))


class DelegateCgroup(CgroupOperation):
    """Cgroup v2: make a user the owner of `directory` and of what the kernel lets a delegate write there."""

    directory: str
    uid: int

    def describe(self) -> str:
        return f"make user {self.uid} the owner of {self.directory}"
