"""`ocipy features`: what this runtime implements, whatever the host has (features.md of the specification).

Seccomp and systemd depend on the host all the same, by the libraries libseccomp and libsystemd that are there.
"""

from __future__ import annotations

import sys

from .. import __version__
from ..linux.capability import NAMES as CAPABILITIES
from ..plan.mount_options import ATTRIBUTES, PROPAGATION, SUPERBLOCK
from ..spec.jsontext import encode_pretty
from ..spec.load import NAMESPACES
from ..spec.model import Hooks
from .options import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .options import Arguments

VERB = Verb("print what this runtime implements, as JSON")

MOUNT_OPTIONS = sorted({
    "bind", "defaults", "loud", "rbind", "remount", "silent", "tmpcopyup",
    *ATTRIBUTES, *(f"r{name}" for name in ATTRIBUTES), *SUPERBLOCK, *PROPAGATION,
})  # fmt: skip

# spec/unsupported.py has the other side of each False here.
LINUX = {
    "namespaces": sorted(NAMESPACES),
    "capabilities": list(CAPABILITIES),
    "apparmor": {"enabled": True},
    "selinux": {"enabled": False},
    "memoryPolicy": {"modes": [], "flags": []},
    "intelRdt": {"enabled": False, "schemata": False, "monitoring": False},
    "mountExtensions": {"idmap": {"enabled": False}},
    "netDevices": {"enabled": False},
}


def _seccomp() -> tuple[dict[str, Any], str]:
    """Gives linux.seccomp and the version of libseccomp, "" without one."""
    from ..linux import libseccomp, seccomp
    from ..spec.seccomp import ARCHITECTURES

    try:
        library = libseccomp.Library()
    except OSError:
        return {"enabled": False}, ""
    return {
        "enabled": True,
        "actions": sorted(seccomp.ACTIONS),
        "operators": sorted(seccomp.OPERATORS),
        "archs": sorted(name for name in ARCHITECTURES if library.architecture(name)),
        "knownFlags": list(seccomp.FLAGS),
        "supportedFlags": [name for name in seccomp.FLAGS if seccomp.is_flag_supported(name)],
    }, library.version


def _cgroup() -> dict[str, bool]:
    """Gives linux.cgroup: what systemd does is asked for by its library."""
    from ..linux import library, libsystemd

    systemd = library.is_there(libsystemd.NAME)
    return {"v1": True, "v2": True, "systemd": systemd, "systemdUser": systemd, "rdma": True}


def features() -> dict[str, Any]:
    """Gives the features document as a value."""
    seccomp, version = _seccomp()
    annotations = {"org.opencontainers.ocipy.version": __version__}
    if version:
        # The name that runc gave it.
        annotations["io.github.seccomp.libseccomp.version"] = version
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.3.0",
        "hooks": list(Hooks.FIELDS),
        "mountOptions": MOUNT_OPTIONS,
        "linux": LINUX | {"cgroup": _cgroup(), "seccomp": seccomp},
        "annotations": annotations,
        # The default signal of `kill`, and what systemd is told of the scope, by the beginning of their names; no other
        # annotation of config.json changes what ocipy does.
        "potentiallyUnsafeConfigAnnotations": ["org.opencontainers.image.stopSignal", "org.systemd.property."],
    }


def execute(_settings: object, _arguments: Arguments) -> int:
    """Prints the document and gives the exit code."""
    # One write, and nothing else on either stream: callers read both together as JSON.
    sys.stdout.write(encode_pretty(features(), "    ") + "\n")
    return 0
