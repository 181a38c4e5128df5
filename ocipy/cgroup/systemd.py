"""What systemd does for a container: makes the scope that is its cgroup, changes its limits, ends it.

org.freedesktop.systemd1(5). Each change of a unit is a job; systemd tells by a signal when it is done.
"""

from __future__ import annotations

from _signal import SIGKILL
from time import monotonic

from ..errors import OcipyError, describe_os_error
from ..linux import os
from ..linux.libsystemd import NAME, Bus, BusError
from .create import create_cgroup
from .files import write, write_error
from .join import verify_membership

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    # Name, D-Bus signature and value.
    Property = tuple[str, str, Any]

_RUNNING = "/run/systemd/system"  # sd_booted(3)
_PEER, _PATH = "org.freedesktop.systemd1", "/org/freedesktop/systemd1"
_MANAGER = _PEER, _PATH, "org.freedesktop.systemd1.Manager"
_PROPERTIES = _PEER, _PATH, "org.freedesktop.DBus.Properties"
_DAEMON = "org.freedesktop.DBus", "/org/freedesktop/DBus", "org.freedesktop.DBus"
_JOBS = f"type='signal',sender='{_PEER}',path='{_PATH}',interface='{_MANAGER[2]}',member='JobRemoved'"
_NO_UNIT = "org.freedesktop.systemd1.NoSuchUnit"
_EXISTS = "org.freedesktop.systemd1.UnitExists"
_REMEDY = "start the service dbus, or use the cgroup manager cgroupfs"
_USER_REMEDY = "it needs a login with XDG_RUNTIME_DIR, or loginctl enable-linger; or use the cgroup manager cgroupfs"
# The hierarchies in which systemd keeps its units: a scope without a cgroup there was not started.
_OF_SYSTEMD = ("", "name=systemd")
_LIMIT = 100.0  # seconds; systemd gives the processes of a unit 90 to end


def uses_user_instance() -> bool:
    """Tells whether this process has a systemd of its own user to ask, not the system's.

    So it is for a user other than root; and for the root of a user namespace, unless the systemd there is its own.
    """
    if os.geteuid():
        return True
    try:
        return os.stat(_RUNNING).st_uid != 0
    except FileNotFoundError:
        return False


def instance_cgroup() -> str:
    """Gives the cgroup below which systemd makes slices, "" for the root. Raises OcipyError."""
    if not is_running():
        raise OcipyError(
            "systemd does not run on this host", property="--systemd-cgroup", hint="use the cgroup manager cgroupfs"
        )
    if not uses_user_instance():
        return ""
    with Systemd() as systemd:
        return systemd.cgroup()


def is_running() -> bool:
    """Tells whether systemd is what manages this host."""
    return os.path.isdir(_RUNNING)


