"""The runtimes under measurement, and the view of the host that each can work with."""

from __future__ import annotations

import ctypes
import os
import shutil
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass

CLONE_NEWNS = 0x00020000
MS_BIND = 0x1000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18
PR_SET_CHILD_SUBREAPER = 36
UNIFIED = "/sys/fs/cgroup/unified"

ENVIRONMENT = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}
INTERPRETER = ["/usr/bin/python3", "-I", "-S", "-c", "pass"]

libc = ctypes.CDLL(None, use_errno=True)


def check(result: int, what: str) -> None:
    """Raise OSError for a C function that failed."""
    if result == -1:
        error = ctypes.get_errno()
        raise OSError(error, f"{what}: {os.strerror(error)}")


def become_subreaper() -> None:
    """Let the containers' first processes be children of this process once `create` has left (prctl(2))."""
    check(libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0), "PR_SET_CHILD_SUBREAPER")


def libc_mount(source: str, target: str, kind: str, flags: int = 0) -> None:
    check(libc.mount(source.encode(), target.encode(), kind.encode(), flags, None), f"mount {target}")


class View:
    """The mount namespaces of this process: the host's own, and a copy of it in which a tmpfs covers `UNIFIED`.

    crun refuses a host with both versions of cgroups. The host's own mounts stay as they are.
    """

    def __init__(self) -> None:
        self.host = _own_namespace()
        self.legacy = self.host
        if not os.path.exists(UNIFIED + "/cgroup.procs"):
            return
        self.legacy = self.copy()
        with self.inside(self.legacy):
            libc_mount("tmpfs", UNIFIED, "tmpfs")

    def copy(self) -> int:
        """Makes a mount namespace like the host's, which passes nothing on to it; it ends with this process."""
        check(libc.unshare(CLONE_NEWNS), "unshare")
        try:
            libc_mount("", "/", "", MS_REC | MS_PRIVATE)
            return _own_namespace()
        finally:
            self._enter(self.host)

    @contextmanager
    def inside(self, namespace: int) -> Iterator[None]:
        """While the body runs, this process is in a mount namespace, and so is what it starts."""
        if namespace == self.host:
            yield
            return
        self._enter(namespace)
        try:
            yield
        finally:
            self._enter(self.host)

    def _enter(self, namespace: int) -> None:
        check(libc.setns(namespace, CLONE_NEWNS), "setns")


def _own_namespace() -> int:
    return os.open("/proc/self/ns/mnt", os.O_RDONLY | os.O_CLOEXEC)


@dataclass(frozen=True)
class Runtime:
    """A runtime: its name in the tables, its program, its own state directory, the namespace it is started in."""

    name: str
    path: str
    root: str
    view: View
    namespace: int

    def command(self, *arguments: str) -> list[str]:
        return [self.path, "--root", self.root, *arguments]

    def at_home(self) -> AbstractContextManager[None]:
        """While the body runs, this process is in the runtime's mount namespace, and so is what it starts."""
        return self.view.inside(self.namespace)


def find(given: list[str], states: str, checkout: str) -> list[Runtime]:
    """The runtimes to measure, ocipy first. `states` is where their state directories are to be.

    `given` are the NAME=PATH of the command line; a runtime that is not installed is left out.
    """
    paths = {"ocipy": os.path.join(checkout, "ocipy/bin/ocipy"), "runc": "runc", "crun": "crun"}
    for text in given:
        name, _, path = text.partition("=")
        paths[name] = path
    view = View()
    runtimes = []
    for name, path in paths.items():
        program = shutil.which(path, path=ENVIRONMENT["PATH"])
        if program is None:
            print(f"{name}: no {path}, left out", file=sys.stderr)
            continue
        root = os.path.join(states, "root-" + name)
        namespace = view.legacy if name == "crun" else view.host
        runtimes.append(Runtime(name, os.path.abspath(program), root, view, namespace))
    return runtimes
