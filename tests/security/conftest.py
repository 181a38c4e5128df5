"""Fixtures of the security tests: see support/hostile.py."""

from __future__ import annotations

import pytest
from support import host
from support.hostile import Attempt, Canary


@pytest.fixture
def canary(scratch):
    canary = Canary(scratch / "canary")
    yield canary
    canary.check()
    assert host.mntsnap(str(canary.path)) == []


@pytest.fixture
def attempt(ocipy):
    return Attempt(ocipy)


@pytest.fixture
def image_dev(bundle):
    """A bundle whose /dev comes from the image: no file system is mounted on it or in it."""
    for mount in ("/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"):
        bundle.unmount(mount)
    return bundle
