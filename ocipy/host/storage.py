"""File systems: where the state is, where bundles are, and which of them can have id-mapped mounts."""

from __future__ import annotations

from errno import EINVAL, EPERM, errorcode

from ..linux import os, probe
from ..linux.mount import TMPFS_MAGIC, file_system_magic
from .finding import fail, note, ok, text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding, Host

TITLE = "storage"
_USUAL = ("/", "/var/lib", "/run")
_OPEN = 0o022
_STATE = "state directory"
_IDMAP = "id-mapped mounts"
_OPTIONS = {"ro": os.ST_RDONLY, "nosuid": os.ST_NOSUID, "nodev": os.ST_NODEV, "noexec": os.ST_NOEXEC}


def look(host: Host) -> Iterator[Finding]:
    """Gives the findings. Makes no file, and no mount that is attached anywhere."""
    yield from _state(host)
    for path in host.paths:
        yield from _bundles(path)
    yield from _idmap(host, host.paths or _USUAL)


def _state(host: Host) -> Iterator[Finding]:
    directory = _nearest(host.root)
    status = os.stat(directory)
    there = directory == host.root
    text = host.root if there else f"{host.root}, to be made in {directory}"
    others = "a directory of this user's own with --root, or $XDG_RUNTIME_DIR, below which it is made"
    if not os.path.isdir(directory):
        yield fail(_STATE, f"{directory} is no directory", "no state can be kept", others)
    elif not os.access(directory, os.W_OK | os.X_OK):
        yield fail(_STATE, f"{text}: cannot be written", "no state can be kept", others)
    elif there and (status.st_uid != host.uid or status.st_mode & _OPEN):
        found = f"{text}: of uid {status.st_uid}, mode {status.st_mode & 0o7777:o}"
        means = "others can put in it what this user would execute"
        yield fail(_STATE, found, means, f"chmod 700 {host.root}, or {others}")
    elif file_system_magic(directory) != TMPFS_MAGIC:
        found = f"{text}: {file_system(directory)}, not a tmpfs"
        means = "after the machine has started anew, what is left must be deleted by hand"
        yield note(_STATE, found, means, "mount -t tmpfs tmpfs /run at boot")
    else:
        yield ok(_STATE, f"{text}: tmpfs")


def _nearest(path: str) -> str:
    """Gives the path, or the directory above it that exists."""
    path = os.path.abspath(path)
    while path != "/" and not os.path.lexists(path):
        path = os.path.dirname(path)
    return path


def _bundles(path: str) -> Iterator[Finding]:
    name = f"bundles in {path}"
    try:
        flags = os.statvfs(path).f_flag
    except OSError as error:
        yield fail(name, f"{error.strerror}", "no bundle can be read there", "name a directory that exists")
        return
    options = [option for option, flag in _OPTIONS.items() if flags & flag]
    text = f"{file_system(path)}{', mounted ' if options else ''}{','.join(options)}"
    if "noexec" in options:
        yield fail(name, text, "no program of a bundle there can be executed", f"mount -o remount,exec {_at(path)}")
    elif "nosuid" in options:
        means = "programs with a set-user-id bit or file capabilities, such as sudo, have none"
        yield warn(name, text, means, f"mount -o remount,suid {_at(path)}")
    elif "ro" in options:
        means = "a root file system there must have all directories that mounts are made on"
        yield note(name, text, means, f"mount -o remount,rw {_at(path)}")
    elif "nodev" in options:
        yield note(name, text, "device nodes in a root file system cannot be opened; those on /dev's tmpfs can")
    else:
        yield ok(name, text)


def _idmap(host: Host, paths: tuple[str, ...]) -> Iterator[Finding]:
    if not host.privileged:
        yield note(_IDMAP, "not to be told without privilege")
        return
    # One of each file system is enough.
    first: dict[int, str] = {}
    for path in paths:
        if os.path.exists(path):
            first.setdefault(os.stat(path).st_dev, path)
    try:
        refusals = probe.refusals_of_idmap(first.values())
    except OSError as error:
        yield note(_IDMAP, f"not to be told: no user namespace to map with ({error.strerror})")
        return
    for path, code in refusals.items():
        text = f"{path}: {file_system(path)}"
        if not code:
            yield ok(_IDMAP, text)
            continue
        reasons = {EINVAL: "does not have them", EPERM: "belongs to another user namespace"}
        found = f"{text} {reasons.get(code, '')} ({errorcode.get(code, code)})"
        means = "mounts with uidMappings of files there are refused"
        yield note(_IDMAP, found, means, "another file system, or a later kernel")


def _at(path: str) -> str:
    row = _row(path)
    return row[1] if row else path


def file_system(path: str) -> str:
    """Gives the type of the file system that a path lies on, such as ext4; its magic number where no table has it."""
    row = _row(path)
    return row[0] if row else f"type {file_system_magic(path):#x}"


def _row(path: str) -> tuple[str, str] | None:
    """Gives type and target of the mount that a path lies on: its id is in proc(5), fdinfo."""
    try:
        descriptor = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return None
    info = text_of(f"/proc/self/fdinfo/{descriptor}").split()
    os.close(descriptor)
    if "mnt_id:" not in info:
        return None
    id = info[info.index("mnt_id:") + 1]
    for line in text_of("/proc/self/mountinfo").splitlines():
        before, _dash, after = line.partition(" - ")
        fields = before.split()
        if fields[0] == id:
            return after.split()[0], fields[4]
    return None
