"""Fixtures of the security tests: see support/hostile.py."""

from __future__ import annotations

import os
import subprocess

import pytest
from support import host
from support.hostile import Attempt, Canary, Trace
from support.ordinary import user, user_interpreter  # noqa: F401 (fixtures are found by their names here)
from support.runtime import command


@pytest.fixture
def canary(scratch):
    """A tree of the host; the test fails when anything of it was changed, or mounted on."""
    canary = Canary(scratch / "canary")
    yield canary
    canary.check()
    assert host.mntsnap(str(canary.path)) == []


@pytest.fixture
def core_pattern():
    """The program that the kernel runs, as root of the host, when a process crashes: as it was when the test ends."""
    before = _read("/proc/sys/kernel/core_pattern")
    yield
    assert _read("/proc/sys/kernel/core_pattern") == before


def _read(path):
    with open(path) as file:
        return file.read()


@pytest.fixture
def attempt(ocipy):
    return Attempt(ocipy)


@pytest.fixture(scope="session")
def races():
    """How often a race is tried; OCIPY_SECURITY_RACES=500 for a long run."""
    return int(os.environ.get("OCIPY_SECURITY_RACES", "60"))


@pytest.fixture
def image_dev(bundle):
    """A bundle whose /dev comes from the image: no file system is mounted on it or in it."""
    for mount in ("/dev/pts", "/dev/shm", "/dev/mqueue", "/dev"):
        bundle.unmount(mount)
    return bundle


@pytest.fixture
def traced(ocipy, scratch, monkeypatch):
    """A function that creates, starts and awaits a container of the bundle under strace, and gives the Trace."""

    def run(bundle, expression, *options):
        trace = Trace(scratch, expression)
        monkeypatch.setenv("OCIPY_RUNTIME", str(trace.command))
        bundle.write()
        id = ocipy.new_id()
        process = ocipy.spawn("create", "-b", bundle.path, *options, id)
        monkeypatch.delenv("OCIPY_RUNTIME")
        host.wait_for(lambda: process.poll() is not None or _created(ocipy, id), "create")
        if process.poll() is None:
            ocipy("start", id).ok()
        process.wait(host.PATIENCE)
        return trace

    return run


def _created(ocipy, id):
    return '"status": "created"' in ocipy("state", id).out


@pytest.fixture
def shared_host(ocipy, scratch, monkeypatch):
    """A mount namespace whose mounts are all shared, as on a host with systemd, and nobody else's.

    Gives a function that runs a command there; the command line of ocipy runs there, too. Its pid is `.pid`.
    """
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "shared", "sh", "-c", "echo; exec sleep 1000"], stdout=subprocess.PIPE
    )
    holder.stdout.readline()
    enter = scratch / "enter"
    enter.write_text(f'#!/bin/sh\nexec nsenter --mount=/proc/{holder.pid}/ns/mnt --wdns=. {command()} "$@"\n')
    enter.chmod(0o755)
    monkeypatch.setenv("OCIPY_RUNTIME", str(enter))

    def run(*words):
        subprocess.run(["nsenter", f"--mount=/proc/{holder.pid}/ns/mnt", *map(str, words)], check=True)

    run.pid = holder.pid
    yield run
    for id in ocipy.ids:
        ocipy("delete", "--force", id)
    holder.kill()
    holder.wait()
    holder.stdout.close()
