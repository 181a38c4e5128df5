"""Descriptors and the working directory: nothing of the host is open when the program begins."""

from __future__ import annotations

import os
import re

import pytest
from support.host import fdsnap
from support.hostile import LIMIT, TOKEN, check_refusal
from support.rootfs import DEFAULT_MOUNTS, build, isolated, spec_of

from ocipy.linux.process import is_directory_reachable

OUTSIDE = "outside the container"


def test_sec_2024_21626_directory_of_a_descriptor(attempt, bundle):
    for number in range(3, 20):
        bundle.process["cwd"] = f"/proc/self/fd/{number}"
        attempt.refused(bundle, f"/proc/self/fd/{number}")


@pytest.mark.parametrize("tail", ["/..", "/../..", "/../../tmp", "/."])
def test_sec_2024_21626_path_behind_a_descriptor(attempt, bundle, tail):
    for number in (4, 6, 7, 15):
        bundle.process["cwd"] = f"/proc/self/fd/{number}{tail}"
        attempt.refused(bundle, f"/proc/self/fd/{number}")


def test_sec_2024_21626_link_of_the_image_to_a_descriptor(attempt, bundle):
    for number in range(3, 10):
        (bundle.rootfs / f"work{number}").symlink_to(f"/proc/self/fd/{number}")
        bundle.process["cwd"] = f"/work{number}"
        attempt.refused(bundle, f"/work{number}")


def swap_before_pivot(bundle, target):
    """The working directory becomes a link after it was looked at: a hook stands in for the neighbour who does it."""
    (bundle.rootfs / "work").mkdir()
    bundle.process["cwd"] = "/work"
    bundle.config["hooks"] = {"createContainer": [{"path": "/bin/sh", "args": [
        "sh", "-c", f"cd {bundle.rootfs} && rmdir work && ln -s {target} work",
    ]}]}  # fmt: skip


@pytest.mark.parametrize("number", range(3, 20, 2))
def test_sec_2024_21626_swapped_directory(attempt, bundle, number):
    swap_before_pivot(bundle, f"/proc/self/fd/{number}")
    result = attempt(bundle, 'cd -P .; while [ "$(pwd -P)" != / ]; do cd ..; done; stat -c "top %d:%i" . /')
    if result.code:
        check_refusal(result)
    else:  # a descriptor of the container's own file systems is no way out
        one, other = re.findall("top .*", result.out)
        assert one == other, result


def test_sec_2024_21626_program_behind_a_descriptor(attempt, bundle):
    for number in range(3, 20):
        bundle.args(f"/proc/self/fd/{number}/../../../../../../../../../bin/sh", "-c", f"echo {TOKEN}")
        check_refusal(attempt(bundle), f"/proc/self/fd/{number}")


def test_sec_2024_21626_program_behind_a_descriptor_of_a_waiting_init(ocipy, bundle):
    for number in range(3, 20):
        bundle.args(f"/proc/self/fd/{number}/../../../../../../../../../bin/sh", "-c", f"echo {TOKEN}").write()
        id = ocipy.new_id()
        result = ocipy("create", "-b", bundle.path, id)
        if result.code == 0:
            result = ocipy("start", id)
        result.refused(f"/proc/self/fd/{number}")


def test_sec_2024_21626_descriptors_of_the_caller(attempt, bundle):
    """What the caller leaves open, a directory of the host here, does not reach the program."""
    directory = os.open("/", os.O_RDONLY)
    os.dup2(directory, 99, inheritable=True)
    try:
        shown = attempt.contained(bundle, "ls /proc/self/fd", pass_fds=(directory, 99))
    finally:
        os.close(directory)
        os.close(99)
    assert shown.split() == ["0", "1", "2", "3"], "besides the streams, ls has opened the directory itself"


def test_sec_2024_21626_descriptors_of_init(ocipy, bundle):
    """The allow list of the waiting init: the standard streams and the socket of start."""
    box = ocipy.create(bundle, "true")
    found = fdsnap(box.pid)
    assert {found.pop(number) is not None for number in range(3)} == {True}
    assert [re.sub(r"\d+", "N", target) for target in found.values()] == ["socket:[N]"]


def test_sec_2024_21626_descriptors_of_the_program(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    assert sorted(fdsnap(box.pid)) == [0, 1, 2]


def test_sec_2024_21626_descriptors_of_a_container_hook(ocipy, bundle, scratch):
    (bundle.rootfs / "out").mkdir()
    hook = {"path": "/bin/sh", "args": ["sh", "-c", "ls -l /proc/self/fd >/out/fds"]}
    bundle.config["hooks"] = {"startContainer": [hook]}
    assert ocipy.run(bundle, "true", timeout=LIMIT).code == 0
    lines = (bundle.rootfs / "out/fds").read_text().splitlines()
    targets = [line.split(" -> ")[1] for line in lines if " -> " in line]
    assert all(target.startswith(("pipe:", "/out/fds", "/proc/")) for target in targets), targets


def test_sec_ghsa_xr7r_preserved_directory_is_no_working_directory(attempt, bundle):
    """youki 2663: even a descriptor that the caller wants passed on is not a way out."""
    swap_before_pivot(bundle, "/proc/self/fd/3")
    (bundle.rootfs / "inner").mkdir()
    directory = os.open(bundle.rootfs / "inner", os.O_RDONLY)
    saved = None
    try:
        if directory != 3:
            saved = os.dup(3) if os.path.exists("/proc/self/fd/3") else None
            os.dup2(directory, 3)
        attempt.refused(bundle, OUTSIDE, options=("--preserve-fds", "1"), pass_fds=(3,))
    finally:
        if saved is not None:
            os.dup2(saved, 3)
            os.close(saved)
        if directory != 3:
            os.close(directory)


def test_sec_crun_1_15_the_check_itself(tmp_path):
    """crun's first check was wrong. Here a directory outside lies on the same file system as the root: the C library
    finds a way up from it and says that all is well.
    """
    (tmp_path / "rootfs/proc").mkdir(parents=True)
    (tmp_path / "rootfs/inner").mkdir()

    def child():
        outside = os.open(tmp_path / "rootfs/inner", os.O_RDONLY)
        build(tmp_path, spec_of(DEFAULT_MOUNTS))
        os.chdir("/inner")
        assert is_directory_reachable()
        os.fchdir(outside)
        assert not is_directory_reachable()
        os.chdir("/")
        assert is_directory_reachable()

    isolated(child)


def test_sec_crun_1_15_removed_directory_is_refused(attempt, bundle):
    (bundle.rootfs / "work").mkdir()
    bundle.process["cwd"] = "/work"
    hook = {"path": "/bin/rmdir", "args": ["rmdir", str(bundle.rootfs / "work")]}
    bundle.config["hooks"] = {"createContainer": [hook]}
    attempt.refused(bundle, "/work")
