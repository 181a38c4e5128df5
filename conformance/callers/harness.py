"""What the scripts of all callers share: the image, the cases, and the removal of everything that a run made."""

from __future__ import annotations

import argparse
import contextlib
import ctypes
import errno
import hashlib
import io
import json
import os
import pty
import select
import shutil
import signal
import subprocess
import sys
import tarfile
import tempfile
import termios
import threading
import time
from collections.abc import Callable, Iterator
from typing import IO, Any

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.realpath(__file__))))
UNIFIED = "/sys/fs/cgroup/unified"
SYSTEMD, BUS = "/run/systemd", "/run/dbus"
IMAGE = "localhost/busybox:latest"
APPARMOR = os.path.exists("/sys/kernel/security/apparmor")  # the kernel runs it
VERSION_2 = os.path.exists("/sys/fs/cgroup/cgroup.controllers")  # version 2 of cgroups alone
READ_PROFILE = "cat /proc/self/attr/apparmor/current 2>/dev/null || echo none"
TWICE_TOO_MUCH = (
    "until test -e /go; do sleep 0.1; done; tail /dev/zero; until test -e /end; do sleep 0.1; done; exec tail /dev/zero"
)
PATIENCE = float(os.environ.get("OCIPY_TEST_PATIENCE", "60"))  # seconds: a case that waits longer has failed
PR_SET_CHILD_SUBREAPER = 36
CLONE_NEWNS = 0x20000
CLONE_NEWNET = 0x40000000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
MNT_DETACH = 2

libc = ctypes.CDLL(None, use_errno=True)


class Failure(Exception):
    """A case that did not go as it should; the text says what was seen."""


class Result:
    """How a command ended: its exit status, output and error output."""

    def __init__(self, command: list[str], status: int, output: str, errors: str) -> None:
        self.command = command
        self.status = status
        self.output = output
        self.errors = errors

    def expect(self, status: int | None = None, output: str | None = None, errors: str | None = None) -> Result:
        """Raise Failure unless the exit status and the output are these, and these words are in the error output."""
        good = status in (None, self.status) and output in (None, self.output.strip().replace("\r", ""))
        if not good or (errors or "") not in self.errors:
            raise Failure(f"exit status {self.status}, output {self.output[:300]!r}, errors {self.errors[-500:]!r}")
        return self


