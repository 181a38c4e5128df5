"""Builds the container's file system alone, in a private mount namespace of a forked child."""

from __future__ import annotations

import os
import time
import traceback

import pytest

from ocipy.errors import OcipyError
from ocipy.init import devices, masks, mounts, root
from ocipy.linux.libc import syscall
from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.plan.rootfs import compile_rootfs
from ocipy.spec.model import Hooks, Linux, Mount, Namespace, Process, Root, Spec, User

HANDLERS = {**root.HANDLERS, **mounts.HANDLERS, **devices.HANDLERS, **masks.HANDLERS}
CLONE_NEWNS = 0x20000
CLONE_NEWUSER = 0x10000000
SECONDS = 20


class Context:
    """The part of the init process's state that the file system needs."""

    def __init__(self, bundle):
        self.root = self.null = self.file_mask = self.directory_mask = -1
        self.proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
        self.bundle = bundle
        self.readonly_later = {}
        self.kernel_mounts = {}
        self.mounted = None
        self.descriptors = {}


def isolated(check, flags=CLONE_NEWNS):
    """Runs `check` in a child with its own mount namespace; what it raises fails the test, a hang as well."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            syscall("unshare", flags)
            check()
            os._exit(0)
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(1)
    os.close(writer)
    deadline = time.monotonic() + SECONDS
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            pytest.fail(f"hung for {SECONDS} s")
        time.sleep(0.005)
    text = os.read(reader, 8192).decode()
    os.close(reader)
    if status:
        pytest.fail(text or f"status {status}")


DEFAULT_MOUNTS = (
    ("/proc", "proc", "proc", ()),
    ("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    ("/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")),
    ("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
)
CGROUPS = HostFacts(cgroup=CgroupFacts(), capabilities=0)


def spec_of(mounts=(), *, readonly=False, cwd="/", namespaces=("mount",), **linux):
    return Spec(
        ociVersion="1.3.0",
        root=Root(path="rootfs", readonly=readonly),
        mounts=tuple(
            Mount(property=f"mounts[{index}]", destination=where, type=type, source=source, options=options)
            for index, (where, type, source, options) in enumerate(mounts)
        ),
        process=Process(args=("true",), cwd=cwd, user=User()),
        hooks=Hooks(),
        linux=Linux(
            namespaces=tuple(
                Namespace(property=f"linux.namespaces[{index}]", type=type) for index, type in enumerate(namespaces)
            ),
            **linux,
        ),
    )


def build(bundle, spec, *, facts=CGROUPS, cgroups=(), no_pivot=False, enter=True, between=None):
    """Executes the file system's plan in this process; `between` is called where hooks are."""
    before, after = compile_rootfs(spec, facts, cgroups, str(bundle), no_pivot)
    init = Context(str(bundle))
    for operation in before:
        kind, *fields = operation.wire()
        HANDLERS[kind](init, *fields)
    if between:
        between(init)
    for operation in after if enter else after[:-1]:
        kind, *fields = operation.wire()
        HANDLERS[kind](init, *fields)
    return init


def run(bundle, spec, check=lambda: None, **options):
    """Builds the container in a child and runs `check` inside it."""
    flags = options.pop("flags", CLONE_NEWNS)

    def child():
        build(bundle, spec, **options)
        check()

    isolated(child, flags)


def refused(bundle, spec, *words, **options):
    def child():
        try:
            build(bundle, spec, **options)
        except (OcipyError, OSError) as error:
            text = str(error)
            missing = [word for word in words if word not in text]
            assert not missing, f"{missing} not in {text!r}"
        else:
            raise AssertionError("was accepted")

    isolated(child)


def mountinfo():
    return {fields[4]: fields for fields in map(str.split, lines_of("/proc/self/mountinfo"))}


def lines_of(path):
    return read(path).splitlines()


def read(path):
    with open(path) as file:
        return file.read()


def write(path, text):
    with open(path, "w") as file:
        file.write(text)


def flags_of(path):
    line = mountinfo()[path]
    return line[5].split(","), line[line.index("-") + 3].split(",")


@pytest.fixture
def bare(tmp_path):
    """A bundle directory without config.json, whose root file system is nearly empty."""
    (tmp_path / "rootfs" / "proc").mkdir(parents=True)
    (tmp_path / "rootfs" / "marker").write_text("inside")
    return tmp_path


@pytest.fixture
def canary(tmp_path):
    """A directory of the host that nothing may touch; checked when the test ends."""
    directory = tmp_path / "canary"
    directory.mkdir()
    (directory / "file").write_text("untouched")
    (directory / "ptmx").write_text("untouched")

    def state():
        result = []
        for name in sorted(os.listdir(directory)):
            status = os.lstat(directory / name)
            facts = (status.st_mode, status.st_ino, status.st_nlink, status.st_uid, status.st_gid, status.st_mtime_ns)
            result.append((name, facts, read(directory / name)))
        return result

    before = state()
    yield directory
    assert state() == before
