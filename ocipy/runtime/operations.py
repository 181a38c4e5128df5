"""The operations of a plan on the host's side: one function per kind, with its fields as parameters."""

from __future__ import annotations

from ..cgroup import create as cgroup_create
from ..cgroup import join, write
from ..errors import OcipyError
from ..init.birth import Birth, make_init
from ..linux import os
from ..linux.proc import start_time
from ..plan.namespaces import KINDS
from ..spec import jsontext
from . import process_operations, sockets
from .process_operations import new_process, write_proc
from .state import CREATED
from .store import CONFIG, EXIT, NO_CGROUP, START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..cgroup.device_program import Rule
    from ..plan.users import Mappings
    from .creation import Creation


def open_namespace(creation: Creation, property: str, type: str, path: str, foreign: bool) -> None:
    from ..linux import namespace

    descriptor = namespace.open_namespace(path, KINDS[type])
    creation.namespaces.append((KINDS[type], descriptor))
    if foreign and namespace.is_own_namespace(descriptor, type):
        raise OcipyError(f"{path} is the host's {type} namespace, and the config changes settings of it")


def record_creating(
    creation: Creation, property: str, directory: str, cgroups: tuple[tuple[str, str], ...]
) -> None:
    container = creation.container
    container.store.reserve(container.id)
    creation.recorded = True
    container.record["creator"] = [os.getpid(), start_time(os.getpid())]
    container.record["cgroup_paths"] = dict(cgroups)
    if creation.attended:
        # There before anybody can find the container: see runtime/wait.py.
        container.store.write(container.id, EXIT, b"")
    container.store.save(container.id, container.record)
    if not creation.plan.cgroups:
        # Should the record be lost: the cgroup that config.json names is not this container's.
        container.store.write(container.id, NO_CGROUP, b"")
    # What happens to the bundle's config.json from now on has no effect (runtime.md, Create).
    container.store.write(container.id, CONFIG, creation.config)


def make_notify_directory(creation: Creation, property: str, directory: str) -> None:
    from ..linux.mount import AT_FDCWD, clone_tree

    os.mkdir(directory, 0o755)
    creation.notify = clone_tree(AT_FDCWD, directory)


def create_cgroup(creation: Creation, property: str, directories: tuple[tuple[str, str], ...]) -> None:
    made = cgroup_create.create_cgroup(property, directories)
    creation.cgroups_made += made
    found = creation.container.record.setdefault("cgroups_found", [])
    found += [directory for _, directory in directories if directory not in made]
    if creation.pid:
        creation.joins = join.open_join(dict(directories))


def start_scope(
    creation: Creation, property: str, unit: str, properties: tuple[tuple[str, str, Any], ...],
    directories: tuple[tuple[str, str], ...],
) -> None:  # fmt: skip
    from ..cgroup import systemd

    record, store = creation.container.record, creation.container.store
    # Should this process be killed now: a scope of a process that has ended by then stays until it is stopped.
    record["scope_asked_for"] = unit, dict(directories)
    store.save(creation.container.id, record)
    try:
        systemd.start_scope(unit, properties, creation.pid)
    finally:
        del record["scope_asked_for"]
    record["systemd_unit"] = unit
    made = creation.cgroups_made = systemd.complete_scope(property, directories)
    systemd.enter_scope(property, directories, made, creation.pid)
    # Theirs is what is killed and removed with the container: not before it is seen in them.
    record["cgroup_paths"] = dict(directories)


def _limit(function: Callable[..., None]) -> Callable[..., None]:
    """Gives the handler of an operation that needs nothing of the creation."""
    return lambda _creation, *fields: function(*fields)


def attach_device_program(creation: Creation, property: str, directory: str, rules: tuple[Rule, ...]) -> None:
    # Cgroup v2 only: v1 takes the rules themselves.
    from ..cgroup import devices

    devices.attach_device_program(property, directory, rules)


def delegate_cgroup(creation: Creation, property: str, directory: str, uid: int) -> None:
    from ..cgroup import delegate

    delegate.delegate_cgroup(property, directory, uid)


def listen_for_start(creation: Creation, property: str) -> None:
    directory = creation.container.store.directory(creation.container.id)
    creation.listener = sockets.listen(directory, START)


def create_init(
    creation: Creation, property: str, new: tuple[str, ...], joined: tuple[str, ...],
    offsets: tuple[tuple[str, int, int], ...], own_memory: bool, cgroup: str, score: int | None,
) -> None:  # fmt: skip
    """Makes the init process, which has the container's part of the plan from its birth."""
    flags = 0
    for kind in new:
        # init makes the cgroup namespace once it is in its cgroup, and a time namespace with offsets is made before.
        if kind != "cgroup" and not (kind == "time" and offsets):
            flags |= KINDS[kind]
    init, into = new_process(creation, cgroup)
    init.hook_state = jsontext.encode(creation.container.hook_state(CREATED, with_pid=False))
    if creation.listener:
        init.descriptors["start"] = [creation.listener.detach()]
    if creation.notify >= 0:
        init.descriptors["NOTIFY_SOCKET"] = [creation.notify]
    born = Birth(flags, creation.namespaces, offsets, into, own_memory, score)
    assert creation.channel
    creation.pid, creation.pidfd = make_init(born, init, creation.container_turns, creation.channel)
    for descriptor in (into, *(descriptor for _kind, descriptor in creation.namespaces)):
        if descriptor >= 0:
            os.close(descriptor)
    record = creation.container.record
    record["init_process_pid"] = creation.pid
    record["init_process_start"] = start_time(creation.pid) or 0


def record_init(creation: Creation, property: str) -> None:
    creation.container.store.save(creation.container.id, creation.container.record)
    creation.begun = True


def write_id_mappings(
    creation: Creation, property: str, uids: Mappings, gids: Mappings, newuidmap: str, newgidmap: str, setgroups: bool
) -> None:
    if not setgroups:
        write_proc(creation, "setgroups", "deny")
    for kind, mappings, program in (("uid", uids, newuidmap), ("gid", gids, newgidmap)):
        if program:
            from .id_mapper import map_ids

            map_ids(f"linux.{kind}Mappings", program, creation.pid, mappings)
        else:
            text = "".join(f"{inside} {outside} {size}\n" for inside, outside, size in mappings)
            write_proc(creation, f"{kind}_map", text)


def record_created(creation: Creation, property: str) -> None:
    record = creation.container.record
    del record["creator"]
    creation.container.store.save(creation.container.id, record)


def run_host_hook(
    creation: Creation, property: str, kind: str, path: str, args: tuple[str, ...], env: tuple[str, ...] | None,
    timeout: int | None,
) -> None:  # fmt: skip
    from ..init.hooks import run_hook

    state = jsontext.encode(creation.container.hook_state(CREATED))
    run_hook(property, kind, path, args, env, timeout, state=state)


HANDLERS: dict[str, Callable[..., None]] = {
    **process_operations.HANDLERS,
    "OpenNamespace": open_namespace,
    "RecordCreating": record_creating,
    "MakeNotifyDirectory": make_notify_directory,
    "CreateCgroup": create_cgroup,
    "StartScope": start_scope,
    "EnableControllers": _limit(cgroup_create.enable_controllers),
    **{kind: _limit(function) for kind, function in write.HANDLERS.items()},
    "AttachDeviceProgram": attach_device_program,
    "DelegateCgroup": delegate_cgroup,
    "ListenForStart": listen_for_start,
    "CreateInit": create_init,
    "RecordInit": record_init,
    "WriteIDMappings": write_id_mappings,
    "RecordCreated": record_created,
    "RunHostHook": run_host_hook,
}
