"""Pods and networks."""

from __future__ import annotations

import contextlib
import socket
from collections.abc import Iterator

from harness import IMAGE, wait_until
from podman_caller import expect, podman

SERVE = "while :; do echo served | nc -l -p 80; done"


@contextlib.contextmanager
def pod(*flags: str) -> Iterator[str]:
    """A pod; gives its name."""
    name = podman.container()
    podman.call("pod", "create", "--name", name, "--cgroup-parent", podman.parent, *flags).expect(status=0)
    yield name
    podman.call("pod", "rm", "--force", "--time", "0", name).expect(status=0)


def run_in(pod: str, *command: str, flags: tuple[str, ...] = ()) -> str:
    return podman.call("run", "--pod", pod, *flags, IMAGE, *command).expect(status=0).output.strip()


@podman.case
def pod_shares_namespaces() -> None:
    with pod("--network", "none", "--share", "net,ipc,uts") as name:
        # Both at once: the number of a namespace that has ended is given to the next.
        first = run_in(name, "sleep", "1000", flags=("--detach",))
        script = "for kind in net ipc uts mnt pid; do readlink /proc/self/ns/$kind; done"
        one = podman.exec(first, "sh", "-c", script).expect(status=0).output.split()
        two = run_in(name, "sh", "-c", script).split()
        expect(one[:3] == two[:3] and not set(one[3:]) & set(two[3:]), f"{one} {two}")


@podman.case
def pod_shares_pids() -> None:
    with pod("--network", "none", "--share", "pid,net") as name:
        run_in(name, "sleep", "4321", flags=("--detach",))
        listed = run_in(name, "ps", "-o", "args")
        expect("sleep 4321" in listed and "catatonit" in listed, listed)


@podman.case
def pod_without_infra() -> None:
    with pod("--infra=false") as name:
        expect(run_in(name, "echo", "hello", flags=("--network", "none")) == "hello", "no hello")


@podman.case
def pod_stops_and_starts() -> None:
    with pod("--network", "none") as name:
        run_in(name, "sleep", "1000", flags=("--detach",))
        podman.call("pod", "stop", "--time", "0", name).expect(status=0)
        podman.call("pod", "inspect", "--format", "{{.State}}", name).expect(0, "Exited")
        podman.call("pod", "start", name).expect(status=0)
        podman.call("pod", "inspect", "--format", "{{.State}}", name).expect(0, "Running")
        podman.call("pod", "pause", name).expect(status=0)
        podman.call("pod", "unpause", name).expect(status=0)


@podman.case
def pod_as_kubernetes_has_it() -> None:
    with pod("--network", "none") as name:
        run_in(name, "sh", "-c", "echo from kube; sleep 1000", flags=("--detach", "--memory", "64m"))
        text = podman.call("generate", "kube", name).expect(status=0).output
    path = podman.write("pod.yaml", text)
    podman.call("play", "kube", "--network", "none", path).expect(status=0)
    wait_until(lambda: "from kube" in podman.call("pod", "logs", name).output, "the pod runs")
    podman.call("play", "kube", "--down", path).expect(status=0)
    podman.call("pod", "ps", "--quiet").expect(0, "")


def address(name: str) -> str:
    return podman.inspect(name, "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}")


def ask(host: str, port: int) -> bytes:
    """What a server says; nothing when there is none yet."""
    try:
        with socket.create_connection((host, port), timeout=5) as connection:
            return connection.recv(100)
    except OSError:
        return b""


@podman.case
def bridge_reaches_the_host_and_back() -> None:
    with podman.running(SERVE, network="bridge") as name:
        wait_until(lambda: ask(address(name), 80) == b"served\n", "it is reached from the host")


@podman.case
def bridge_reaches_another_container() -> None:
    with podman.running(SERVE, network="bridge") as name:
        words = ["run", "--rm", *podman.options(network="bridge"), "nc", address(name), "80"]
        wait_until(lambda: podman.call(*words).output == "served\n", "it is reached from another container")


@podman.case
def published_port() -> None:
    with podman.running(SERVE, "--publish", "18080:80", network="bridge"):
        wait_until(lambda: ask("127.0.0.1", 18080) == b"served\n", "the port of the host answers")


@podman.case
def network_of_its_own_by_name() -> None:
    network = podman.name
    podman.call("network", "create", network).expect(status=0)
    with podman.running(SERVE, "--network-alias", "server", network=network):
        words = ["run", "--rm", *podman.options(network=network), "nc", "server", "80"]
        wait_until(lambda: podman.call(*words).output == "served\n", "it is found by its name")
    podman.call("network", "rm", network).expect(status=0)


@podman.case
def network_connected_while_it_runs() -> None:
    network = podman.name
    podman.call("network", "create", network).expect(status=0)
    with podman.running("sleep 1000", network="bridge") as name:
        podman.call("network", "connect", network, name).expect(status=0)
        podman.exec(name, "ls", "/sys/class/net").expect(0, "eth0\neth1\nlo")
    podman.call("network", "rm", network).expect(status=0)
