"""A containerd of our own, private in everything and driven by ctr: what the cases of `containerd` share."""

from __future__ import annotations

import hashlib
import os
import pathlib
import subprocess
from collections.abc import Callable

from harness import IMAGE, PATIENCE, Caller, Failure, Result, cgroups, wait_until, write_image

CONFIG = """\
version = 2
root = "{directory}/root"
state = "{directory}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri", "io.containerd.internal.v1.opt"]
[grpc]
address = "{directory}/socket"
"""

caller = Caller("ctr", ["containerd"])
caller.base += ["--address", caller.path("socket"), "--namespace", caller.name]
daemons: list[subprocess.Popen[bytes]] = []  # all that were started; the last one may be alive


def start_daemon() -> None:
    with open(caller.path("log"), "a") as log:
        daemons.append(subprocess.Popen(["containerd", "--config", caller.path("config.toml")], stdout=log, stderr=log))
    wait_until(lambda: caller.call("version").status == 0, "containerd answers")


def stop_daemon() -> None:
    daemons[-1].terminate()
    daemons[-1].wait(PATIENCE)


def prepare() -> None:
    os.chmod(caller.directory, 0o711)  # The root user of a user namespace passes through it.
    with open(caller.path("config.toml"), "w") as config:
        config.write(CONFIG.format(directory=caller.directory))
    start_daemon()
    write_image(caller.path("image.tar"))
    caller.call("image", "import", "--snapshotter", "native", caller.path("image.tar")).expect(status=0)


def discard() -> None:
    if daemons[-1].poll() is not None:
        start_daemon()
    for name in caller.call("container", "list", "--quiet").output.split():
        remove(name)
    for number in range(1, caller.number + 1):
        shim_socket(f"{caller.name}-{number}").unlink(missing_ok=True)


def options(name: str, *more: str) -> list[str]:
    """What `ctr run` needs to start a container of our image with the runtime, up to the command."""
    return ["run", *own_options(name), *more, IMAGE, name]


def own_options(name: str) -> list[str]:
    """The options of `ctr run` that keep a container to our directory, to the runtime and to the manager of cgroups."""
    runtime = ["--runc-binary", caller.runtime, "--runc-root", caller.path("runtime")]
    if caller.systemd:
        runtime += ["--runc-systemd-cgroup", "--cgroup", f"{caller.parent}:ctr:{name}"]
    return ["--snapshotter", "native", *runtime, "--fifo-dir", caller.path("fifo")]


def cgroup_of(name: str) -> str:
    """The path of a container's cgroup below a mount point."""
    return f"{caller.parent}/ctr-{name}.scope" if caller.systemd else f"{caller.parent}/{name}"


def run(*command: str, flags: tuple[str, ...] = (), given: str = "") -> Result:
    """A container in the foreground that is removed at its end."""
    return repeated(lambda: caller.call(*options(caller.container(), "--rm", *flags), *command, given=given))


def repeated(call: Callable[[], Result]) -> Result:
    """The result of a call, which is repeated twice as long as it shows nothing.

    The shim opens the pipes to ctr when the runtime has done its work, and ctr gives up those that it has not opened
    when it hears of the end: with any runtime, the output of a command that ends at once is lost now and then.
    """
    for _ in range(3):
        result = call()
        if result.output or result.errors:
            break
    return result


def run_detached(script: str, *flags: str) -> str:
    """A shell script in a container in the background. Gives the container's name."""
    name = caller.container()
    caller.call(*options(name, "--detach", *flags), "sh", "-c", script).expect(status=0)
    return name


def exec_options(name: str, *flags: str) -> list[str]:
    return ["task", "exec", "--fifo-dir", caller.path("fifo"), "--exec-id", caller.container(), *flags, name]


def execute(name: str, *command: str, flags: tuple[str, ...] = (), given: str = "") -> Result:
    """One more process in a container, in the foreground."""
    return repeated(lambda: caller.call(*exec_options(name, *flags), *command, given=given))


def remove(name: str) -> None:
    caller.call("task", "delete", "--force", name)
    caller.call("container", "delete", name)


def expect_end(name: str, status: int) -> None:
    """Wait for the end of a task and remove its container. Raise Failure when it did not end with this exit status."""
    wait_until(lambda: is_task(name, "STOPPED"), f"the task {name} is stopped")
    caller.call("task", "delete", name).expect(errors=f"exit code {status}" if status else None)
    caller.call("container", "delete", name).expect(status=0)


def tasks() -> dict[str, tuple[int, str]]:
    """The PID and the status of each task."""
    table = [line.split() for line in caller.call("task", "list").expect(status=0).output.splitlines()[1:]]
    return {name: (int(pid), status) for name, pid, status in table}


def is_task(name: str, status: str) -> bool:
    return tasks().get(name, (0, ""))[1] == status


def pid_of(name: str) -> int:
    return tasks()[name][0]


def expect_running(name: str) -> None:
    """Raise Failure unless a task is running and takes a command."""
    wait_until(lambda: is_task(name, "RUNNING"), f"the task {name} is running")
    execute(name, "echo", "alive").expect(status=0, output="alive")


def processes(name: str) -> list[str]:
    """The lines of `ctr task ps`: PID and what is known of it."""
    return caller.call("task", "ps", name).expect(status=0).output.splitlines()[1:]


def in_root(name: str, path: str) -> str:
    """The path on the host of a file of a container."""
    return caller.path(f"state/io.containerd.runtime.v2.task/{caller.name}/{name}/rootfs{path}")


def await_file(name: str, path: str) -> None:
    wait_until(lambda: os.path.exists(in_root(name, path)), f"{path} in {name}")


def shims(names: set[str]) -> list[int]:
    """The shims that serve these containers; one that is a zombie has no words."""
    found = []
    for entry in filter(str.isdigit, os.listdir("/proc")):
        try:
            program, *words = pathlib.Path("/proc", entry, "cmdline").read_text(errors="replace").split("\0")
        except (FileNotFoundError, ProcessLookupError):
            continue
        if program.endswith("containerd-shim-runc-v2") and names & set(words):
            found.append(int(entry))
    return found


def shim_socket(name: str) -> pathlib.Path:
    """The socket of a container's shim: it bears the hash of what it serves."""
    served = f"{caller.path('socket')}/{caller.name}/{name}"
    return pathlib.Path("/run/containerd/s", hashlib.sha256(served.encode()).hexdigest())


def leftovers(names: set[str], *pids: int) -> list[str]:
    """What there is on the host of these containers and processes."""
    mounts = [line.split()[4] for line in pathlib.Path("/proc/self/mountinfo").read_text().splitlines()]
    places = [in_root(name, "") for name in names] + [caller.path(f"runtime/{caller.name}/{name}") for name in names]
    groups = [path for path in cgroups() for name in names if path.endswith(cgroup_of(name))]
    found = groups + [path for path in mounts if names & set(path.split("/"))]
    found += filter(os.path.exists, places)
    return found + [f"shim {pid}" for pid in shims(names)] + [f"process {pid}" for pid in pids if is_alive(pid)]


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie (proc_pid_stat(5))."""
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def expect_nothing_left(name: str, *pids: int) -> None:
    """Raise Failure unless all that was of a container is gone, at once or soon."""
    try:
        wait_until(lambda: not leftovers({name}, *pids), f"nothing left of {name}")
    except Failure:
        raise Failure(f"left of {name}: {leftovers({name}, *pids)}") from None
