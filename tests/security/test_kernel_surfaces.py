"""What the kernel offers to every process: cgroup files, upcalls, keys, terminals, sockets, mounts of the host."""

from __future__ import annotations

import ctypes
import os
import select
import struct

import pytest
from support import host, requires
from support.hostile import LIMIT, TOKEN
from support.runtime import ENVIRONMENT, command

from ocipy.linux.libc import syscall

UPCALLS = (
    "/proc/sys/kernel/core_pattern", "/proc/sys/kernel/modprobe", "/proc/sys/kernel/hotplug", "/proc/sysrq-trigger",
    "/proc/sys/fs/binfmt_misc/register", "/sys/kernel/uevent_helper", "/proc/sys/kernel/poweroff_cmd",
    "/sys/kernel/debug/tracing/trace_marker", "/proc/sys/vm/panic_on_oom", "/sys/fs/cgroup/devices/devices.allow",
)  # fmt: skip
# Opening is enough to know, and does no harm where it succeeds.
OPEN_EACH = "for f in {0}; do (exec 3>>$f) 2>/dev/null && echo opened $f; done; true"


# --- cgroups


@requires.cgroup_v1
@pytest.mark.parametrize("namespaced", [True, False])
def test_sec_2022_0492_release_agent(attempt, bundle, namespaced):
    """No file of the cgroup mount can be written, and no further one be mounted."""
    if not namespaced:
        bundle.share("cgroup")
    script = """
        cd /sys/fs/cgroup
        for f in $(find . -name release_agent -o -name notify_on_release -o -name cgroup.procs -o -name tasks); do
            (exec 3>>$f) 2>/dev/null && echo opened $f
        done
        mkdir /sys/fs/cgroup/memory/x 2>/dev/null && echo made
        mkdir /tmp/c && mount -t cgroup -o memory cgroup /tmp/c 2>/dev/null && echo mounted
        mount -o remount,rw /sys/fs/cgroup 2>/dev/null && echo remounted
        unshare -Ur mount -t cgroup -o memory cgroup /tmp/c 2>/dev/null && echo mounted in a namespace
        true"""
    assert attempt.contained(bundle, script) == ""


@pytest.mark.parametrize("namespaced", [True, False])
def test_sec_2023_25809_cgroup_mount_is_readonly(attempt, bundle, namespaced):
    """With `ro` asked for, nothing below it is writable, whether the view is the container's own or everyone's."""
    if not namespaced:
        bundle.share("cgroup")
    script = """
        for f in $(find /sys/fs/cgroup -type f); do [ -w $f ] && (exec 3>>$f) 2>/dev/null && echo opened $f; done
        for d in $(find /sys/fs/cgroup -type d); do mkdir $d/x 2>/dev/null && echo made $d/x; done
        true"""
    assert attempt.contained(bundle, script) == ""


