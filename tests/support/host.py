"""What the host's kernel says of a container: never what the runtime says of itself."""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

from ocipy.linux import bpf

PATIENCE = float(os.environ.get("OCIPY_TEST_PATIENCE", "60"))  # seconds that anything may take before it hangs
CGROUP_ROOT = Path("/sys/fs/cgroup")
CGROUP_V2 = (CGROUP_ROOT / "cgroup.controllers").exists()
SYSTEMD = Path("/run/systemd/system").is_dir()  # sd_booted(3)


class Mount(NamedTuple):
    """A line of mountinfo: proc(5)."""

    id: int
    parent: int
    root: str
    target: str
    options: frozenset[str]
    optional: frozenset[str]
    type: str
    source: str
    super_options: frozenset[str]


def mounts(pid: int | str = "self") -> list[Mount]:
    """The mounts that a process sees, in the order of the mount table."""
    found = []
    for line in Path(f"/proc/{pid}/mountinfo").read_text().splitlines():
        before, _dash, after = line.partition(" - ")
        id, parent, _device, root, target, options, *optional = before.split(" ")
        type, source, super_options = after.split(" ", 2)
        found.append(
            Mount(int(id), int(parent), root, target, frozenset(options.split(",")), frozenset(optional), type, source,
                  frozenset(super_options.split(",")))
        )  # fmt: skip
    return found


def mount_at(pid: int | str, target: str) -> Mount:
    """The topmost mount at a path as a process sees it."""
    return [mount for mount in mounts(pid) if mount.target == target][-1]


def status(pid: int) -> dict[str, str]:
    """/proc/PID/status, values stripped."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _colon, value in (line.partition(":") for line in lines)}


def namespace(pid: int | str, kind: str) -> str:
    """The namespace of a process; kind as in /proc/PID/ns (`net`, `mnt`, `pid_for_children`)."""
    return os.readlink(f"/proc/{pid}/ns/{kind}")


def children(pid: int | str) -> list[int]:
    found: list[int] = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            found += map(int, Path(f"/proc/{pid}/task/{task}/children").read_text().split())
    except (FileNotFoundError, ProcessLookupError):
        pass
    return found


def alive(pid: int) -> bool:
    """Whether a process exists and is no zombie."""
    try:
        return status(pid)["State"][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def exited(pid: int) -> bool:
    return not alive(pid)


def fdsnap(pid: int | str) -> dict[int, str]:
    """The open descriptors of a process and what they are."""
    found = {}
    for number in os.listdir(f"/proc/{pid}/fd"):
        try:
            found[int(number)] = os.readlink(f"/proc/{pid}/fd/{number}")
        except FileNotFoundError:
            pass
    return found


def mntsnap(word: str = "") -> list[str]:
    """The lines of the host's own mount table that contain the word."""
    return [line for line in Path("/proc/self/mountinfo").read_text().splitlines() if word in line]


def cgsnap(id: str) -> list[Path]:
    """All directories below /sys/fs/cgroup whose name contains the id, deepest last."""
    return [
        Path(directory) / name
        for directory, names, _files in os.walk(CGROUP_ROOT)
        for name in names
        if id in f"{directory}/{name}"
    ]


def statesnap(root: Path) -> list[str]:
    """What lies below a state directory; compiled seccomp filters belong to no container, and stay."""
    found = [str(path.relative_to(root)) for path in root.rglob("*")] if root.exists() else []
    return sorted(name for name in found if not name.startswith("@seccomp"))


def processes_of(id: str) -> list[int]:
    """The pids in all cgroups of a container."""
    found: set[int] = set()
    for directory in cgsnap(id):
        try:
            found.update(map(int, (directory / "cgroup.procs").read_text().split()))
        except OSError:
            pass
    return sorted(found - {0})


def cgroup(pid: int | str, controller: str) -> Path:
    """The directory of the cgroup that a process is in, for a controller (the one and only on v2)."""
    controllers = {}
    for line in Path(f"/proc/{pid}/cgroup").read_text().splitlines():
        _number, names, path = line.split(":", 2)
        for name in names.split(","):
            controllers[name.removeprefix("name=")] = path
    if CGROUP_V2:
        return CGROUP_ROOT / controllers[""].lstrip("/")
    return CGROUP_ROOT / controller / controllers[controller].lstrip("/")


def read_cgroup(pid: int | str, controller: str, file: str) -> str:
    return (cgroup(pid, controller) / file).read_text().strip()


def device_rules(pid: int | str) -> list[str] | list[int]:
    """The device rules of the cgroup that a process is in: lines on v1, on v2 the ids of the programs that decide."""
    if not CGROUP_V2:
        return read_cgroup(pid, "devices", "devices.list").splitlines()
    descriptor = os.open(cgroup(pid, "devices"), os.O_RDONLY)
    try:
        return bpf.device_programs(descriptor)
    finally:
        os.close(descriptor)


def wait_for(condition: Callable[[], object], what: str = "the condition", patience: float = PATIENCE) -> object:
    """Waits until the condition gives something true, and gives that; fails the test when it never does."""
    end = time.monotonic() + patience
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"waited {patience:.0f} s in vain for {what}")
        time.sleep(0.01)
