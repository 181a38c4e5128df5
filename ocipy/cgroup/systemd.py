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
            self._job(what, *arguments)
        except BusError as error:
            if error.name != _EXISTS:
                raise _error(what, error) from None
            self.reset(unit)
            try:
                self._job(what, *arguments)
            except BusError as again:
                raise _error(what, again, f"systemctl status {unit} tells what runs in it") from None
        except OcipyError:
            self.stop(unit)
            raise

    def stop(self, unit: str) -> None:
        """Ends a unit with what is in it, and takes away what is known of its failure; no error when it is gone."""
        try:
            # A PID 1 takes no SIGTERM, after which systemd would wait for a minute and a half.
            self._bus.call(_MANAGER, "KillUnit", "ssi", unit, "all", SIGKILL)
            self._job(f"stop {unit}", "StopUnit", "ss", unit, "replace")
        except OSError as error:
            if getattr(error, "name", "") != _NO_UNIT:
                raise _error(f"stop {unit}", error) from None
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

    def _job(self, what: str, method: str, signature: str, *values: Any) -> None:
        """Calls a method that gives a job and waits for its end. Raises BusError, OcipyError."""
        deadline = monotonic() + _LIMIT
        try:
            (job,) = self._bus.call(_MANAGER, method, signature, *values, reply="o")
            while True:
                _number, ended, _unit, result = self._bus.wait_signal(_MANAGER[2], "JobRemoved", "uoss", deadline)
                if ended == job:
                    break
        except BusError:
            raise
        except OSError as error:
            raise _error(what, error) from None
        if result != "done":
            raise OcipyError(f"systemd did not {what}: its job ended with {result!r}", hint="see journalctl")


def start_scope(unit: str, properties: tuple[Property, ...], pid: int) -> None:
    """Has systemd make the scope `unit` and put process `pid` into it. Raises OcipyError."""
    with Systemd() as systemd:
        systemd.start(unit, (*properties, ("PIDs", "au", (pid,))))


def complete_scope(property: str, directories: tuple[tuple[str, str], ...], pid: int) -> list[str]:
    """Makes those cgroups of v1 that systemd has no use for, moves process `pid` there too, and gives what was made.

    Raises OcipyError when it is not in all of them then.
    """
    missing = tuple(pair for pair in directories if pair[0] and not os.path.isdir(pair[1]))
    made = create_cgroup(property, missing)
    for _controllers, directory in missing:
        try:
            write(directory, "cgroup.procs", str(pid))
        except OSError as error:
            raise write_error(error, property, directory, "cgroup.procs", str(pid)) from None
    verify_membership(pid, dict(directories))
    return made


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
