"""Fixtures for real containers: see support/__init__.py."""

from __future__ import annotations

import ctypes
import os
import shutil
import signal
import subprocess
import tempfile
import time
from glob import glob
from pathlib import Path

import pytest
from support import host
from support.bundle import Bundle, make_rootfs
from support.runtime import Runtime, reap

PR_SET_CHILD_SUBREAPER = 36
_HERE = Path(__file__).parent

# What a shell starts in the background ignores these, and so would all that the tests start.
for _number in signal.SIGINT, signal.SIGQUIT:
    if signal.getsignal(_number) == signal.SIG_IGN:
        signal.signal(_number, signal.default_int_handler if _number == signal.SIGINT else signal.SIG_DFL)


def pytest_addoption(parser):
    parser.addoption("--cgroup-manager", choices=("cgroupfs", "systemd"), default="cgroupfs", help="of all containers")


def pytest_configure(config):
    Runtime.systemd = config.getoption("--cgroup-manager") == "systemd"


def pytest_collection_modifyitems(items):
    if os.geteuid() != 0:
        for item in items:
            if _HERE / "unit" not in item.path.parents:
                item.add_marker(pytest.mark.skip(reason="needs root"))


@pytest.fixture(scope="session", autouse=True)
def kept_interpreter():
    """The first container since boot leaves a mount for those to come (linux/interpreter.py): not after the tests."""
    before = set(glob("/run/ocipy.*"))
    yield
    for path in set(glob("/run/ocipy.*")) - before:
        subprocess.run(["umount", "-l", f"{path}/python3"], check=False)
        shutil.rmtree(path)


@pytest.fixture(scope="session")
def subreaper():
    """Containers become children of the tests, as they do of conmon or a containerd shim."""
    assert ctypes.CDLL(None, use_errno=True).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) == 0


@pytest.fixture
def scratch():
    """A directory that is gone after the test; a mount left in it fails the test."""
    path = Path(tempfile.mkdtemp(prefix="ocipy-test-"))
    path.chmod(0o755)
    yield path
    left = host.mntsnap(str(path))
    for line in reversed(left):
        subprocess.run(["umount", "-l", line.split(" ")[4]], check=False)
    subprocess.run(["rm", "-rf", "--one-file-system", path], check=True)
    assert not left, "mounts left on the host:\n" + "\n".join(left)


@pytest.fixture
def make_bundle(scratch):
    """A function that gives a new Bundle; rootfs: another's root file system to share."""
    made = []

    def make(rootfs=None):
        made.append(Bundle(scratch / f"bundle{len(made)}", rootfs))
        return made[-1]

    return make


@pytest.fixture
def bundle(make_bundle):
    return make_bundle()


@pytest.fixture
def ocipy(scratch, subreaper):
    before = set(reap())
    logs = scratch / "output"
    logs.mkdir()
    runtime = Runtime(logs)
    yield runtime
    left = runtime.close()
    # A killed process leaves its cgroup a moment before it can be reaped.
    deadline = time.monotonic() + host.PATIENCE
    while set(reap()) - before and time.monotonic() < deadline:
        time.sleep(0.01)
    for pid in set(reap()) - before:
        left.append(f"process {pid}: {Path(f'/proc/{pid}/cmdline').read_bytes()!r}")
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    assert not left, "left behind:\n" + "\n".join(left)


@pytest.fixture
def rootfs(scratch):
    """A root file system without a bundle around it."""
    return make_rootfs(scratch / "lonely-rootfs")
