"""A bundle for a test: a directory with a rootfs of busybox, and a config.json that the test shapes."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from ocipy.spec.default import default

DIRECTORIES = ("bin", "dev", "etc", "proc", "root", "sys", "tmp", "usr", "var", "home")


def busybox() -> Path:
    """The static busybox of the host; skips the test where there is none."""
    for candidate in (shutil.which("busybox"), "/bin/busybox"):
        if candidate and os.path.exists(candidate):
            return Path(candidate)
    pytest.skip("needs busybox (Debian: busybox-static) for the root file system")


def make_rootfs(directory: Path) -> Path:
    """Makes a root file system with busybox and all its applets."""
    program = busybox()
    for name in DIRECTORIES:
        (directory / name).mkdir(parents=True)
    (directory / "tmp").chmod(0o1777)
    shutil.copy(program, directory / "bin/busybox")
    applets = subprocess.run([program, "--list"], capture_output=True, text=True, check=True).stdout.split()
    for applet in applets:
        if applet != "busybox":
            (directory / "bin" / applet).symlink_to("busybox")
    (directory / "etc/passwd").write_text("root:x:0:0:root:/root:/bin/sh\nguest:x:1000:1000::/home/guest:/bin/sh\n")
    (directory / "etc/group").write_text("root:x:0:\nguest:x:1000:\n")
    return directory


class Bundle:
    """See the head of this package."""

    def __init__(self, path: Path, rootfs: Path | None = None) -> None:
        path.mkdir(parents=True, exist_ok=True)
        self.path = path
        self.rootfs = rootfs or make_rootfs(path / "rootfs")
        self.config = default()
        self.config["root"] = {"path": "rootfs" if rootfs is None else str(rootfs)}
        self.process["terminal"] = False
        self.process["noNewPrivileges"] = False
        # The host's, by default a bundle has no opinion on them.
        del self.process["rlimits"]

    @property
    def process(self) -> dict:
        return self.config["process"]

    @property
    def linux(self) -> dict:
        return self.config["linux"]

    @property
    def mounts(self) -> list:
        return self.config["mounts"]

    @property
    def resources(self) -> dict:
        return self.linux.setdefault("resources", {})

    def args(self, *args: str) -> Bundle:
        self.process["args"] = list(args)
        return self

    def shell(self, script: str) -> Bundle:
        return self.args("sh", "-c", script)

    def mount(self, destination: str, type: str, source: str | Path, *options: str) -> Bundle:
        entry = {"destination": destination, "type": type, "source": str(source)}
        if options:
            entry["options"] = list(options)
        self.mounts.append(entry)
        return self

    def unmount(self, destination: str) -> Bundle:
        self.mounts[:] = [mount for mount in self.mounts if mount["destination"] != destination]
        return self

    def namespace(self, type: str, path: str | Path = "") -> Bundle:
        self.share(type)
        self.linux["namespaces"].append({"type": type, "path": str(path)} if path else {"type": type})
        return self

    def share(self, type: str) -> Bundle:
        self.linux["namespaces"] = [entry for entry in self.linux["namespaces"] if entry["type"] != type]
        return self

    def capabilities(self, *names: str) -> Bundle:
        """Gives the program these as permitted, effective and bounding set."""
        self.process["capabilities"] = {kind: list(names) for kind in ("bounding", "effective", "permitted")}
        return self

    def file(self, name: str, text: str, mode: int = 0o644) -> Path:
        path = self.rootfs / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        path.chmod(mode)
        return path

    def host_python(self) -> str:
        interpreter = os.path.realpath("/usr/bin/python3")
        self.mount("/usr", "bind", "/usr", "rbind", "ro")
        for name in ("lib", "lib64"):
            if os.path.islink(f"/{name}"):
                (self.rootfs / name).symlink_to(os.readlink(f"/{name}"))
            elif os.path.isdir(f"/{name}"):
                self.mount(f"/{name}", "bind", f"/{name}", "rbind", "ro")
        return interpreter

    def write(self) -> Bundle:
        (self.path / "config.json").write_text(json.dumps(self.config))
        return self
