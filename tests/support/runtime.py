"""The command line under test, run as a caller runs it, and what it left behind."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

from . import host
from .bundle import Bundle

LAUNCHER = Path(__file__).resolve().parents[2] / "ocipy/bin/ocipy"
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"}


def command() -> str:
    """The runtime under test: OCIPY_RUNTIME, or this checkout's launcher."""
    return os.environ.get("OCIPY_RUNTIME") or str(LAUNCHER)


class Result:
    """How a command ended. Its output is read when asked for: a container may go on writing to it."""

    def __init__(self, words: Sequence[str], code: int, files: tuple[Path, Path], seconds: float) -> None:
        self.words = words
        self.code = code
        self._out, self._err = files
        self.seconds = seconds

    @property
    def out(self) -> str:
        return self._out.read_text(errors="surrogateescape")

    @property
    def err(self) -> str:
        return self._err.read_text(errors="surrogateescape")

    def ok(self) -> Result:
        assert self.code == 0, self
        return self

    def refused(self, *said: str) -> Result:
        assert self.code != 0, self
        assert "Traceback" not in self.err, self
        for text in said:
            assert text.lower() in self.err.lower(), f"no {text!r} in: {self}"
        return self

    def __repr__(self) -> str:
        return f"exit code {self.code} of {' '.join(self.words)}\nout: {self.out}\nerr: {self.err}"


class Container:
    """A container that was created."""

    def __init__(self, runtime: Runtime, id: str, bundle: Bundle, result: Result, pid: int) -> None:
        self.runtime = runtime
        self.id = id
        self.bundle = bundle
        self.result = result
        self.pid = pid

    def output(self) -> str:
        return self.result.out

    def state(self) -> dict:
        return json.loads(self.runtime("state", self.id).ok().out)

    def status(self) -> str:
        return self.state()["status"]

    def start(self) -> Container:
        self.runtime("start", self.id).ok()
        return self

    def kill(self, *words: str) -> Result:
        return self.runtime("kill", self.id, *words)

    def delete(self, force: bool = False) -> Result:
        return self.runtime("delete", *(["--force"] if force else []), self.id)

    def wait(self) -> int:
        """Waits for the end of init and reaps it; gives its wait status."""
        ended: list[int] = []
        def reaped() -> bool:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            ended[:] = [status]
            return pid != 0
        host.wait_for(reaped, f"the end of init (pid {self.pid}) of {self.id}")
        return ended[0]

    def exec(self, *args: str, namespaces: Sequence[str] = ("-m", "-u", "-i", "-n", "-p", "-C")) -> str:
        """Runs a program in init's namespaces and gives what it printed."""
        root = f"/proc/{self.pid}/root"
        words = ["nsenter", "-t", str(self.pid), *namespaces, f"--root={root}", f"--wd={root}"]
        done = subprocess.run([*words, *args], capture_output=True, text=True, timeout=host.PATIENCE)
        assert done.returncode == 0, f"{args}: {done.stderr}"
        return done.stdout


