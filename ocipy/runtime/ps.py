"""ps: the processes of a container, as the host numbers them."""

from __future__ import annotations

from errno import ENOENT, ESRCH

from ..cgroup.processes import processes
from ..errors import OcipyError, describe_os_error
from ..linux import os
from .state import Container

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

_HEADER = ("UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD")
_DAY = 86400
_USER_WIDTH = 8
_PTS_MAJORS = range(136, 144)  # Documentation/admin-guide/devices.txt: the slaves of Unix98 terminals


def container_processes(container: Container) -> list[int]:
    """Gives the pids of all processes in the container's cgroups, ascending; none when it has stopped.

    Without a cgroup, as an ordinary user's container may be, those of its own pid namespace. Raises OcipyError when it
    has none of these: nothing else knows which they are.
    """
    if not container.cgroups and container.record["own_pids"]:
        return _in_namespace(container)
    cgroups = container.require_cgroups()
    try:
        # Those of a pid namespace that this process doesn't see are listed as 0.
        return [pid for pid in processes(cgroups) if pid]
    except OSError as error:
        raise OcipyError(f"cannot list the processes: {describe_os_error(error)}") from None


def _in_namespace(container: Container) -> list[int]:
    pidfd = container.open_init()
    if pidfd is None:
        return []
    os.close(pidfd)
    init = container.record["init_process_pid"]
    wanted = _pid_namespace(init)
    # That of a process that cannot be dumped, such as an init before start, may not be looked at.
    return sorted({init, *(pid for pid in map(int, filter(str.isdigit, os.listdir("/proc")))
                           if wanted and _pid_namespace(pid) == wanted)})  # fmt: skip


def _pid_namespace(pid: int) -> int:
    """Gives the inode of a process's pid namespace, 0 when it cannot be told."""
    try:
        return os.stat(f"/proc/{pid}/ns/pid").st_ino
    except OSError:
        return 0


def table(pids: Sequence[int]) -> str:
    """Gives what `ps -ef` prints for these processes, read from /proc: no `ps` of the host is needed.

    A process that has ended meanwhile has no line.
    """
    rows = [row for row in map(_row, pids) if row]
    with open("/proc/sys/kernel/pid_max", "rb") as file:
        width = max(5, len(file.read().strip()))
    lines = []
    for user, pid, parent, load, start, terminal, time, command in (_HEADER, *rows):
        ids = f"{user:<{_USER_WIDTH}} {pid:>{width}} {parent:>{width}}"
        lines.append(f"{ids} {load:>2} {start:>5} {terminal:<8} {time:>8} {command}\n")
    return "".join(lines)


def host_table(pids: Collection[int], options: Sequence[str]) -> str:
    """Gives the header and the lines of these processes from what the host's `ps` prints with the options.

    Raises OcipyError when there is no such program, it fails, or prints no PID column.
    """
    import subprocess

    try:
        done = subprocess.run(["ps", *options], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
    except OSError as error:
        text = f"cannot run the host's ps, which alone knows its options: {describe_os_error(error)}"
        raise OcipyError(text, hint="without options none is needed") from None
    output = done.stdout.decode("utf-8", "surrogateescape")
    if done.returncode:
        raise OcipyError(f"ps {' '.join(options)}: exit status {done.returncode}: {output.strip()}")
    header, *lines = output.split("\n")
    titles = header.split()
    if "PID" not in titles:
        raise OcipyError("couldn't find PID field in ps output", hint="name it among the columns")
    column = titles.index("PID")
    kept = [line for line in lines if _number(line.split(), column) in pids]
    return "".join(f"{line}\n" for line in (header, *kept))


def _number(words: Sequence[str], column: int) -> int:
    text = words[column] if column < len(words) else ""
    return int(text) if text.isascii() and text.isdigit() else -1


def _row(pid: int) -> tuple[str, ...] | None:
    """Gives the cells of a process (proc(5), /proc/pid/stat, status and cmdline), None when it is gone."""
    try:
        text, status, words = (_read(f"/proc/{pid}/{name}") for name in ("stat", "status", "cmdline"))
    except OSError as error:
        if error.errno in (ENOENT, ESRCH):
            return None
        raise
    # The name is in parentheses and may hold such itself.
    name = text[text.index(b"(") + 1 : text.rindex(b")")]
    fields = text[text.rindex(b")") + 2 :].split()
    if fields[0] in (b"Z", b"X"):
        return None
    ticks = os.sysconf("SC_CLK_TCK")
    used = (int(fields[11]) + int(fields[12])) // ticks
    age, start = _age(int(fields[19]) / ticks)
    effective = status.partition(b"\nUid:\t")[2].split(None, 2)[1]
    return (
        _user(int(effective)), str(pid), fields[1].decode(), str(min(99, int(used * 100 / age)) if age else 0), start,
        _terminal(int(fields[4])), _time(used), _command(words, name),
    )  # fmt: skip


def _read(path: str) -> bytes:
    with open(path, "rb") as file:
        return file.read()


def _age(since_boot: float) -> tuple[float, str]:
    """Gives the age of what began so many seconds after boot, and when that was, as ps tells it."""
    import time

    age = time.clock_gettime(time.CLOCK_BOOTTIME) - since_boot
    now = time.time()
    begun, today = time.localtime(now - age), time.localtime(now)
    form = "%H:%M" if begun[:3] == today[:3] else "%b%d"
    return age, time.strftime(form if begun.tm_year == today.tm_year else "%Y", begun)


def _user(uid: int) -> str:
    import pwd

    try:
        name = pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
    return name if len(name) <= _USER_WIDTH else f"{name[: _USER_WIDTH - 1]}+"


def _terminal(number: int) -> str:
    """Gives the name of a terminal below /dev by its number: a dev_t as the kernel packs it, 0 for none."""
    if not number:
        return "?"
    major, minor = number >> 8 & 0xFFF, number & 0xFF | number >> 12 & 0xFFF00
    if major in _PTS_MAJORS:
        return f"pts/{minor + (major - _PTS_MAJORS.start) * 256}"
    try:
        return os.path.basename(os.readlink(f"/sys/dev/char/{major}:{minor}"))
    except OSError:
        return "?"


def _time(seconds: int) -> str:
    days, seconds = divmod(seconds, _DAY)
    clock = f"{seconds // 3600:02}:{seconds // 60 % 60:02}:{seconds % 60:02}"
    return f"{days}-{clock}" if days else clock


def _command(words: bytes, name: bytes) -> str:
    """The container chose these bytes: what could steer the terminal of the reader is shown as a question mark."""
    text = (words.rstrip(b"\0").replace(b"\0", b" ") or b"[" + name + b"]").decode("utf-8", "replace")
    return "".join(character if character.isprintable() else "?" for character in text)
