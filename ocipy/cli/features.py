"""`ocipy features`: what this runtime implements, whatever the host has (features.md of the specification).

Seccomp depends on the host all the same: its architectures are those of the libseccomp that is there.
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
    "cgroup": {"v1": True, "v2": True, "systemd": False, "systemdUser": False, "rdma": True},
    "apparmor": {"enabled": False},
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
        "linux": LINUX | {"seccomp": seccomp},
        "annotations": annotations,
        # The default signal of `kill`; no other annotation of config.json changes what ocipy does.
        "potentiallyUnsafeConfigAnnotations": ["org.opencontainers.image.stopSignal"],
    }


def execute(_settings: object, _arguments: Arguments) -> int:
    """Prints the document and gives the exit code."""
    # One write, and nothing else on either stream: callers read both together as JSON.
    sys.stdout.write(encode_pretty(features(), "    ") + "\n")
    return 0
