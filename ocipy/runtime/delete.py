"""delete: everything that a container had on the host goes away."""

from __future__ import annotations

import _signal

from ..cgroup import remove
from ..cgroup.freezer import thaw
from ..errors import OcipyError
from ..linux import os
from ..linux.proc import open_process, send_signal, wait_ended
from .hooks import run_host_hooks
from .kill import kill_all
from .state import CREATED, CREATING, STOPPED, Container
from .store import CONFIG, NO_CGROUP

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log import Log
    from .store import Store

_PATIENCE = 10.0  # seconds that a killed process gets to end


def delete(store: Store, id: str, log: Log, *, force: bool = False) -> None:
    """Deletes a container that has stopped, or, as runc does, one that was created and never started.

    force: whatever its status, whatever is left of it; no error when there is none.
    Raises OcipyError otherwise, and changes nothing then.
    """
    if force and not store.exists(id):
        return
    try:
        container = Container.load(store, id)
    except OcipyError:
        if not force:
            raise
        _delete_remains(store, id, log)
        return
    status = container.status()
    if status != STOPPED and not force and status != CREATED:
        raise OcipyError(f"cannot delete container {id} that is not stopped: {status}")
    if status == CREATING:
        _end(container.record["creator"], "the command that creates it", {})
    init = container.record["init_process_pid"], container.record["init_process_start"]
    _end(init, "the init process", container.cgroups)
    destroy(container, log, force=force)


def destroy(container: Container, log: Log, *, force: bool = False) -> None:
    """Removes cgroups and state of a container whose init has ended, then runs the poststop hooks.

    force: end also what somebody else put into the cgroup, which is an error otherwise.
    """
    begun = container.record["init_process_pid"] != 0
    found = container.record.get("cgroups_found", ())
    if begun and not container.record["own_pids"]:
        # Nobody ends with init: what it left behind lives on in the cgroup.
        kill_all(container)
    try:
        remove.remove(container.cgroups, found)
    except OcipyError as error:
        if begun and not force:
            raise
        if begun:
            kill_all(container)
            remove.remove(container.cgroups, found)
        else:
            # The creating command was killed before it had a process there: those in it are somebody else's.
            log.warning(str(error))
    try:
        forget_unit(container)
    except OcipyError as error:
        if not force:
            raise
        log.warning(str(error))
    container.store.remove(container.id)
    run_host_hooks(container, "poststop", log)


def forget_unit(container: Container) -> None:
    """Has systemd end the unit that it made for the container, if it did. Raises OcipyError."""
    unit = container.record.get("systemd_unit")
    asked = container.record.get("scope_asked_for")
    if asked:
        from ..cgroup.processes import processes

        # With a process in it, it is another's, which was there before.
        unit = "" if processes(asked[1]) else asked[0]
    if unit:
        from ..cgroup.systemd import stop_unit

        stop_unit(unit)


def _delete_remains(store: Store, id: str, log: Log) -> None:
    """Deletes a container whose record is lost or damaged; the copy of config.json tells where its cgroup is.

    Without the copy there is nothing but the directory: it is written before any cgroup is made, and removed first.
    """
    from ..cgroup import kill
    from ..cgroup.host import detect
    from ..plan.cgroup import cgroup_directories
    from ..spec.load import load

    directory = store.directory(id)
    try:
        with open(f"{directory}/{CONFIG}", "rb") as file:
            path = load(file.read()).linux.cgroupsPath
        if os.path.exists(f"{directory}/{NO_CGROUP}"):
            # What the config names is somebody else's.
            path = "/"
        cgroups = dict(cgroup_directories(path, detect(), id))
    except (OSError, OcipyError):
        path, cgroups = "/", {}
    kill.kill_all(cgroups)
    remove.remove(cgroups)
    if not path or ":" in path:
        _delete_scope(path, id, log)
    store.remove(id)


def _delete_scope(path: str, id: str, log: Log) -> None:
    """The same for the case that systemd made the cgroup: by its form the path may be meant for systemd."""
    from ..cgroup.systemd import is_running, stop_unit
    from ..plan.systemd import scope

    if is_running():
        try:
            stop_unit(scope(path, id)[1])
        except OcipyError as error:
            log.warning(str(error))


def _end(process: tuple[int, int], name: str, cgroups: dict[str, str]) -> None:
    """Kills a process, when it is still the one that the record means, and waits for it. cgroups: those it is in."""
    pidfd = open_process(*process)
    if pidfd is None:
        return
    try:
        send_signal(pidfd, _signal.SIGKILL)
        # The freezer of v1 holds even a process whose SIGKILL is on its way.
        thaw(cgroups)
        if not wait_ended(pidfd, _PATIENCE):
            raise OcipyError(f"{name} (pid {process[0]}) does not end after SIGKILL")
    finally:
        os.close(pidfd)
