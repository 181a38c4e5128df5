"""What a container is now: its record, and what the kernel says of its processes (runtime.md, State)."""

from __future__ import annotations

from ..cgroup.freezer import freezer_state
from ..errors import OcipyError
from ..linux import os
from ..linux.proc import open_process, start_time
from .store import START, Store

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

_NO_CGROUP = "create it without --cgroup-manager disabled; an ordinary user needs a cgroup that is delegated to it"
OCI_VERSION = "1.3.0"

CREATING = "creating"
CREATED = "created"
RUNNING = "running"
PAUSED = "paused"
STOPPED = "stopped"


class Container:
    """A container by its record.

    Keys of the record: ociVersion, id, bundle, rootfs, created (RFC 3339), owner; init_process_pid and
    init_process_start (0 until init exists); creator (pid and start time of the `create` command, until it is done);
    cgroup_paths (controllers to directory); cgroups_found (directories of them that were there before); systemd_unit
    (the unit that they belong to, if systemd made them); scope_asked_for (the unit and its cgroups, until then);
    annotations; keyring (whether its processes have a session keyring of their own); poststart, poststop (hooks);
    own_pids (whether it has a pid namespace of its own); program (False when the config has no process).
    """

    def __init__(self, store: Store, record: dict[str, Any]) -> None:
        self.store = store
        self.record = record

    @classmethod
    def load(cls, store: Store, id: str) -> Container:
        """Gives the container of that id. Raises OcipyError when there is none."""
        return cls(store, store.load(id))

    @property
    def id(self) -> str:
        id: str = self.record["id"]
        return id

    @property
    def cgroups(self) -> dict[str, str]:
        cgroups: dict[str, str] = self.record["cgroup_paths"]
        return cgroups

    def require_cgroups(self) -> dict[str, str]:
        """Gives the cgroups, for what cannot be done without. Raises OcipyError when the container has none."""
        if not self.cgroups:
            raise OcipyError(f"container {self.id} has no cgroup", hint=_NO_CGROUP)
        return self.cgroups

    def open_init(self) -> int | None:
        """Gives a pidfd of the init process, or None when it has ended (a zombie counts as ended)."""
        return open_process(self.record["init_process_pid"], self.record["init_process_start"])

    def status(self) -> str:
        """Gives one of creating, created, running, paused, stopped."""
        creator = self.record.get("creator")
        if creator:
            # When the creating command died half-way, nobody will finish the container: it can be deleted only.
            return CREATING if start_time(creator[0]) == creator[1] else STOPPED
        pid = self.record["init_process_pid"]
        if start_time(pid) != self.record["init_process_start"]:
            return STOPPED
        if freezer_state(self.cgroups) == "frozen":
            return PAUSED
        return CREATED if os.path.exists(f"{self.store.directory(self.id)}/{START}") else RUNNING

    def state(self, status: str | None = None) -> dict[str, Any]:
        """Gives the state document with the fields that runc adds, and exitCode of a container that has stopped, when
        it is known; status None: as it is now.
        """
        status = status or self.status()
        document: dict[str, Any] = {
            "ociVersion": self.record["ociVersion"],
            "id": self.id,
            "pid": 0 if status == STOPPED else self.record["init_process_pid"],
            "status": status,
            "bundle": self.record["bundle"],
            "rootfs": self.record["rootfs"],
            "created": self.record["created"],
        }
        if self.record["annotations"]:
            document["annotations"] = self.record["annotations"]
        document["owner"] = ""
        code = self.store.exit_code(self.id) if status == STOPPED else None
        if code is not None:
            document["exitCode"] = code
        return document

    def hook_state(self, status: str, *, with_pid: bool = True) -> dict[str, Any]:
        """Gives the state document that hooks get: the specification's fields alone."""
        document: dict[str, Any] = {
            "ociVersion": self.record["ociVersion"],
            "id": self.id,
            "status": status,
            "bundle": self.record["bundle"],
        }
        if self.record["annotations"]:
            document["annotations"] = self.record["annotations"]
        if with_pid:
            document["pid"] = self.record["init_process_pid"]
        return document