class Caller:
    """One run of a caller: its private directory, its command line, its cases.

    `base` is the command with the options of every call, `name` is unique on this machine: containers and cgroups bear
    it, and nothing else does; `other_cgroups` gives the names of cgroups that are the run's but do not bear it. With
    directories in `alone`, these are empty and private, and so is the network: sockets, bridges and rules of the packet
    filter go with the run.

    `parent` is the cgroup of all containers, as callers take it: a path below the mount points or, where `systemd`
    manages the cgroups, a slice.
    """

    def __init__(self, program: str, packages: list[str], alone: tuple[str, ...] = ()) -> None:
        parser = argparse.ArgumentParser(description=f"Run containers of busybox through {program}.")
        parser.add_argument("--runtime", default="ocipy", help="ocipy (this checkout's), runc, crun or a path")
        only = "only the cases whose name has these words; may be given again"
        parser.add_argument("--only", default=[], action="append", metavar="WORDS", help=only)
        managers = "cgroupfs", "systemd"
        parser.add_argument("--cgroup-manager", default="cgroupfs", choices=managers, help="what makes the cgroups")
        given = parser.parse_args()
        self.runtime_name: str = given.runtime
        self.only: list[str] = given.only
        self.cgroup_manager: str = given.cgroup_manager
        self.systemd = self.cgroup_manager == "systemd"
        if os.geteuid() != 0:
            parser.error("needs root")
        if self.systemd and not os.path.isdir(SYSTEMD + "/system"):
            parser.error("systemd does not run here")
        install([*packages, "busybox-static"])
        self.runtime = find_runtime(self.runtime_name)
        if alone:
            leave_host(CLONE_NEWNS | CLONE_NEWNET, *alone, kept=(SYSTEMD, BUS) if self.systemd else ())
            subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
        if os.path.basename(self.runtime) == "crun" and os.path.exists(UNIFIED + "/cgroup.procs"):
            leave_host(CLONE_NEWNS, UNIFIED)  # crun refuses a host with both versions of cgroups.
        self.name = f"ocipy-callers-{os.getpid()}"
        # A hyphen in the name of a slice would stand for a slice above it.
        self.parent = self.name.replace("-", "_") + ".slice" if self.systemd else "/" + self.name
        self.directory = tempfile.mkdtemp(prefix=self.name + "-")
        self.base = [program]
        self.environment = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root"}
        self.other_cgroups: Callable[[], list[str]] = list
        self.cases: list[tuple[str, Callable[[], object]]] = []
        self.number = 0
        self.lock = threading.Lock()
        print(f"{program}, runtime {self.runtime}, cgroups by {self.cgroup_manager}")

    def path(self, name: str) -> str:
        return os.path.join(self.directory, name)

    def container(self) -> str:
        """A name for one more container; cases ask in many threads at once, too."""
        with self.lock:
            self.number += 1
            return f"{self.name}-{self.number}"

    def call(self, *arguments: str, given: str = "") -> Result:
        """Call the caller and wait for its end. `given` is its standard input."""
        return self.command(*self.base, *arguments, given=given)

    def command(self, *command: str, given: str = "", output: IO[str] | None = None) -> Result:
        """Call another program in the same way. `output`: an open file for its output and error output."""
        to: dict[str, Any] = {"stdout": output or subprocess.PIPE, "stderr": output or subprocess.PIPE}
        try:
            done = subprocess.run(command, input=given, env=self.environment, text=True, timeout=PATIENCE, **to)
        except subprocess.TimeoutExpired as late:
            raise Failure(f"no end after {PATIENCE:.0f} s: {late.stdout!r} {late.stderr!r}") from None
        return Result(list(command), done.returncode, done.stdout or "", done.stderr or "")

    def call_on_terminal(
        self, *arguments: str, typed: str = "", then: tuple[str, str] = ("", ""), size: tuple[int, int] = (24, 80)
    ) -> Result:
        """Call the caller on a terminal of its own; all that the terminal shows is the output.

        `typed` is what a person types ahead, `then` a text and what is typed once that is shown, `size` is in lines and
        columns.
        """
        return self.command_on_terminal(*self.base, *arguments, typed=typed, then=then, size=size)

    def command_on_terminal(
        self, *command: str, typed: str = "", then: tuple[str, str] = ("", ""), size: tuple[int, int] = (24, 80)
    ) -> Result:
        """Call another program in the same way."""
        awaited, answer = (text.encode() for text in then)
        pid, terminal = pty.fork()
        if pid == 0:
            termios.tcsetwinsize(0, size)
            os.execvpe(command[0], command, {**self.environment, "TERM": "dumb"})
        shown, limit = b"", time.monotonic() + PATIENCE
        os.write(terminal, typed.encode())
        with open(terminal, "rb", buffering=0) as reader:
            while select.select([reader], [], [], max(0.0, limit - time.monotonic()))[0]:
                try:
                    piece = reader.read(4096)
                except OSError:  # EIO: the last descriptor of the other side is closed.
                    break
                shown += piece or b""
                if answer and awaited in shown:
                    os.write(terminal, answer)
                    answer = b""
            else:
                os.kill(pid, signal.SIGKILL)
        return Result(list(command), os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), shown.decode(), "")

    def case(self, function: Callable[[], object]) -> Callable[[], object]:
        """Decorator: the function is a case, its name the promise. It raises Failure when that is not kept."""
        name = function.__name__.replace("_", " ")
        if not self.only or any(words in name for words in self.only):
            self.cases.append((name, function))
        return function

    def run(self, prepare: Callable[[], None], discard: Callable[[], object]) -> int:
        """Prepare, run all cases, clean up. Gives the exit status.

        `discard` removes all containers in the caller's own way, after a case that failed and at the end.
        """
        for number in signal.SIGINT, signal.SIGTERM:
            signal.signal(number, lambda number, _: sys.exit(128 + number))
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # All that a caller leaves behind becomes our child.
        if self.systemd:
            before = scopes()

            def no_scope_is_left() -> None:
                with contextlib.suppress(Failure):  # It says below what is left.
                    wait_until(lambda: scopes() <= before, "no scope is left")
                if left := scopes() - before:
                    raise Failure(f"left: {left}")

            self.cases.append(("no scope is left in systemd", no_scope_is_left))
        failed = 0
        try:
            prepare()
            for name, function in self.cases:
                try:
                    function()
                    print(f"ok      {name}", flush=True)
                except (Failure, OSError) as failure:
                    failed += 1
                    print(f"FAILED  {name}: {failure}", flush=True)
                    discard()
        finally:
            with contextlib.suppress(Failure, OSError):  # The caller may be what hangs or was not installed.
                discard()
            end_descendants()
            unmount_below(self.directory)
            if self.systemd:
                subprocess.run(["systemctl", "stop", self.parent], check=True)
            for name in self.name, *self.other_cgroups():
                remove_cgroups(name)
            shutil.rmtree(self.directory)
        print(f"{len(self.cases) - failed} passed, {failed} failed")
        return 1 if failed else 0


