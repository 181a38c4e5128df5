"""The operations of a plan on the host's side: one function per kind, with its fields as parameters."""

from __future__ import annotations

import os
import sys

from ..cgroup import create as cgroup_create
from ..cgroup import join, write
from ..errors import OcipyError
from ..linux.proc import start_time
from ..plan.namespaces import KINDS
from ..plan.operation import CONTAINER
from ..spec import jsontext
from . import sockets
from .state import CREATED
from .store import CONFIG, START

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import Any

    from ..cgroup.device_program import Rule
    from .creation import Creation

_TIOCGPTN = 0x80045430  # ioctl_tty(2)


def open_namespace(creation: Creation, property: str, type: str, path: str, foreign: bool) -> None:
    from ..linux import namespace

    descriptor = namespace.open_namespace(path, KINDS[type])
    creation.namespaces.append((KINDS[type], descriptor))
    if foreign and namespace.is_own_namespace(descriptor, type):
        raise OcipyError(f"{path} is the host's {type} namespace, and the config changes settings of it")


def record_creating(creation: Creation, property: str, directory: str) -> None:
    container = creation.container
    container.store.reserve(container.id)
    creation.recorded = True
    container.record["creator"] = [os.getpid(), start_time(os.getpid())]
    container.record["cgroup_paths"] = dict(creation.plan.cgroups)
    container.store.save(container.id, container.record)
    # What happens to the bundle's config.json from now on has no effect (runtime.md, Create).
    container.store.write(container.id, CONFIG, creation.config)


def compile_seccomp(creation: Creation, property: str, *profile: Any) -> None:
    from . import seccomp_cache

    creation.seccomp = seccomp_cache.program(creation.container.store.root, profile, creation.log)


def create_cgroup(creation: Creation, property: str, directories: tuple[tuple[str, str], ...]) -> None:
    creation.cgroups_made = cgroup_create.create_cgroup(property, directories)


def _limit(function: Callable[..., None]) -> Callable[..., None]:
    """Gives the handler of an operation that needs nothing of the creation."""
    return lambda _creation, *fields: function(*fields)


def attach_device_program(creation: Creation, property: str, directory: str, rules: tuple[Rule, ...]) -> None:
    # Cgroup v2 only: v1 takes the rules themselves.
    from ..cgroup import devices

    devices.attach_device_program(property, directory, rules)


def listen_for_start(creation: Creation, property: str) -> None:
    directory = creation.container.store.directory(creation.container.id)
    creation.listener = sockets.listen(directory, START)


def create_init(
    creation: Creation, property: str, new: tuple[str, ...], joined: tuple[str, ...],
    offsets: tuple[tuple[str, int, int], ...],
) -> None:  # fmt: skip
    """Sends the container's part of the plan to the sealed interpreter, which makes init of it."""
    named = _descriptors(creation)
    passed = [number for numbers in named.values() for number in numbers]
    flags = 0
    for kind in new:
        # init makes the cgroup namespace once it is in its cgroup, and a time namespace with offsets is made before.
        if kind != "cgroup" and not (kind == "time" and offsets):
            flags |= KINDS[kind]
    request = {
        "bundle": creation.container.record["bundle"],
        "flags": flags,
        "joined": [kind for kind, _descriptor in creation.namespaces],
        "offsets": offsets,
        "descriptors": [(name, len(numbers)) for name, numbers in named.items()],
        "hook_state": jsontext.encode(creation.container.hook_state(CREATED, with_pid=False)),
        "seccomp": creation.seccomp,
        "segments": [
            [(index, operation.wire()) for index, operation in turn]
            for turn in creation.turns
            if turn[0][1].side == CONTAINER
        ],
    }
    creation.stage.channel.send(request, passed)
    kind, *values = creation.receive()
    if kind == "error":
        creation.raise_failure(*values)
    for number in passed:
        os.close(number)
    # Once the interpreter has ended, its memory is init's alone: what init writes to is not copied, and so not charged
    # to the container.
    creation.stage.reap()
    record = creation.container.record
    record["init_process_pid"] = values[0]
    record["init_process_start"] = start_time(values[0]) or 0
    creation.container.store.save(creation.container.id, record)


def _descriptors(creation: Creation) -> dict[str, list[int]]:
    """Gives what init needs of the host, by purpose (see init/context.py)."""
    named = {"namespaces": [descriptor for _kind, descriptor in creation.namespaces]}
    if creation.listener:
        named["start"] = [creation.listener.detach()]
    cgroups = dict(creation.plan.cgroups)
    if "" in cgroups:
        named["into_cgroup"] = [join.open_directory(cgroups[""])]
    if any(cgroups):
        named["cgroup"] = join.open_join(cgroups)
    return named


def verify_cgroup(creation: Creation, property: str) -> None:
    join.verify_membership(creation.container.record["init_process_pid"], dict(creation.plan.cgroups))


def send_console(creation: Creation, property: str, path: str) -> None:
    import fcntl

    # Not ttyname(3), which looks for the name in the host's /dev/pts.
    number = int.from_bytes(fcntl.ioctl(creation.console, _TIOCGPTN, bytes(4)), sys.byteorder)
    sockets.send_descriptor(path, creation.console, f"/dev/pts/{number}")
    os.close(creation.console)
    creation.console = -1


def send_pidfd(creation: Creation, property: str, path: str) -> None:
    sockets.send_descriptor(path, creation.pidfd, "standard")


def write_pid_file(creation: Creation, property: str, path: str) -> None:
    """Writes the digits alone, without a newline: containerd converts them without trimming."""
    directory, name = path.rsplit("/", 1)
    temporary = f"{directory}/.{name}"
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    os.write(descriptor, str(creation.container.record["init_process_pid"]).encode())
    os.close(descriptor)
    os.rename(temporary, path)
    creation.pid_file = path


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
    "OpenNamespace": open_namespace,
    "RecordCreating": record_creating,
    "CompileSeccomp": compile_seccomp,
    "CreateCgroup": create_cgroup,
    "EnableControllers": _limit(cgroup_create.enable_controllers),
    "WriteCgroupFile": _limit(write.write_cgroup_file),
    "WriteFirstCgroupFile": _limit(write.write_first_cgroup_file),
    "SetMemoryLimits": _limit(write.set_memory_limits),
    "CheckMemoryUsage": _limit(write.check_memory_usage),
    "WriteDeviceRules": _limit(write.write_device_rules),
    "AttachDeviceProgram": attach_device_program,
    "ListenForStart": listen_for_start,
    "CreateInit": create_init,
    "VerifyCgroup": verify_cgroup,
    "SendConsole": send_console,
    "SendPidfd": send_pidfd,
    "WritePidFile": write_pid_file,
    "RecordCreated": record_created,
    "RunHostHook": run_host_hook,
}