class Runtime:
    """The command line with a state directory of its own; remembers all containers for the teardown."""

    systemd: bool = False  # whether it is asked to make all cgroups: conftest's --cgroup-manager
    _count = 0

    def __init__(self, scratch: Path) -> None:
        self.scratch = scratch
        self.root = Path(tempfile.mkdtemp(prefix="ocipy-test-", dir="/run"))
        self.ids: list[str] = []
        self._files = 0

    def __call__(
        self, *words: object, flags: Sequence[object] = (), env: Mapping[str, str] = ENVIRONMENT,
        cwd: str | Path | None = None, input: bytes = b"", timeout: float = 2 * host.PATIENCE,
        pass_fds: Sequence[int] = (), prefix: Sequence[object] = (),
    ) -> Result:  # fmt: skip
        """Runs the command; prefix: words before it, such as setpriv's."""
        full, files = self._prepare(words, flags)
        full[:0] = map(str, prefix)
        begin = time.monotonic()
        with open(files[0], "wb") as out, open(files[1], "wb") as err:
            done = subprocess.run(
                full, input=input, stdout=out, stderr=err, env=env, cwd=cwd, timeout=timeout, pass_fds=pass_fds
            )
        return Result(full, done.returncode, files, time.monotonic() - begin)

    def spawn(self, *words: object, flags: Sequence[object] = (), **options: object) -> subprocess.Popen:
        """Starts the command and goes on. Output goes to /dev/null unless options of Popen say else."""
        full, _files = self._prepare(words, flags)
        streams = dict.fromkeys(("stdin", "stdout", "stderr"), subprocess.DEVNULL)
        return subprocess.Popen(full, **{"env": ENVIRONMENT, **streams, **options})

    def _prepare(self, words: Sequence[object], flags: Sequence[object]) -> tuple[list[str], tuple[Path, Path]]:
        self._files += 1
        files = self.scratch / f"{self._files}.out", self.scratch / f"{self._files}.err"
        manager = ["--cgroup-manager", "systemd"] if self.systemd else []
        return [command(), "--root", str(self.root), *manager, *map(str, flags), *map(str, words)], files

    def new_id(self) -> str:
        Runtime._count += 1
        return self.adopt(f"ocipy-test-{os.getpid()}-{Runtime._count:04}")

    def adopt(self, id: str) -> str:
        self.ids.append(id)
        return id

    def run(
        self, bundle: Bundle, *args: str, id: str | None = None, options: Sequence[object] = (), **how: object
    ) -> Result:
        """A foreground `run`; args, when given, replace those of the bundle."""
        self._write(bundle, args)
        return self("run", "--bundle", bundle.path, *options, self.new_id() if id is None else id, **how)

    def created(
        self, bundle: Bundle, *args: str, id: str | None = None, options: Sequence[object] = (), **how: object
    ) -> Result:
        """The result of `create`, be it a failure."""
        self._write(bundle, args)
        return self("create", "--bundle", bundle.path, *options, self.new_id() if id is None else id, **how)

    def create(
        self, bundle: Bundle, *args: str, id: str | None = None, options: Sequence[object] = (), **how: object
    ) -> Container:
        id = id or self.new_id()
        words = list(map(str, options))
        if "--pid-file" not in words:
            words += ["--pid-file", str(self.scratch / f"{id}.pid")]
        pid_file = Path(words[words.index("--pid-file") + 1])
        result = self.created(bundle, *args, id=id, options=words, **how).ok()
        return Container(self, id, bundle, result, int(pid_file.read_text()))

    def start(self, bundle: Bundle, *args: str, **how: object) -> Container:
        return self.create(bundle, *args, **how).start()

    def _write(self, bundle: Bundle, args: Sequence[str]) -> None:
        if self.systemd and bundle.linux.get("cgroupsPath", "::").count(":") != 2:
            pytest.skip("linux.cgroupsPath is one of cgroupfs")
        if args:
            bundle.args(*args)
        bundle.write()

    @staticmethod
    def signal(pid: int, number: int = signal.SIGKILL) -> None:
        """Signals a process that the test found to be one of its own."""
        os.kill(pid, number)

    def close(self) -> list[str]:
        """Deletes all containers and gives what was left behind all the same, one line each (removed then)."""
        left: list[str] = []
        for id in self.ids:
            done = self("delete", "--force", id)
            if done.code:
                left.append(f"delete --force failed: {done}")
        for id in filter(None, self.ids):
            left += self._remains(id)
        left += [f"state: {name}" for name in host.statesnap(self.root)]
        subprocess.run(["rm", "-rf", "--one-file-system", self.root], check=False)
        return left

    def _remains(self, id: str) -> list[str]:
        for directory in host.cgsnap(id):
            if (directory / "freezer.state").exists():
                (directory / "freezer.state").write_text("THAWED")
        pids = host.processes_of(id)
        left = [f"process {pid} in a cgroup of {id}" for pid in pids if host.alive(pid)]
        for pid in pids:
            os.kill(pid, signal.SIGKILL)
            host.wait_for(lambda pid=pid: host.exited(pid), f"the end of {pid}")
        for directory in reversed(host.cgsnap(id)):
            left.append(f"cgroup {directory}")
            directory.rmdir()
        return left


def reap() -> list[int]:
    """Reaps all children that have ended; gives those that run on."""
    for pid in host.children("self"):
        try:
            os.waitpid(pid, os.WNOHANG)
        except ChildProcessError:
            pass
    return [pid for pid in host.children("self") if host.alive(pid)]


def end_all_but_init(box: Container) -> None:
    """Ends and reaps the processes that exec left to the tests: init ends only after all others of its namespace."""
    for pid in set(host.processes_of(box.id)) - {box.pid}:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def gone() -> bool:
        reap()
        # Zombies count: they, too, hold the namespace.
        return not set(host.children("self")) - {box.pid}

    host.wait_for(gone, f"the end of the processes of {box.id}")
