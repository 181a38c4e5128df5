"""`ocipy features`: what this runtime implements, whatever the host has (features.md of the specification)."""

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
    "seccomp": {"enabled": False},
    "apparmor": {"enabled": False},
    "selinux": {"enabled": False},
    "memoryPolicy": {"modes": [], "flags": []},
    "intelRdt": {"enabled": False, "schemata": False, "monitoring": False},
    "mountExtensions": {"idmap": {"enabled": False}},
    "netDevices": {"enabled": False},
}


def features() -> dict[str, Any]:
    """Gives the features document as a value."""
    return {
        "ociVersionMin": "1.0.0",
        "ociVersionMax": "1.3.0",
        "hooks": list(Hooks.FIELDS),
        "mountOptions": MOUNT_OPTIONS,
        "linux": LINUX,
        "annotations": {"org.opencontainers.ocipy.version": __version__},
        # The default signal of `kill`; no other annotation of config.json changes what ocipy does.
        "potentiallyUnsafeConfigAnnotations": ["org.opencontainers.image.stopSignal"],
    }


def execute(_settings: object, _arguments: Arguments) -> int:
    """Prints the document and gives the exit code."""
    # One write, and nothing else on either stream: callers read both together as JSON.
    sys.stdout.write(encode_pretty(features(), "    ") + "\n")
    return 0
