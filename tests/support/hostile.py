"""Hostile images and neighbours: what may not be touched, what stands in the way, and who moves it meanwhile."""

from __future__ import annotations

import ctypes
import fcntl
import hashlib
import os
import re
import select
import shutil
import signal
import socket
import stat
import struct
import threading
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ocipy.linux.libc import _SAME as NUMBERS

from . import host
from .bundle import Bundle
from .runtime import Result, Runtime, command

LIMIT = host.PATIENCE  # seconds after which a command counts as hung
TOKEN = "the-program-ran"
RENAME_EXCHANGE = 2
_libc = ctypes.CDLL(None, use_errno=True)


class Canary:
    """A tree of the host outside every root file system; `check` fails if anything of it was changed."""

    def __init__(self, path: Path) -> None:
        self.path = path
        for name in ("sub", "pts", "shm", "empty"):
            (path / name).mkdir(parents=True)
        for name in ("file", "ptmx", "passwd", "sub/file", "pts/0", "pts/ptmx"):
            (path / name).write_text(f"untouched {name}")
        self.file = path / "file"
        self.before = self.look()

    def look(self) -> dict[str, tuple]:
        return {
            str(entry.relative_to(self.path)): _fingerprint(entry)
            for entry in (self.path, *sorted(self.path.rglob("*")))
        }

    def check(self) -> None:
        now = self.look()
        changed = {name for name in self.before.keys() | now.keys() if self.before.get(name) != now.get(name)}
        assert not changed, f"changed outside the container: {sorted(changed)}"


def _fingerprint(path: Path) -> tuple:
    status = path.lstat()
    content = hashlib.sha256(path.read_bytes()).hexdigest() if stat.S_ISREG(status.st_mode) else ""
    return status.st_mode, status.st_uid, status.st_gid, status.st_rdev, status.st_mtime_ns, status.st_ctime_ns, content


class Attempt:
    """Runs a bundle that may be refused or contained, but must neither hang nor reach out of the container."""

    def __init__(self, ocipy: Runtime) -> None:
        self.ocipy = ocipy

    def __call__(self, bundle: Bundle, script: str | None = None, **how: object) -> Result:
        """A foreground run; script: the program, after which TOKEN is printed. It must leave nothing in any case."""
        if script is not None:
            bundle.shell(f"{script}\necho {TOKEN}")
        id = self.ocipy.new_id()
        result = self.ocipy.run(bundle, id=id, **{"timeout": LIMIT, **how})
        assert_nothing_left(self.ocipy, id)
        return result

    def refused(self, bundle: Bundle, *words: str, **how: object) -> Result:
        """The container is not made, for a reason that is told in one line and with these words."""
        result = self(bundle, f"echo {TOKEN}", **how) if "script" not in how else self(bundle, **how)
        return check_refusal(result, *words)

    def contained(self, bundle: Bundle, script: str = ":", **how: object) -> str:
        """The container runs; gives the program's output."""
        result = self(bundle, script, **how).ok()
        assert TOKEN in result.out, result
        return result.out.replace(f"{TOKEN}\n", "")

    def either(self, bundle: Bundle, script: str = ":", **how: object) -> Result:
        """Refused in one line, or run to the end of the script."""
        result = self(bundle, script, **how)
        if result.code:
            check_refusal(result)
        else:
            assert TOKEN in result.out, result
        return result


def check_refusal(result: Result, *words: str) -> Result:
    result.refused(*words)
    lines = [line for line in result.err.splitlines() if "warning" not in line]
    assert len(lines) == 1 and lines[0].startswith("ocipy: "), result
    assert "internal error" not in result.err, result
    assert TOKEN not in result.out, result
    return result


def assert_nothing_left(ocipy: Runtime, id: str) -> None:
    """No state and no cgroup, and so no process in one. The teardown need not look after this container then."""
    assert [name for name in host.statesnap(ocipy.root) if name.partition("/")[0] == id] == []
    assert host.cgsnap(id) == []
    ocipy.ids.remove(id)


