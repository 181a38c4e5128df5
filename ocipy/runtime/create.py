"""create: a bundle becomes a container that waits for start."""

from __future__ import annotations

import time

from ..cgroup.host import detect
from ..errors import ConfigError, OcipyError
from ..linux import os
from ..linux.security import security_modules
from ..plan.compile import Request, compile_create
from ..plan.facts import HostFacts
from ..plan.labels import labels
from ..record import Record
from ..spec.load import load
from .caller import absolute, caller, grantable, notify_address, passed_sockets
from .creation import Creation
from .state import OCI_VERSION, Container
from .store import Store, in_use

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.operation import Plan
    from ..spec.model import Spec
    from .log import Log


class CreateOptions(Record):
    """What `create` and `run` take. Paths as given, "" when not; bundle: directory of config.json.

    cgroup_manager: cgroupfs, systemd, or disabled to make and touch no cgroup.
    rootless: true, false or auto, whether the caller is taken for one that is not the host's root.
    """

    bundle: str = "."
    console_socket: str = ""
    pidfd_socket: str = ""
    pid_file: str = ""
    no_pivot: bool = False
    no_new_keyring: bool = False
    preserve_fds: int = 0
    cgroup_manager: str = "cgroupfs"
    rootless: str = "auto"


def create(
    store: Store, id: str, options: CreateOptions, log: Log, *, started: bool = False, attended: bool = False
) -> Creation:
    """Makes a container and gives the finished Creation, whose init waits for start.

    This process must be sealed (linux/interpreter.py) and have one thread: init begins as a copy of it. started: it is
    this process that starts the container, by `Creation.begin`. attended: it waits for the end as well, and relays a
    terminal itself, so that no console socket is needed.
    Raises OcipyError; nothing is left of the container then.
    """
    if store.exists(id):
        raise in_use(id)
    preserved, listen_env = passed_sockets(options.preserve_fds)
    data, spec = read_config(options.bundle)
    if started and spec.process is None:
        raise OcipyError("is needed to run a container", property="process")
    plan = plan_create(store, id, options, spec, listen_env, notify=bool(notify_address()), started=started)
    _check_terminal(spec, options, attended)
    for warning in plan.warnings:
        log.warning(warning)
    container = Container(store, _record(id, options, spec))
    creation = Creation(container, data, plan, preserved, log, started=started, attended=attended)
    creation.run()
    return creation


def read_config(bundle: str) -> tuple[bytes, Spec]:
    """Gives config.json of a bundle as bytes and as Spec. Raises OcipyError, ConfigError."""
    path = f"{bundle}/config.json"
    try:
        with open(path, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        raise OcipyError("JSON specification file config.json not found", hint=f"looked for {path}") from None
    except OSError as error:
        raise OcipyError(f"{path}: {error.strerror}") from None
    spec = load(data)
    if spec.root is not None:
        _check_root(os.path.join(bundle, spec.root.path))
    return data, spec


def _check_root(path: str) -> None:
    """The root must be a directory that exists (config.md, Root); a link could be exchanged, so it is none."""
    if os.path.islink(path):
        raise ConfigError([("root.path", f"{path} is a symbolic link, not a directory")])
    if not os.path.isdir(path):
        problem = "is not a directory" if os.path.lexists(path) else "does not exist"
        raise ConfigError([("root.path", f"{path} {problem}")])


def plan_create(
    store: Store, id: str, options: CreateOptions, spec: Spec, listen_env: tuple[str, ...] = (), *,
    notify: bool = False, started: bool = False,
) -> Plan:  # fmt: skip
    """Gives the plan of `create` on this host, and touches nothing. Raises ConfigError."""
    request = Request(
        id=id,
        bundle=os.path.abspath(options.bundle),
        directory=store.directory(id),
        no_pivot=options.no_pivot,
        no_new_keyring=options.no_new_keyring,
        listen_env=listen_env,
        started=started,
        notify=notify,
        pid_file=absolute(options.pid_file),
        console_socket=absolute(options.console_socket),
        pidfd_socket=absolute(options.pidfd_socket),
    )
    modules = security_modules() if labels(spec) else ()
    cgroup, rootless = detect(), caller(options.rootless)
    cgroup.disabled = options.cgroup_manager == "disabled"
    if options.cgroup_manager == "systemd":
        from ..cgroup.systemd import instance_cgroup

        cgroup.systemd = instance_cgroup()
    elif rootless or options.rootless == "true":
        from ..cgroup.permission import with_permissions

        cgroup = with_permissions(cgroup, spec.linux.cgroupsPath, id)
    facts = HostFacts(cgroup=cgroup, capabilities=grantable(spec), modules=modules, rootless=rootless)
    return compile_create(spec, facts, request)


def _check_terminal(spec: Spec, options: CreateOptions, attended: bool) -> None:
    terminal = bool(spec.process and spec.process.terminal)
    if terminal and not attended and not options.console_socket:
        raise OcipyError(
            "a detached container with a terminal needs --console-socket", property="process.terminal"
        )
    if options.console_socket and (attended or not terminal):
        raise OcipyError("--console-socket is for a detached container with a terminal", property="process.terminal")


def _record(id: str, options: CreateOptions, spec: Spec) -> dict[str, object]:
    bundle = os.path.abspath(options.bundle)
    nanoseconds = time.time_ns()
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(nanoseconds // 1_000_000_000))
    pid = next((namespace for namespace in spec.linux.namespaces if namespace.type == "pid"), None)
    record: dict[str, object] = {
        "ociVersion": OCI_VERSION,
        "id": id,
        "init_process_pid": 0,
        "init_process_start": 0,
        "created": f"{seconds}.{nanoseconds % 1_000_000_000:09}Z",
        "bundle": bundle,
        "rootfs": os.path.normpath(os.path.join(bundle, spec.root.path)) if spec.root else "",
        "annotations": dict(spec.annotations),
        "cgroup_paths": {},
        "own_pids": bool(pid and not pid.path),
        "program": spec.process is not None,
        "keyring": not options.no_new_keyring,
    }
    for kind in ("poststart", "poststop"):
        hooks = getattr(spec.hooks, kind)
        if hooks:
            record[kind] = [(hook.property, hook.path, hook.args, hook.env, hook.timeout) for hook in hooks]
    return record
