"""What a test needs from the machine; it is skipped, with the reason, where that is missing."""

from __future__ import annotations

import os
import shutil

import pytest

from .host import CGROUP_ROOT, CGROUP_V2, SYSTEMD, status

root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
cgroup_v1 = pytest.mark.skipif(CGROUP_V2, reason="needs cgroup v1: this host has v2 only")
cgroup_v2 = pytest.mark.skipif(not CGROUP_V2, reason="needs cgroup v2: this host has v1 controllers")
systemd = pytest.mark.skipif(not SYSTEMD, reason="needs systemd as the first process")
bare_user = pytest.mark.skipif("OCIPY_TEST_USER" in os.environ, reason="needs a user without session and cgroups")
cgroupfs = pytest.mark.skipif(
    "config.getoption('--cgroup-manager') == 'systemd'",
    reason="systemd has its own rules: DefaultTasksMax for what has no limit; it removes what it made",
)
ocipy_itself = pytest.mark.skipif("OCIPY_RUNTIME" in os.environ, reason="a promise of ocipy alone")


def controller(name: str) -> pytest.MarkDecorator:
    """A cgroup controller, as v1 names it; on v2 the one that does the same job."""
    if CGROUP_V2:
        new = {"blkio": "io", "cpuacct": "cpu"}.get(name, name)
        # v2 has these in the kernel itself.
        there = new in ("freezer", "devices") or new in (CGROUP_ROOT / "cgroup.controllers").read_text().split()
    else:
        there = (CGROUP_ROOT / name).is_dir()
    return pytest.mark.skipif(not there, reason=f"needs the cgroup controller {name}")


def capability(number: int, name: str) -> pytest.MarkDecorator:
    """A capability of the tests themselves: root in a sandbox may lack some."""
    there = int(status(os.getpid())["CapEff"], 16) >> number & 1
    return pytest.mark.skipif(not there, reason=f"needs {name}")


def program(name: str) -> pytest.MarkDecorator:
    return pytest.mark.skipif(shutil.which(name) is None, reason=f"needs the program {name}")