# --- hostile objects


def remove(path: Path) -> None:
    if not os.path.lexists(path):
        return
    if stat.S_ISDIR(path.lstat().st_mode):
        shutil.rmtree(path)
    else:
        path.unlink()


def _link(path: Path, target: object) -> None:
    path.symlink_to(str(target))


def _socket(path: Path) -> None:
    here = os.open(path.parent, os.O_PATH)
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"/proc/self/fd/{here}/{path.name}")
    os.close(here)


KINDS: dict[str, Callable[[Path, Canary], object]] = {
    "absolute link to a directory": lambda path, canary: _link(path, canary.path),
    "absolute link to a file": lambda path, canary: _link(path, canary.file),
    "absolute link to nothing": lambda path, canary: _link(path, canary.path / "new"),
    "relative link": lambda path, canary: _link(path, "../" * 20 + str(canary.path)[1:]),
    "link to a descriptor": lambda path, canary: _link(path, "/proc/self/fd/4"),
    "link to the host's root": lambda path, canary: _link(path, f"/proc/self/root{canary.path}"),
    "link through init": lambda path, canary: _link(path, f"/proc/1/cwd{canary.path}"),
    "loop": lambda path, canary: _link(path, path.name),
    "FIFO": lambda path, canary: os.mkfifo(path),
    "socket": lambda path, canary: _socket(path),
    "device": lambda path, canary: os.mknod(path, 0o666 | stat.S_IFCHR, os.makedev(1, 5)),
    "file": lambda path, canary: path.write_text("false"),
    "directory": lambda path, canary: path.mkdir(),
    "closed directory": lambda path, canary: path.mkdir(mode=0),
}


def plant(path: Path, kind: str, canary: Canary) -> None:
    """Puts an object of that kind in the place of whatever is there."""
    remove(path)
    path.parent.mkdir(parents=True, exist_ok=True)
    KINDS[kind](path, canary)


# --- neighbours


def exchange(directory: Path, one: str, other: str) -> None:
    here = os.open(directory, os.O_PATH | os.O_DIRECTORY)
    try:
        assert _libc.renameat2(here, one.encode(), here, other.encode(), RENAME_EXCHANGE) == 0
    finally:
        os.close(here)


class Swapper:
    """A process that exchanges two names of a directory for as long as the `with` block lasts."""

    def __init__(self, directory: Path, one: str, other: str) -> None:
        self.arguments = directory, one.encode(), other.encode()

    def __enter__(self) -> Swapper:
        directory, one, other = self.arguments
        self.pid = os.fork()
        if self.pid == 0:
            try:
                here = os.open(directory, os.O_PATH | os.O_DIRECTORY)
                while _libc.renameat2(here, one, here, other, RENAME_EXCHANGE) == 0:
                    pass
            finally:
                os._exit(1)
        return self

    def __exit__(self, *_error: object) -> None:
        os.kill(self.pid, signal.SIGKILL)
        assert os.WIFSIGNALED(os.waitpid(self.pid, 0)[1]), "the swapper could not swap"


class Call(NamedTuple):
    """A system call that waits for leave to go on. path: its first path argument that is one."""

    index: int
    name: str
    pid: int
    path: bytes