def leave_host(namespaces: int, *covered: str, kept: tuple[str, ...] = ()) -> None:
    """Enter new namespaces, a mount namespace among them, in which an empty tmpfs covers each of these directories.

    Of what is below them, the kept directories stay.
    """
    if libc.unshare(namespaces) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError(ctypes.get_errno(), "unshare(2), mount(2)")
    opened = [os.open(directory, os.O_PATH) for directory in kept]
    for directory in covered:
        if libc.mount(b"tmpfs", directory.encode(), b"tmpfs", 0, b"mode=755"):
            raise OSError(ctypes.get_errno(), "mount(2)", directory)
    for directory, descriptor in zip(kept, opened, strict=True):
        os.makedirs(directory)
        bind(f"/proc/self/fd/{descriptor}", directory)
        os.close(descriptor)


def bind(source: str, target: str) -> None:
    if libc.mount(source.encode(), target.encode(), None, MS_BIND | MS_REC, None):
        raise OSError(ctypes.get_errno(), "mount(2)", target)


def find_runtime(name: str) -> str:
    """The absolute path of a runtime given by name or path. SystemExit when there is none."""
    path = os.path.join(CHECKOUT, "ocipy/bin/ocipy") if name == "ocipy" else shutil.which(name)
    if path is None:
        sys.exit(f"--runtime {name}: no such program")
    return os.path.abspath(path)


def install(packages: list[str]) -> None:
    """Install the Debian packages that are missing. No daemon is started by that."""
    query = ["dpkg-query", "-W", "-f", "${Package} ${db:Status-Abbrev}\n", *packages]
    known = subprocess.run(query, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True).stdout
    missing = [package for package in packages if f"{package} ii" not in known]
    if not missing:
        return
    print("installing", *missing, flush=True)
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    apt = ["apt-get", "-qq", "-o", "DPkg::Lock::Timeout=600"]
    with no_daemons():
        for command in ["update"], ["-y", "--no-install-recommends", "install", *missing]:
            subprocess.run([*apt, *command], env=environment, stdin=subprocess.DEVNULL, stdout=sys.stderr, check=True)


@contextlib.contextmanager
def no_daemons() -> Iterator[None]:
    """Packages start no daemon meanwhile: invoke-rc.d(8) asks a policy, which is ours unless the machine has one."""
    policy = "/usr/sbin/policy-rc.d"
    if os.path.lexists(policy):
        yield
        return
    with open(policy, "x") as script:
        os.fchmod(script.fileno(), 0o755)
        script.write("#!/bin/sh\nexit 101\n")
    try:
        yield
    finally:
        os.unlink(policy)


def root_archive() -> bytes:
    """A tar archive of a root file system: busybox with all its commands, users root and nobody."""
    busybox = "/bin/busybox"
    applets = subprocess.run([busybox, "--list"], stdout=subprocess.PIPE, text=True, check=True).stdout.split()
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w") as archive:

        def add(name: str, mode: int, content: bytes = b"", kind: bytes = tarfile.REGTYPE, target: str = "") -> None:
            entry = tarfile.TarInfo(name)
            entry.mode, entry.type, entry.linkname, entry.size = mode, kind, target, len(content)
            archive.addfile(entry, io.BytesIO(content))

        for directory in "bin", "dev", "etc", "proc", "run", "sys", "tmp":
            add(directory, 0o1777 if directory == "tmp" else 0o755, kind=tarfile.DIRTYPE)
        with open(busybox, "rb") as program:
            add("bin/busybox", 0o755, program.read())
        for applet in applets:
            if applet != "busybox":
                add(f"bin/{applet}", 0o777, kind=tarfile.SYMTYPE, target="busybox")
        add("etc/passwd", 0o644, b"root:x:0:0:root:/:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n")
        add("etc/group", 0o644, b"root:x:0:\nnobody:x:65534:\n")
    return stream.getvalue()


def write_image(path: str, command: tuple[str, ...] = ("sh",)) -> None:
    """An image archive in docker's form, which every caller can load; it is named IMAGE and runs `command`."""
    layer = root_archive()
    config = json.dumps({
        "architecture": "amd64", "os": "linux", "config": {"Env": ["PATH=/bin"], "Cmd": command},
        "history": [{"created_by": "busybox"}],
        "rootfs": {"type": "layers", "diff_ids": ["sha256:" + hashlib.sha256(layer).hexdigest()]},
    }).encode()  # fmt: skip
    manifest = json.dumps([{"Config": "config.json", "RepoTags": [IMAGE], "Layers": ["layer.tar"]}]).encode()
    with tarfile.open(path, "w") as archive:
        for name, content in ("layer.tar", layer), ("config.json", config), ("manifest.json", manifest):
            entry = tarfile.TarInfo(name)
            entry.size = len(content)
            archive.addfile(entry, io.BytesIO(content))


