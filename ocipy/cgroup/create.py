"""Making a cgroup in every hierarchy, and making sure that it is the container's alone."""

from __future__ import annotations

from ..errors import OcipyError, describe_os_error
from ..linux import os
from .files import read, write

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable

_CPUSET_FILES = ("cpuset.cpus", "cpuset.mems")


def create_cgroup(property: str, directories: tuple[tuple[str, str], ...]) -> list[str]:
    """Makes the directories with their missing parents and gives those that it made, parents first.

    directories: pairs of controller list ("" for v2) and directory. What exists already must be empty and thawed.
    Raises OcipyError, and then has removed what it made.
    """
    made: list[str] = []
    existing: dict[str, str] = {}
    try:
        for controllers, directory in directories:
            prepare = _inherit_cpuset if "cpuset" in controllers.split(",") else _nothing
            if not _make(directory, prepare, made):
                existing[controllers] = directory
        if existing:
            _refuse_used(property, existing)
        _refuse_frozen(property, directories)
    except BaseException as error:
        remove_made(made)
        if isinstance(error, OSError):
            raise OcipyError(f"cannot create the cgroup: {describe_os_error(error)}", property=property) from None
        raise
    return made


def remove_made(made: list[str]) -> None:
    """Removes the cgroups that `create_cgroup` made; what can't go, because another runtime uses it now, stays."""
    for directory in reversed(made):
        try:
            os.rmdir(directory)
        except OSError:
            pass


def enable_controllers(property: str, root: str, directory: str, controllers: tuple[str, ...]) -> None:
    """Writes cgroup.subtree_control from `root` down to the parent of `directory` (cgroup v2).

    A controller that can't be enabled is left out: the write of a limit that needs it tells so, with its property.
    """
    level = root
    for name in directory[len(root) + 1 :].split("/"):
        try:
            enabled = read(level, "cgroup.subtree_control").split()
        except OSError:
            return
        # Each write locks all cgroups of the machine, even if it changes nothing.
        missing = [controller for controller in controllers if controller not in enabled]
        if missing and not _enable(level, missing):
            for controller in missing:
                _enable(level, [controller])
        level = f"{level}/{name}"


def _enable(directory: str, controllers: list[str]) -> bool:
    try:
        write(directory, "cgroup.subtree_control", " ".join(f"+{controller}" for controller in controllers))
    except OSError:
        return False
    return True


def _make(directory: str, prepare: Callable[[str], None], made: list[str]) -> bool:
    """Makes one directory and its missing parents; gives False when it was there already."""
    try:
        try:
            os.mkdir(directory, 0o755)
        except FileNotFoundError:
            _make(os.path.dirname(directory), prepare, made)
            os.mkdir(directory, 0o755)
    except FileExistsError:
        return False
    made.append(directory)
    prepare(directory)
    return True


def _nothing(directory: str) -> None:
    pass


def _inherit_cpuset(directory: str) -> None:
    """A new cpuset of v1 has no cpus and no memory nodes, and takes no process until it has both."""
    parent = os.path.dirname(directory)
    for file in _CPUSET_FILES:
        value = read(parent, file).strip()
        if not value:
            # The parent was made by somebody who did not fill it.
            _inherit_cpuset(parent)
            value = read(parent, file).strip()
        if not read(directory, file).strip():
            write(directory, file, value)


def _refuse_used(property: str, existing: dict[str, str]) -> None:
    from .processes import processes

    count = len(processes(existing))
    if count:
        where = next(iter(existing.values()))
        text = f"container's cgroup is not empty: {count} process(es) found"
        raise OcipyError(text, property=property, hint=f"end them, or use another cgroup than {where}")


def _refuse_frozen(property: str, directories: tuple[tuple[str, str], ...]) -> None:
    """A process that joins a frozen cgroup never runs again, and its creator waits for ever."""
    from .freezer import freezer_state

    if freezer_state(dict(directories)) != "thawed":
        where = next((path for controllers, path in directories if "freezer" in controllers), directories[-1][1])
        raise OcipyError(f"container's cgroup {where} is frozen", property=property, hint="thaw it, or its parent")
