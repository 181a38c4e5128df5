"""config.json to Spec: the tables of config.md and config-linux.md, and what must hold between properties."""

from __future__ import annotations

from ..errors import ConfigError
from .fields import (
    absolute_path,
    absolute_path_or_empty,
    array,
    boolean,
    bounded,
    choice,
    env_entry,
    integer,
    mapping,
    matching,
    member,
    members,
    not_empty,
    record,
    text,
    then,
    untyped,
)
from .jsontext import decode
from .model import (
    Device,
    Hook,
    Hooks,
    IDMapping,
    Linux,
    Mount,
    Namespace,
    Root,
    Spec,
    TimeOffset,
)
from .process import ID, process
from .resources import INT64, MAJOR, MINOR, resources

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fields import Converter, Problems
    from .model import Process

NAMESPACES = ("pid", "network", "mount", "ipc", "uts", "user", "cgroup", "time")
CLOCKS = ("monotonic", "boottime")
PROPAGATIONS = ("shared", "slave", "private", "unbindable", "rshared", "rslave", "rprivate", "runbindable")


def is_version(value: str) -> bool:
    """Tells whether a string is a version of Semantic Versioning 2.0.0."""
    value, plus, build = value.partition("+")
    value, dash, pre_release = value.partition("-")
    numbers = value.split(".")
    return (
        len(numbers) == 3
        and all(map(_is_number, numbers))
        and (not dash or all(map(_is_pre_release, pre_release.split("."))))
        and (not plus or all(map(_is_identifier, build.split("."))))
    )


def _is_number(word: str) -> bool:
    return word.isascii() and word.isdigit() and (word == "0" or word[0] != "0")


def _is_pre_release(word: str) -> bool:
    return _is_number(word) if word.isdigit() else _is_identifier(word)


def _is_identifier(word: str) -> bool:
    return word.isascii() and word.replace("-", "0").isalnum()


_semver = matching(is_version, "a version such as 1.3.0")


def _oci_version(value: Any, path: str, problems: Problems) -> Any:
    version = _semver(value, path, problems)
    # Compatible within a major version only: a newer minor adds properties, and unknown ones are ignored.
    if version is not None and not version.startswith("1."):
        problems.append((path, f"version {version} is not supported; 1.x is"))
    return version


# --- root, mounts, hooks

_root = record(Root, required={"path": not_empty}, optional={"readonly": boolean})

_id_mappings = array(record(IDMapping, required={"containerID": ID, "hostID": ID, "size": integer(1, 2**32 - 1)}))


def _check_mappings(mount: dict[str, Any], path: str, problems: Problems) -> None:
    for name, other in (("uidMappings", "gidMappings"), ("gidMappings", "uidMappings")):
        if mount.get(name) and not mount.get(other):
            problems.append((f"{path}.{other}", f"is required beside {name}"))


_mount = record(
    Mount,
    check=_check_mappings,
    required={
        # A relative destination is deprecated and means one under "/" (config.md, Mounts).
        "destination": then(not_empty, lambda path: path if path.startswith("/") else f"/{path}"),
    },
    optional={
        "type": text,
        "source": text,
        "options": array(text),
        "uidMappings": _id_mappings,
        "gidMappings": _id_mappings,
    },
)

_hooks_of_kind = array(
    record(
        Hook,
        required={"path": absolute_path},
        optional={
            "args": array(text),
            "env": array(env_entry),
            "timeout": integer(1, 2**31 - 1),
        },
    )
)

_hooks = record(Hooks, optional=dict.fromkeys(Hooks.FIELDS, _hooks_of_kind))

# --- linux

_namespace = record(Namespace, required={"type": choice(*NAMESPACES)}, optional={"path": absolute_path_or_empty})

_clock_offsets = mapping(choice(*CLOCKS), members({}, {"secs": INT64, "nanosecs": integer(0, 999_999_999)}))