def wait_until(condition: Callable[[], bool], what: str) -> None:
    """Raise Failure when a condition does not become true in time."""
    limit = time.monotonic() + PATIENCE
    while not condition():
        if time.monotonic() > limit:
            raise Failure(f"{what}: not after {PATIENCE:.0f} s")
        time.sleep(0.05)


def children(pid: int) -> list[int]:
    """The children of a process: all its threads' (proc_pid_task_children(5))."""
    found: list[int] = []
    try:
        for thread in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{thread}/children") as text:
                found += map(int, text.read().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def end_descendants() -> None:
    """Kill every process below this one. What a killed one leaves becomes our child, so repeat until there is none."""
    while below := children(os.getpid()):
        for pid in below:
            with contextlib.suppress(ProcessLookupError):  # A thread of a caller's may have reaped it.
                os.kill(pid, signal.SIGKILL)
        with contextlib.suppress(ChildProcessError):  # Any: an init waits for what entered its namespace from outside.
            os.waitpid(-1, 0)


def unmount_below(directory: str) -> None:
    """Detach every mount below a directory, the last one first."""
    with open("/proc/self/mountinfo") as table:
        points = [line.split()[4] for line in table]
    for point in reversed(points):
        if point.startswith(directory + "/"):
            libc.umount2(point.encode(), MNT_DETACH)


def cgroups() -> list[str]:
    """All cgroups of the host; what crun leaves in the tmpfs that hides a hierarchy from it is none."""
    return [path for path, _, files in os.walk("/sys/fs/cgroup") if {"tasks", "cgroup.controllers"} & set(files)]


def scopes() -> set[str]:
    """The scopes that systemd knows of: also those that failed and are kept for that."""
    command = ["systemctl", "list-units", "--all", "--plain", "--no-legend", "--type", "scope"]
    table = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=True).stdout
    return {line.split()[0] for line in table.splitlines()}


def remove_cgroups(name: str) -> None:
    """Remove the cgroups below the ones of this name, of every hierarchy."""
    for path, _, _ in os.walk("/sys/fs/cgroup", topdown=False):
        if f"/{name}/" in path + "/":
            try:
                os.rmdir(path)
            except OSError as error:
                if error.errno != errno.ENOTEMPTY:  # What crun wrote to the tmpfs over UNIFIED; it goes with us.
                    raise


def setting(group: str, controller: str, version_1: str, version_2: str) -> str:
    """A file of a cgroup, read on the host. `group` is its path below a mount point; the name differs by version."""
    path = f"/sys/fs/cgroup/{group}/{version_2}" if VERSION_2 else f"/sys/fs/cgroup/{controller}/{group}/{version_1}"
    with open(path) as file:
        return file.read().strip()


def let_go(pid: int | str, file: str = "go") -> None:
    """Let a container's script go on that waits for /go; `pid` is its process.

    Not by exec: the end of one that ends together with its container is lost by some callers.
    """
    with open(f"/proc/{pid}/root/{file}", "x"):
        pass


def run_out_of_memory(pid: int | str, known: Callable[[], bool]) -> None:
    """Let TWICE_TOO_MUCH take too much memory, and again, which ends it, once the caller knows of the first time.

    On v2 a shim, whose child the process is, begins to watch for that only after it has said that the container runs,
    and stops as soon as there is no process left, whatever it has heard by then.
    """
    if VERSION_2:
        wait_until(lambda: _parent_watches_memory(pid), "the shim watches for a lack of memory")
    let_go(pid)
    wait_until(known, "the lack of memory is known")
    let_go(pid, "end")


def _parent_watches_memory(pid: int | str) -> bool:
    with open(f"/proc/{pid}/cgroup") as file:
        group = file.read().strip().removeprefix("0::")
    watched = f"ino:{os.stat(f'/sys/fs/cgroup{group}/memory.events').st_ino:x} "
    with open(f"/proc/{pid}/status") as file:
        parent = file.read().partition("PPid:")[2].split()[0]
    return any(watched in text for text in _descriptors(parent))


def _descriptors(pid: str) -> Iterator[str]:
    """What /proc tells of each descriptor of a process: of inotify(7) the files that it watches."""
    for descriptor in os.listdir(f"/proc/{pid}/fdinfo"):
        try:
            with open(f"/proc/{pid}/fdinfo/{descriptor}") as file:
                yield file.read()
        except FileNotFoundError:
            # Closed meanwhile.
            continue


def confined_by(profile: str) -> str:
    """What READ_PROFILE says in a container that has the profile of its engine, where the kernel runs AppArmor."""
    return f"{profile} (enforce)" if APPARMOR else "none"


def memory_limit_of(group: str) -> str:
    """The limit of memory of a cgroup: bytes as text."""
    return setting(group, "memory", "memory.limit_in_bytes", "memory.max")
