"""A bundle with a user namespace."""

from __future__ import annotations

import subprocess

from .bundle import Bundle

FIRST = 100_000


def mapped(bundle: Bundle, *mappings: tuple[int, int, int]) -> Bundle:
    """Gives the bundle a user namespace and its root file system to that namespace's root."""
    entries = [dict(zip(("containerID", "hostID", "size"), mapping, strict=True)) for mapping in mappings]
    entries = entries or [{"containerID": 0, "hostID": FIRST, "size": 65536}]
    bundle.namespace("user")
    bundle.linux.update(uidMappings=entries, gidMappings=entries)
    root = next((entry["hostID"] for entry in entries if entry["containerID"] == 0), FIRST)
    subprocess.run(["chown", "-Rh", f"{root}:{root}", bundle.rootfs], check=True)
    bundle.path.chmod(0o755)
    return bundle