def test_sec_2022_0492_capability_to_administer_is_not_default(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert not int(host.status(box.pid)["CapBnd"], 16) & (1 << 21)


# --- upcalls


def test_sec_kernel_upcalls_are_closed(attempt, bundle):
    """core_pattern and its like run a program as root of the host."""
    assert attempt.contained(bundle, OPEN_EACH.format(" ".join(UPCALLS))) == ""


@pytest.mark.parametrize("parent", ["/proc/sys", "/proc/sys/kernel"])
def test_sec_kernel_upcalls_with_a_volume_on_a_parent(attempt, bundle, parent):
    attempt.refused(bundle.mount(parent, "tmpfs", "tmpfs"), parent, "inside /proc")


def test_sec_kernel_upcalls_with_a_volume_on_sys(attempt, bundle):
    bundle.mount("/sys/kernel", "tmpfs", "tmpfs")
    assert attempt.contained(bundle, OPEN_EACH.format("/sys/kernel/../firmware/x /sys/power/state /sys/module/x")) == ""


def test_sec_runc_no_pivot_nested_proc(attempt, bundle):
    """Without pivot_root no bare procfs of the host lies below, which a user namespace might mount anew."""
    script = """
        unshare -mrpf sh -c 'mount -t proc none /proc && (exec 3>>/proc/sysrq-trigger) && echo opened' 2>/dev/null
        true"""
    for options in ((), ("--no-pivot",)):
        assert attempt.contained(bundle, script, options=options) == ""


# --- keys


@requires.ocipy_itself
def test_sec_keyring_of_the_caller_is_not_inherited(ocipy, bundle):
    libc = ctypes.CDLL(None, use_errno=True)
    keyctl, add_key = (250, 248) if os.uname().machine == "x86_64" else (219, 217)

    def add():
        libc.syscall(keyctl, 1, b"the-callers")  # KEYCTL_JOIN_SESSION_KEYRING
        assert libc.syscall(add_key, b"user", b"ocipy-secret", b"x", 1, -3) > 0  # KEY_SPEC_SESSION_KEYRING

    search = f"""
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
print(libc.syscall({keyctl}, 10, -3, b"user", b"ocipy-secret", 0) > 0)
"""
    python = bundle.host_python()
    found = []
    for options in ((), ("--no-new-keyring",)):
        bundle.args(python, "-ISc", search).write()
        out = ocipy.scratch / f"keys{len(options)}"
        with open(out, "wb") as file:
            words = ("run", "-b", bundle.path, *options, ocipy.new_id())
            assert ocipy.spawn(*words, stdout=file, preexec_fn=add).wait(LIMIT) == 0
        found.append(out.read_text().strip())
    assert found == ["False", "True"]


# --- terminals


@pytest.fixture
def on_terminal(ocipy, bundle):
    """A container whose standard streams are a terminal of the caller, process.terminal being false."""
    master, slave = os.openpty()
    box = ocipy.new_id()
    bundle.args("sleep", "100").write()
    pid_file = bundle.path / "pid"
    words = ("create", "-b", bundle.path, "--pid-file", pid_file, box)
    assert ocipy.spawn(*words, stdin=slave, stdout=slave, stderr=slave).wait(LIMIT) == 0
    ocipy("start", box).ok()
    yield int(pid_file.read_text())
    os.close(master)
    os.close(slave)


def fields_of(pid):
    """The fields of /proc/PID/stat behind the name, the first being the state (number 3 in proc(5))."""
    with open(f"/proc/{pid}/stat") as file:
        return file.read().rpartition(")")[2].split()


def test_sec_2017_5226_terminal_of_the_caller_takes_no_input(on_terminal):
    """A session of its own and no controlling terminal: TIOCSTI is refused by the kernel then."""
    fields = fields_of(on_terminal)
    assert fields[3] == str(on_terminal), "session"
    assert fields[4] == "0", "controlling terminal"


def test_sec_2016_7545_process_group_is_its_own(on_terminal):
    fields = fields_of(on_terminal)
    assert fields[2] == str(on_terminal) and int(fields[2]) != os.getpgrp()


def test_sec_2023_28100_no_virtual_console_by_default(attempt, bundle):
    """TIOCLINUX works on a virtual console alone: none is in /dev, and the device rules open none."""
    bundle.capabilities("CAP_MKNOD")
    script = "ls /dev | grep -E 'tty[0-9]|vcs'; mknod /tmp/t c 4 1; (exec 3<>/tmp/t) 2>/dev/null && echo opened; true"
    assert attempt.contained(bundle, script) == ""


# --- sockets and mounts


def test_sec_2020_15257_no_abstract_sockets(ocipy, scratch, bundle, monkeypatch):
    """In a network namespace that the container shares, none of ours is there at any step."""
    wrapper = scratch / "alone"
    wrapper.write_text(f'#!/bin/sh\nexec unshare --net {command()} "$@"\n')
    wrapper.chmod(0o755)
    monkeypatch.setenv("OCIPY_RUNTIME", str(wrapper))
    look = scratch / "sockets"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", f"cat /proc/net/unix >>{look}"]}
    bundle.config["hooks"] = {"createRuntime": [hook], "createContainer": [hook]}
    box = ocipy.create(bundle.share("network"), "true")
    with open(f"/proc/{box.pid}/net/unix") as file:
        seen = file.read() + look.read_text()
    assert "start" in seen or "/proc/self/fd" in seen, "the socket of start is seen"
    assert "@" not in seen


def test_sec_2020_15257_mounts_are_not_seen_by_the_host(ocipy, shared_host, bundle):
    """Even where all mounts of the host are shared: not one event from create to delete."""
    bundle.linux["maskedPaths"].append("/tmp")
    poll = select.poll()
    with open(f"/proc/{shared_host.pid}/mountinfo") as mountinfo:
        before = mountinfo.read()
        poll.register(mountinfo, select.POLLERR | select.POLLPRI)
        poll.poll(0)
        box = ocipy.create(bundle, "true")
        box.start()
        box.wait()
        box.delete().ok()
        assert poll.poll(0) == []
        shared_host("mount", "--bind", bundle.path, bundle.path)
        assert poll.poll(0), "an event would be seen"
    shared_host("umount", bundle.path)
    with open(f"/proc/{shared_host.pid}/mountinfo") as mountinfo:
        assert mountinfo.read() == before


# --- hooks


LOADED = {"LD_PRELOAD": "/image/evil.so", "LD_LIBRARY_PATH": "/image", "PYTHONPATH": "/image", "PATH": "/image"}


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer", "poststart", "poststop"])
@pytest.mark.parametrize("env", [None, [], ["ONLY=this"]], ids=["absent", "empty", "given"])
def test_sec_2025_23266_environment_of_the_image_reaches_no_hook(ocipy, bundle, scratch, kind, env):
    bundle.process["env"] = [f"{name}={value}" for name, value in LOADED.items()] + ["IMAGE=1"]
    out = scratch / "seen"
    script = f"(tr '\\0' '\\n' </proc/self/environ; pwd) >{out}"
    hook = {"path": "/bin/busybox", "args": ["busybox", "sh", "-c", script]}
    bundle.config["hooks"] = {kind: [hook if env is None else {**hook, "env": env}]}
    ocipy.run(bundle, "/bin/true", cwd=scratch, timeout=LIMIT).ok()
    lines = out.read_text().splitlines()
    assert lines and not any("image" in line.lower() for line in lines), lines
    variables = {line.partition("=")[0] for line in lines if "=" in line}
    if env is not None:
        assert variables <= {"ONLY", "PWD", "SHLVL", "OLDPWD"}, variables
    else:  # LC_CTYPE is the interpreter's own: PEP 538
        assert variables <= {*ENVIRONMENT, "PWD", "SHLVL", "OLDPWD", "LC_CTYPE"}, variables


def test_sec_2025_23266_hook_of_the_host_does_not_begin_in_the_container(ocipy, bundle, scratch):
    out = scratch / "seen"
    script = f"readlink /proc/self/cwd >>{out}; readlink /proc/self/root >>{out}"
    hook = {"path": "/bin/sh", "args": ["sh", "-c", script]}
    bundle.config["hooks"] = {"createRuntime": [hook], "poststart": [hook], "poststop": [hook]}
    ocipy.run(bundle, "true", cwd=scratch, timeout=LIMIT).ok()
    assert set(out.read_text().splitlines()) <= {str(scratch), str(bundle.path), "/"}


def test_sec_bpf_buffers_are_as_large_as_the_kernel_may_write(monkeypatch):
    """opencontainers/cgroups 69: BPF_PROG_QUERY writes beyond an attr that is shorter than the kernel's."""
    from ocipy.linux import bpf

    sizes = []

    def record(name, *arguments, **more):
        assert name == "bpf" and len(arguments[1].raw) == arguments[2]
        sizes.append(arguments[2])
        return syscall(name, *arguments, **more)

    monkeypatch.setattr(bpf, "syscall", record)
    root = host.CGROUP_ROOT if host.CGROUP_V2 else host.CGROUP_ROOT / "unified"
    directory = root / f"ocipy-test-bpf-{os.getpid()}"
    directory.mkdir()
    try:
        cgroup = os.open(directory, os.O_RDONLY)
        program = bpf.load_device_program(struct.pack("<BBhiBBhi", 0xB7, 0, 0, 1, 0x95, 0, 0, 0))  # r0 = 1; exit
        bpf.attach_device_program(cgroup, program)
        for _ in range(1000):
            assert len(bpf.device_programs(cgroup)) == 1
        bpf.detach_device_program(cgroup, program)
        os.close(program)
        os.close(cgroup)
    finally:
        directory.rmdir()
    assert len(sizes) == 1003 and min(sizes) >= 128


def test_sec_this_machine_is_as_it_was():
    """The tests above open no hole themselves: what they aim at is unchanged."""
    assert os.stat("/dev/null").st_mode & 0o777 == 0o666
    with open("/proc/sys/kernel/core_pattern") as file:
        assert TOKEN not in file.read()
