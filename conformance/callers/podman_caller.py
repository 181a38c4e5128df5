"""podman with storage, state, configuration, network and /run of its own, and what its cases have in common."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from harness import IMAGE, VERSION_2, Caller, Failure, Result, bind, wait_until, write_image

# The lines on the runtime are those of ocipy's README. `lock_type`: the other kind is a file in /dev/shm that all of
# podman shares. `default_ulimits`: podman's own are higher than root without CAP_SYS_RESOURCE may set.
CONFIG = """\
[containers]
default_ulimits = ["nofile=1024:1024", "nproc=1024:1024"]

[engine]
cgroup_manager = "{cgroup_manager}"
events_logger = "file"
lock_type = "file"
tmp_dir = "{directory}/tmp"
volume_path = "{directory}/volumes"
runtime_supports_json = ["crun", "runc", "ocipy"]
runtime_supports_nocgroups = ["crun", "krun", "ocipy"]
runtime_supports_nocgroup = ["crun", "krun", "ocipy"]

[engine.runtimes]
{name} = ["{runtime}"]

[network]
network_config_dir = "{directory}/networks"
"""
# For --userns=auto, which divides the numbers of the user `containers` among the containers.
SUBORDINATE = "containers:1000000:200000\n"


class Podman(Caller):
    """The caller, called as a person would: by names, with the runtime's name from containers.conf."""

    def __init__(self) -> None:
        packages = ["podman", "conmon", "catatonit", "netavark", "aardvark-dns", "iptables", "iproute2", "apparmor"]
        super().__init__("podman", packages, alone=("/run",))
        name = os.path.basename(self.runtime)
        self.state_directory = "/run/" + name
        self.environment["CONTAINERS_CONF"] = self.path("containers.conf")
        self.base += [
            "--root", self.path("storage"), "--runroot", self.path("run"), "--tmpdir", self.path("tmp"),
            "--storage-driver", "vfs", "--cgroup-manager", self.cgroup_manager, "--events-backend", "file",
            "--runtime", name,
        ]  # fmt: skip
        config = CONFIG.format(
            directory=self.directory, name=name, runtime=self.runtime, cgroup_manager=self.cgroup_manager
        )
        self.write("containers.conf", config)
        os.chdir(self.directory)  # Where conmon leaves its note of a container that ran out of memory.

    def write(self, name: str, text: str) -> str:
        """Write a file of the private directory. Gives its path."""
        path = self.path(name)
        with open(path, "w") as file:
            file.write(text)
        return path

    def prepare(self) -> None:
        for place in "/etc/subuid", "/etc/subgid":
            bind(self.write(os.path.basename(place), SUBORDINATE), place)
        write_image(self.path("image.tar"))
        self.call("load", "--input", self.path("image.tar")).expect(status=0)

    def discard(self) -> None:
        self.call("pod", "rm", "--force", "--all", "--time", "0")
        self.call("rm", "--force", "--all", "--time", "0")

    def options(self, *flags: str, network: str = "none", image: str = IMAGE) -> list[str]:
        """The words of `podman run` or `create` after the verb, up to the command."""
        return ["--cgroup-parent", self.parent, "--network", network, *flags, image]

    def run_container(self, *command: str, flags: tuple[str, ...] = (), given: str = "", image: str = IMAGE) -> Result:
        """A container in the foreground that is removed at its end."""
        return self.call("run", "--rm", *self.options(*flags, image=image), *command, given=given)

    def shell(self, script: str, *flags: str, given: str = "") -> Result:
        """A shell script in a container in the foreground that is removed at its end."""
        return self.run_container("sh", "-c", script, flags=flags, given=given)

    @contextlib.contextmanager
    def running(self, script: str, *flags: str, network: str = "none") -> Iterator[str]:
        """A shell script in a container in the background. Gives its name; it is removed in the end, by force."""
        name = self.container()
        words = ["run", "--detach", "--name", name, *self.options(*flags, network=network), "sh", "-c", script]
        self.call(*words).expect(status=0)
        yield name
        self.remove(name)

    def exec(self, name: str, *command: str, flags: tuple[str, ...] = (), given: str = "") -> Result:
        return self.call("exec", *flags, name, *command, given=given)

    def inspect(self, name: str, template: str) -> str:
        return self.call("inspect", "--format", template, name).expect(status=0).output.strip()

    def remove(self, name: str) -> None:
        self.call("rm", "--force", "--time", "0", name).expect(status=0)

    def wait_for_log(self, name: str, text: str) -> None:
        wait_until(lambda: text in self.call("logs", name).output, f"the log shows {text!r}")

    def cgroup(self, name: str) -> str:
        """The path of a container's cgroup below a mount point."""
        return f"{self.parent}/libpod-{self.inspect(name, '{{.Id}}')}" + (".scope" if self.systemd else "")

    def processes(self, group: str) -> list[str]:
        """The host's numbers of the processes of a cgroup; none when it is gone."""
        try:
            with open(f"/sys/fs/cgroup{'' if VERSION_2 else '/pids'}/{group}/cgroup.procs") as file:
                return file.read().split()
        except FileNotFoundError:
            return []


podman = Podman()


def expect(condition: object, seen: object) -> None:
    """Raise Failure with what was seen unless the condition holds."""
    if not condition:
        raise Failure(str(seen))