class Systemd:
    """The systemd that manages this user's containers. Raises OcipyError, as its methods do."""

    def __init__(self) -> None:
        user = uses_user_instance()
        try:
            self._bus = Bus(user=user)
            self._bus.call(_DAEMON, "AddMatch", "s", _JOBS)
        except OSError as error:
            what = f"{'user' if user else 'system'} bus" if getattr(error, "syscall", "") else NAME
            hint = _USER_REMEDY if user else _REMEDY
            raise OcipyError(f"cannot reach systemd by the {what}: {describe_os_error(error)}", hint=hint) from None

    def __enter__(self) -> Systemd:
        return self

    def __exit__(self, *_failure: object) -> None:
        self._bus.close()

    def cgroup(self) -> str:
        """Gives the cgroup of systemd itself."""
        try:
            (path,) = self._bus.call(_PROPERTIES, "Get", "ss", _MANAGER[2], "ControlGroup", reply="v")
        except OSError as error:
            raise OcipyError(f"cannot ask systemd for its cgroup: {describe_os_error(error)}") from None
        result: str = path
        return result

    def start(self, unit: str, properties: tuple[Property, ...]) -> None:
        """Makes a scope. A failed unit that has its name still makes room for it."""
        what = f"start {unit}"
        wanted = [(name, (signature, value)) for name, signature, value in properties]
        arguments = "StartTransientUnit", "ssa(sv)a(sa(sv))", unit, "fail", wanted, ()
        try:
            try:
                job = self._bus.call(_MANAGER, *arguments, reply="o")
            except BusError as error:
                if error.name != _EXISTS:
                    raise
                self.reset(unit)
                job = self._bus.call(_MANAGER, *arguments, reply="o")
        except OSError as error:
            # A unit of that name may be somebody else's, and is left alone.
            exists = getattr(error, "name", "") == _EXISTS
            raise _error(what, error, f"systemctl status {unit} tells what runs in it" if exists else "") from None
        try:
            self._finish(what, *job)
        except OcipyError:
            try:
                self.stop(unit)
            except OcipyError:
                # Why it was not started tells more; it ends with the process that it was for.
                pass
            raise

    def stop(self, unit: str) -> None:
        """Ends a unit with what is in it, and takes away what is known of its failure; no error when it is gone."""
        what = f"stop {unit}"
        try:
            # A PID 1 takes no SIGTERM, after which systemd would wait for a minute and a half.
            self._bus.call(_MANAGER, "KillUnit", "ssi", unit, "all", SIGKILL)
            job = self._bus.call(_MANAGER, "StopUnit", "ss", unit, "replace", reply="o")
        except OSError as error:
            if getattr(error, "name", "") != _NO_UNIT:
                raise _error(what, error) from None
        else:
            self._finish(what, *job)
        self.reset(unit)

    def reset(self, unit: str) -> None:
        """Lets systemd forget that a unit failed."""
        try:
            self._bus.call(_MANAGER, "ResetFailedUnit", "s", unit)
        except BusError:
            # It has not failed, or is gone.
            pass
        except OSError as error:
            raise _error(f"reset {unit}", error) from None

    def change(self, unit: str, properties: tuple[Property, ...]) -> None:
        """Sets properties of a unit that runs."""
        wanted = [(name, (signature, value)) for name, signature, value in properties]
        try:
            self._bus.call(_MANAGER, "SetUnitProperties", "sba(sv)", unit, True, wanted)
        except OSError as error:
            raise _error(f"change {unit}", error) from None

    def move(self, pid: int, unit: str, path: str) -> None:
        """Moves a process into a unit, or the cgroup at `path` below it; the unit must be one that is delegated."""
        try:
            self._bus.call(_MANAGER, "AttachProcessesToUnit", "ssau", unit, path, (pid,))
        except OSError as error:
            raise _error(f"move process {pid} into {unit}", error) from None

    def _finish(self, what: str, job: str) -> None:
        """Waits for the end of a job. Raises OcipyError when it is not done then."""
        deadline = monotonic() + _LIMIT
        try:
            ended = ""
            while ended != job:
                _number, ended, _unit, result = self._bus.wait_signal(_MANAGER[2], "JobRemoved", "uoss", deadline)
        except OSError as error:
            raise _error(what, error) from None
        if result != "done":
            raise OcipyError(f"systemd did not {what}: its job ended with {result!r}", hint="see journalctl")


def start_scope(unit: str, properties: tuple[Property, ...], pid: int) -> None:
    """Has systemd make the scope `unit` and put process `pid` into it. Raises OcipyError."""
    with Systemd() as systemd:
        systemd.start(unit, (*properties, ("PIDs", "au", (pid,))))


def complete_scope(property: str, directories: tuple[tuple[str, str], ...]) -> list[str]:
    """Makes those cgroups of v1 that systemd has no use for, and gives what was made. Raises OcipyError."""
    missing = (pair for pair in directories if pair[0] not in _OF_SYSTEMD and not os.path.isdir(pair[1]))
    return create_cgroup(property, tuple(missing))


def enter_scope(property: str, directories: tuple[tuple[str, str], ...], made: list[str], pid: int) -> None:
    """Moves process `pid` into those that were made. Raises OcipyError when it is not in all of them then.

    Where systemd said that it has moved it, and has not, it would run, unlimited, in its creator's cgroup.
    """
    for _controllers, directory in directories:
        if directory in made:
            try:
                write(directory, "cgroup.procs", str(pid))
            except OSError as error:
                raise write_error(error, property, directory, "cgroup.procs", str(pid)) from None
    verify_membership(pid, dict(directories))


def move_into_unit(pid: int, unit: str, path: str) -> None:
    """Has systemd move a process into the cgroup at `path` below that of the unit. Raises OcipyError."""
    with Systemd() as systemd:
        systemd.move(pid, unit, path)


def stop_unit(unit: str) -> None:
    """Has systemd end the unit, and forget it. Raises OcipyError."""
    with Systemd() as systemd:
        systemd.stop(unit)


def change_unit(unit: str, properties: tuple[Property, ...]) -> None:
    """Has systemd change properties of the unit. Raises OcipyError."""
    with Systemd() as systemd:
        systemd.change(unit, properties)


def _error(what: str, error: OSError, hint: str = "") -> OcipyError:
    return OcipyError(f"systemd cannot {what}: {error.strerror}", hint=hint)