class Pauser:
    """Stops the runtime before each of the named system calls: the race that a swapper has to win by luck.

    before: called with each Call; the system call goes on when it returns (seccomp_unotify(2)).
    """

    def __init__(self, names: tuple[str, ...], before: Callable[[Call], object]) -> None:
        self.numbers = {NUMBERS[name]: name for name in names}
        self.before = before
        self.calls: list[Call] = []
        self.failure: BaseException | None = None

    def run(self, ocipy: Runtime, *words: object, flags: tuple = ()) -> Result:
        files = ocipy.scratch / "paused.out", ocipy.scratch / "paused.err"
        here, there = socket.socketpair()
        with open(files[0], "wb") as out, open(files[1], "wb") as err, here, there:
            process = ocipy.spawn(
                *words, flags=flags, stdout=out, stderr=err, pass_fds=(there.fileno(),),
                preexec_fn=lambda: self._install(there),
            )  # fmt: skip
            _data, descriptors, _flags, _address = socket.recv_fds(here, 1, 1)
        server = threading.Thread(target=self._serve, args=(descriptors[0],))
        server.start()
        try:
            code = process.wait(LIMIT)
        finally:
            process.kill()
            process.wait()
            server.join(LIMIT)
        if self.failure:
            raise self.failure
        return Result([str(word) for word in words], code, files, 0)

    def _install(self, there: socket.socket) -> None:
        lines = [(0x20, 0, 0, 0)]  # load the number of the call
        for number in self.numbers:
            lines += [(0x15, 0, 1, number), (0x06, 0, 0, 0x7FC00000)]  # SECCOMP_RET_USER_NOTIF
        lines.append((0x06, 0, 0, 0x7FFF0000))  # SECCOMP_RET_ALLOW
        program = ctypes.create_string_buffer(b"".join(struct.pack("HBBI", *line) for line in lines))
        filter = struct.pack("HxxxxxxQ", len(lines), ctypes.addressof(program))
        number = 317 if os.uname().machine == "x86_64" else 277
        listener = _libc.syscall(number, 1, 8, filter)  # SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_NEW_LISTENER
        socket.send_fds(there, [b"x"], [listener])
        os.close(listener)

    def _serve(self, listener: int) -> None:
        poll = select.poll()
        poll.register(listener, select.POLLIN)
        try:
            while not any(event & select.POLLHUP for _fd, event in poll.poll()):
                request = bytearray(80)
                try:
                    fcntl.ioctl(listener, 0xC0502100, request)  # SECCOMP_IOCTL_NOTIF_RECV
                except FileNotFoundError:
                    continue
                id, pid, _flags, number = struct.unpack_from("QIIi", request)
                self._pause(pid, number, struct.unpack_from("6Q", request, 32))
                try:
                    # SECCOMP_IOCTL_NOTIF_SEND with SECCOMP_USER_NOTIF_FLAG_CONTINUE
                    fcntl.ioctl(listener, 0xC0182101, struct.pack("QqiI", id, 0, 0, 1))
                except FileNotFoundError:
                    continue
        finally:
            os.close(listener)

    def _pause(self, pid: int, number: int, arguments: tuple[int, ...]) -> None:
        call = Call(len(self.calls), self.numbers[number], pid, _text(pid, arguments[1]))
        self.calls.append(call)
        try:
            self.before(call)
        except BaseException as failure:  # told by the thread that waits
            self.failure = failure


def _text(pid: int, address: int) -> bytes:
    try:
        memory = os.open(f"/proc/{pid}/mem", os.O_RDONLY)
    except OSError:
        return b""
    try:
        return os.pread(memory, 256, address).partition(b"\0")[0]
    except OSError:
        return b""
    finally:
        os.close(memory)


# --- a look at the system calls


class Trace:
    """The command line under strace(1). `calls` gives, per process, its system calls with their arguments."""

    def __init__(self, scratch: Path, expression: str) -> None:
        self.directory = scratch / "trace"
        self.directory.mkdir()
        self.command = scratch / "traced"
        self.command.write_text(
            f"#!/bin/sh\nexec strace -ff -qq -s 256 -e trace={expression} -o {self.directory}/t {command()} \"$@\"\n"
        )
        self.command.chmod(0o755)

    def calls(self, of: str) -> list[tuple[str, str, str]]:
        """Name, arguments and result of all calls of the process that made the call `of`."""
        for file in self.directory.iterdir():
            lines = [re.fullmatch(r"(\w+)\((.*)\)\s+= (.*)", line) for line in file.read_text().splitlines()]
            found = [line.groups() for line in lines if line]
            if any(name == of for name, _arguments, _result in found):
                return found
        raise AssertionError(f"no process called {of}")
