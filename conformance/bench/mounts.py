"""The rows of many mounts: in a config, and on the host."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from bench import SUBJECT, Bench, Row, Target
from runtimes import MS_BIND, Runtime, View, libc_mount

HALF = "half as many"
NONE = "with none"
# Twice as many may take twice as long, and a little for the spread.
LINEAR = 2.2


def mounts(bench: Bench) -> list[Row]:
    """Bind mounts, each on a directory of its own."""
    return [_growth(bench, "mounts-1000", 1000, _with_mounts)]


def masks(bench: Bench) -> list[Row]:
    """Masked directories and files by halves."""
    return [_growth(bench, "masks-500", 500, _with_masks)]


def _growth(bench: Bench, name: str, count: int, change: Callable[[Bench, str, int], str]) -> Row:
    """`run` with so many of something for each runtime, and with half as many for the subject."""
    whole, half = change(bench, name, count), change(bench, f"{name}-half", count // 2)
    ways = bench.each(lambda runtime: bench.run(runtime, whole))
    for subject in bench.named(SUBJECT):
        ways[HALF] = lambda subject=subject: bench.run(subject, half)
    return bench.in_turn(Row(name, (Target(1.0, "runc"), Target(LINEAR, HALF))), ways, bench.few)


def _with_mounts(bench: Bench, name: str, count: int) -> str:
    source = f"{bench.directory}/source"
    os.makedirs(source, exist_ok=True)

    def change(config: dict[str, Any]) -> None:
        for path in _targets(bench, name, count):
            config["mounts"].append(
                {"destination": path, "type": "bind", "source": source, "options": ["bind", "ro", "nosuid"]}
            )

    return bench.bundle(name, ["/bin/true"], change)


def _with_masks(bench: Bench, name: str, count: int) -> str:
    def change(config: dict[str, Any]) -> None:
        paths = _targets(bench, name, count)
        for path in paths[::2]:
            place = f"{bench.directory}/{name}/rootfs{path}"
            os.rmdir(place)
            open(place, "x").close()
        config["linux"]["maskedPaths"] = paths

    return bench.bundle(name, ["/bin/true"], change)


def _targets(bench: Bench, name: str, count: int) -> list[str]:
    """Makes directories in a bundle's root file system; gives their paths in the container."""
    paths = [f"/many/{number}" for number in range(count)]
    for path in paths:
        os.makedirs(f"{bench.directory}/{name}/rootfs{path}")
    return paths


def host_mounts(bench: Bench) -> list[Row]:
    """`create` in a mount namespace with 2,000 mounts more than the host's own; crun's namespace has them not."""
    row = Row("host-mounts-2000", (Target(1.1, NONE),))
    runtimes = bench.named(SUBJECT, "runc")
    for runtime in runtimes:
        # What stays from a first container is on the host, then, and so in the copy.
        bench.create(runtime, bench.sleep)
    view = bench.runtimes[0].view
    crowded = view.copy()
    _mount_many(view, crowded, bench.directory, 2000)

    def measure(runtime: Runtime) -> float:
        with view.inside(crowded):
            return bench.create(runtime, bench.sleep)

    ways = {runtime.name: lambda runtime=runtime: measure(runtime) for runtime in runtimes}
    for runtime in runtimes:
        name = NONE if runtime.name == SUBJECT else f"{runtime.name} {NONE}"
        ways[name] = lambda runtime=runtime: bench.create(runtime, bench.sleep)
    return [bench.in_turn(row, ways, max(5, bench.samples // 2))]


def _mount_many(view: View, namespace: int, directory: str, count: int) -> None:
    """Makes bind mounts that end with the namespace."""
    place = f"{directory}/crowd"
    os.makedirs(place)
    with view.inside(namespace):
        libc_mount("tmpfs", place, "tmpfs")
        for number in range(count):
            os.mkdir(f"{place}/{number}")
            libc_mount(f"{place}/{number}", f"{place}/{number}", "", MS_BIND)