def _time_offsets(value: Any, path: str, problems: Problems) -> Any:
    pairs = _clock_offsets(value, path, problems)
    return pairs and tuple(
        TimeOffset(property=member(path, clock), clock=clock, **offset) for clock, offset in pairs if offset is not None
    )


def _check_numbers(device: dict[str, Any], path: str, problems: Problems) -> None:
    if device["type"] != "p":
        for name in ("major", "minor"):
            if name not in device:
                problems.append((f"{path}.{name}", "the property is required"))


_device = record(
    Device,
    check=_check_numbers,
    required={
        "type": choice("c", "b", "u", "p"),
        "path": absolute_path,
    },
    optional={
        "major": MAJOR,
        "minor": MINOR,
        # Some engines hand on st_mode whole; the kind of file is said by type.
        "fileMode": then(integer(0, 0o177777), lambda mode: mode & 0o7777),
        "uid": ID,
        "gid": ID,
    },
)

_personality_members = members(required={"domain": choice("LINUX", "LINUX32")}, optional={"flags": array(text)})


def _personality(value: Any, path: str, problems: Problems) -> Any:
    found = _personality_members(value, path, problems)
    if found and found.get("flags"):
        problems.append((f"{path}.flags", "the specification knows no flags"))
    return found and found["domain"]


def _seccomp(value: Any, path: str, problems: Problems) -> Any:
    from .seccomp import seccomp

    return seccomp(value, path, problems)


def _check_time(linux: dict[str, Any], path: str, problems: Problems) -> None:
    if linux.get("timeOffsets") and not any(
        space.type == "time" and not space.path for space in linux.get("namespaces", ())
    ):
        problems.append((f"{path}.timeOffsets", "offsets need a new time namespace in linux.namespaces"))


_linux = record(
    Linux,
    check=_check_time,
    optional={
        "namespaces": array(_namespace, unique="type"),
        "uidMappings": _id_mappings,
        "gidMappings": _id_mappings,
        "timeOffsets": _time_offsets,
        "devices": array(_device),
        "netDevices": untyped,
        "cgroupsPath": matching(lambda path: ".." not in path.split("/"), "a path without .. components"),
        "resources": resources,
        "rootfsPropagation": choice(*PROPAGATIONS, ""),
        "maskedPaths": array(absolute_path),
        "readonlyPaths": array(absolute_path),
        "mountLabel": text,
        "personality": _personality,
        "sysctl": mapping(not_empty, text),
        "seccomp": _seccomp,
        "intelRdt": untyped,
        "memoryPolicy": untyped,
    },
)

# --- the document

# 64 bytes: __NEW_UTS_LEN of linux/utsname.h.
_host_name = bounded(64)

_spec = members(
    required={
        "ociVersion": _oci_version,
        "root": _root,
    },
    optional={
        "mounts": array(_mount),
        "process": process,
        "hostname": _host_name,
        "domainname": _host_name,
        "hooks": _hooks,
        "linux": _linux,
        "annotations": mapping(not_empty, text),
    },
)


def load(data: bytes) -> Spec:
    """Gives the Spec of a config.json.

    data: the file's bytes. Raises OcipyError when they are not JSON and ConfigError, with every problem, when they
    are no configuration of the runtime specification 1.x.
    """
    values = _converted(_spec, data)
    return Spec(**{"hooks": Hooks(), "linux": Linux(), **values})


def load_process(data: bytes) -> Process:
    """Gives the Process of a file that holds a process block alone, as `exec --process` takes. Raises as load does."""
    block: Process = _converted(process, data)
    return block


def load_mounts(data: bytes) -> tuple[Mount, ...]:
    """Gives the mounts of a file that holds their array alone, as `mounts add` takes. Raises as load does."""
    mounts: tuple[Mount, ...] = _converted(array(_mount), data, "mounts")
    return mounts


def _converted(convert: Converter, data: bytes, path: str = "") -> Any:
    problems: Problems = []
    value = convert(decode(data), path, problems)
    if problems:
        raise ConfigError(problems)
    return value
