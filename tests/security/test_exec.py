"""exec: a process that enters a container whose programs wait for it."""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
import pty
import select
import shutil
import struct
import subprocess
import termios

import pytest
from support import host, hostile, probe, requires
from support.hostile import LIMIT, Pauser, Trace, check_refusal
from support.runtime import ENVIRONMENT, LAUNCHER, end_all_but_init, reap
from support.users import mapped

pytestmark = requires.ocipy_itself
PACKAGE = LAUNCHER.parents[1]
X86_64 = {"setns": 308, "setsid": 112, "setresuid": 117, "capset": 126, "chdir": 80}
NOTHING = "0" * 16


@pytest.fixture
def box(ocipy, bundle):
    """A function that starts a container of the bundle, and ends what exec leaves in it."""
    boxes = []

    def start(*args, **how):
        boxes.append(ocipy.start(bundle, *(args or ("sleep", "1000")), **how))
        return boxes[-1]

    yield start
    for one in boxes:
        end_all_but_init(one)


@pytest.fixture
def interpreter(scratch, monkeypatch):
    """A copy that only ocipy runs from: the kernel forbids to write a file that anybody executes."""
    copy = scratch / "python"
    shutil.copy(os.path.realpath("/usr/bin/python3"), copy)
    runner = scratch / "runner"
    runner.write_text(f'#!/bin/sh\nexec {copy} -IS {PACKAGE}/__main__.py "$@"\n')
    runner.chmod(0o755)
    monkeypatch.setenv("OCIPY_RUNTIME", str(runner))
    before = hashlib.sha256(copy.read_bytes()).digest()
    yield copy
    assert hashlib.sha256(copy.read_bytes()).digest() == before, "the host's interpreter was overwritten"


# --- what the container can see of the process that enters


def entering(ocipy, box, monkeypatch, look, *flags):
    """Runs an exec and calls look(pid) before each of some system calls of the process in the container."""
    seen = []

    def before(call):
        if host.namespace(call.pid, "pid") == host.namespace(box.pid, "pid"):
            seen.append(call.name)
            look(call.pid)

    # Of the process's birth, the end of its setup, and what lies between.
    monkeypatch.setattr(hostile, "NUMBERS", hostile.NUMBERS | X86_64)
    pauser = Pauser(("setns", "setsid", "setresuid", "capset", "chdir"), before)
    result = pauser.run(ocipy, "exec", *flags, box.id, "true")
    assert result.code == 0, result
    assert {"setns", "setsid", "setresuid", "capset", "chdir"} <= set(seen)


def test_sec_2016_9962_exec_is_not_dumpable(ocipy, bundle, box, monkeypatch):
    """The kernel gives the files of a process that is not dumpable to root, whoever it runs as, and to nobody else."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}

    def look(pid):
        assert os.stat(f"/proc/{pid}/environ").st_uid == 0

    entering(ocipy, box(), monkeypatch, look)


def test_sec_2016_9962_exec_gives_nothing_to_a_container_that_watches(ocipy, bundle, box, monkeypatch):
    one = box()
    got = []

    def look(pid):
        # As root without capabilities, such as CAP_SYS_PTRACE: what a container has.
        script = "cd /proc/$0; readlink cwd root exe fd/0 fd/3; head -c 1 environ; head -c 1 mem"
        words = ["setpriv", "--bounding-set=-all", "sh", "-c", script, str(pid)]
        got.append(subprocess.run(words, capture_output=True, text=True).stdout)

    entering(ocipy, one, monkeypatch, look)
    assert set(got) == {""}


def test_sec_2016_9962_exec_gives_nothing_to_the_root_of_a_user_namespace(ocipy, bundle, box, monkeypatch):
    """It may trace whatever is in its namespace, but for a process that is not dumpable and began outside of it."""
    mapped(bundle)
    one = box()
    got = []

    def look(pid):
        script = "cd /proc/$0 && readlink cwd root exe fd/0 fd/3; head -c 1 environ; head -c 1 mem"
        words = ["nsenter", "-t", str(one.pid), "--user", "-S", "0", "-G", "0", "sh", "-c", script, str(pid)]
        got.append(subprocess.run(words, capture_output=True, text=True).stdout)

    entering(ocipy, one, monkeypatch, look)
    assert set(got) == {""}


def test_sec_2016_9962_exec_has_no_directory_of_the_host(ocipy, bundle, box, monkeypatch):
    """Not even a container that may trace (CAP_SYS_PTRACE) finds more than the program, which it cannot write."""
    one = box()
    root = os.stat(f"/proc/{one.pid}/root")

    def look(pid):
        directories = [number for number in host.fdsnap(pid) if os.path.isdir(f"/proc/{pid}/fd/{number}")]
        if directories:
            # Its birth: what is left is closed by its first call.
            assert [host.fdsnap(pid)[number].startswith("/sys/fs/cgroup/") for number in directories] == [True]
        for name in ("root", "cwd"):
            there = os.stat(f"/proc/{pid}/{name}")
            assert (there.st_dev, there.st_ino) == (root.st_dev, root.st_ino), name
        assert os.statvfs(f"/proc/{pid}/exe").f_flag & os.ST_RDONLY

    entering(ocipy, one, monkeypatch, look)


# --- the interpreter

KEEP = """#!/proc/self/exe
import os
os.dup2(os.open("/proc/self/exe", os.O_RDONLY), 50)
os.execv("/bin/sh", ["sh", "-c", '''
    while [ ! -e /go ]; do sleep 0.01; done
    (echo overwritten >>/proc/self/fd/50) 2>&1
    touch /tmp/bound
    mount -o bind /proc/self/fd/50 /tmp/bound 2>/dev/null && mount -o remount,rw,bind /tmp/bound
    mount -o remount,rw /proc/self/fd/50
    (echo overwritten >>/tmp/bound) 2>&1
    exit 0'''])
"""


@pytest.mark.parametrize("capabilities", [(), ("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_SYS_CHROOT")])
def test_sec_2019_5736_exec_overwriting_the_interpreter(ocipy, interpreter, bundle, box, scratch, capabilities):
    bundle.host_python()
    bundle.capabilities(*capabilities)
    bundle.file("entry", KEEP, 0o755)
    one = box()
    with open(scratch / "said", "wb") as file:
        ocipy.spawn("exec", "-d", "--pid-file", scratch / "pid", one.id, "/entry", stdout=file, stderr=file).wait(LIMIT)
    pid = int((scratch / "pid").read_text())
    host.wait_for(lambda: host.status(pid)["Name"] == "sh", "the shell that kept the descriptor")
    (bundle.rootfs / "go").touch()
    os.waitpid(pid, 0)
    assert "Read-only file system" in (scratch / "said").read_text()


def names_of_modules():
    import sysconfig
    from pathlib import Path

    standard = Path(sysconfig.get_path("stdlib"))
    yield from standard.glob("*.py")
    yield from standard.glob("encodings/*.py")
    yield from PACKAGE.rglob("*.py")


def test_sec_python_exec_meets_fifos_in_the_place_of_files(ocipy, bundle, box):
    """An import, a traceback or a look-up by the C library would wait for ever."""
    for path in names_of_modules():
        place = bundle.rootfs / str(path)[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        os.mkfifo(place)
    for name in ("nsswitch.conf", "localtime", "ld.so.cache", "ld.so.preload", "hosts", "passwd", "group"):
        (bundle.rootfs / "etc" / name).unlink(missing_ok=True)
        os.mkfifo(bundle.rootfs / "etc" / name)
    bundle.file("bin/script", "#!/no/interpreter\n", 0o755)
    one = box()
    for user in ("0", "1000"):
        ocipy("exec", "-u", user, one.id, "true", timeout=LIMIT).ok()
        check_refusal(ocipy("exec", "-u", user, one.id, "no-such-program", timeout=LIMIT), "not found")
        check_refusal(ocipy("exec", "-u", user, one.id, "script", timeout=LIMIT), "no such file")
        check_refusal(ocipy("exec", "-u", user, "--cwd", "/none", one.id, "true", timeout=LIMIT), "no such file")
    master, slave = pty.openpty()
    assert ocipy.spawn("exec", "-t", one.id, "true", stdin=slave, stdout=slave).wait(LIMIT) == 0
    os.close(master)
    os.close(slave)


ALLOWED = {
    "chdir": lambda arguments: arguments in ('"/work"', '"."'),
    "getcwd": lambda arguments: True,
    "stat": lambda arguments: '/tool"' in arguments,
    "newfstatat": lambda arguments: '/tool"' in arguments or "AT_EMPTY_PATH" in arguments,
    "faccessat2": lambda arguments: '/tool"' in arguments,
    "execve": lambda arguments: '"/usr/bin/tool"' in arguments,
}


@pytest.mark.parametrize("user", [0, 1000])
def test_sec_python_exec_touches_no_path_after_it_entered(ocipy, bundle, box, scratch, monkeypatch, user):
    bundle.file("usr/bin/tool", "#!/bin/sh\n", 0o755)
    (bundle.rootfs / "work").mkdir()
    bundle.process["user"] = {"uid": user, "gid": user}
    bundle.process.update(cwd="/work", oomScoreAdj=10, noNewPrivileges=True)
    one = box()
    trace = Trace(scratch, "%file,open_tree,mount_setattr,fchdir,setns,prctl,clone3")
    monkeypatch.setenv("OCIPY_RUNTIME", str(trace.command))
    ocipy("exec", one.id, "tool", timeout=6 * LIMIT).ok()
    monkeypatch.delenv("OCIPY_RUNTIME")
    assert [name for name, _arguments, _result in trace.calls(of="clone3")][-2:] == ["setns", "clone3"]
    # The process itself enters the cgroup namespace, once it is in its cgroup.
    calls = [call for call in trace.calls(of="chdir") if call[0] != "prctl"]
    assert calls[0][0] == "setns"
    touched = calls[1 : [name for name, *_rest in calls].index("execve") + 1]
    assert len(touched) > 4
    for name, arguments, _result in touched:
        assert ALLOWED.get(name, lambda _: False)(arguments), f"{name}({arguments})"


# --- directories and descriptors of the host


def test_sec_2024_21626_exec_in_the_directory_of_a_descriptor(ocipy, box):
    one = box()
    for number in range(3, 20):
        for tail in ("", "/..", "/../.."):
            path = f"/proc/self/fd/{number}{tail}"
            check_refusal(ocipy("exec", "--cwd", path, one.id, "true", timeout=LIMIT))


def test_sec_2024_21626_exec_of_a_program_behind_a_descriptor(ocipy, box):
    one = box()
    for number in range(3, 20):
        check_refusal(ocipy("exec", one.id, f"/proc/self/fd/{number}/../../bin/sh", timeout=LIMIT))


def test_sec_2024_21626_exec_with_a_directory_of_the_callers(ocipy, box, scratch):
    one = box()
    leak = ["sh", "-c", f'exec "$@" 9<{scratch}', "sh"]
    result = ocipy("exec", one.id, "ls", "-l", "/proc/self/fd", prefix=leak, timeout=LIMIT).ok()
    assert str(scratch) not in result.out.replace(f"{scratch}/output", "")
    check_refusal(ocipy("exec", "--cwd", "/proc/self/fd/9", one.id, "true", prefix=leak, timeout=LIMIT))


def test_sec_ghsa_xr7r_exec_with_a_preserved_directory_as_working_directory(ocipy, box, scratch):
    one = box()
    leak = ["sh", "-c", f'exec "$@" 3<{scratch}', "sh"]
    flags = ("--preserve-fds", "1", "--cwd", "/proc/self/fd/3")
    check_refusal(ocipy("exec", *flags, one.id, "true", prefix=leak, timeout=LIMIT), "outside the container")


# --- the terminal

FALSE_PTMX = {
    "file system": "mount -t tmpfs none /dev/pts; touch /dev/pts/ptmx",
    "fifo": "mount -t tmpfs none /dev/pts; mkfifo /dev/pts/ptmx",
    "link": "mount -t tmpfs none /dev/pts; ln -s /proc/1/root/dev/null /dev/pts/ptmx",
    "mount on ptmx": "mount -o bind /dev/null /dev/pts/ptmx",
    "link to another": "umount /dev/pts; rmdir /dev/pts; ln -s /proc/self/root/other /dev/pts",
}


@pytest.mark.parametrize("change", FALSE_PTMX.values(), ids=FALSE_PTMX.keys())
def test_sec_2025_52565_exec_with_a_false_ptmx(ocipy, bundle, box, change):
    bundle.capabilities("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_MKNOD")
    one = box()
    ocipy("exec", one.id, "sh", "-c", change).ok()
    master, slave = pty.openpty()
    with open(bundle.path / "said", "wb") as file:
        running = ocipy.spawn("exec", "-t", one.id, "true", stdin=slave, stdout=slave, stderr=file)
        assert running.wait(LIMIT) == 255
    assert "/dev/pts" in (bundle.path / "said").read_text()
    os.close(master)
    os.close(slave)
    assert reap() == [one.pid]


def test_sec_crun_1_20_exec_has_a_session_of_its_own(ocipy, bundle, box):
    """TIOCSTI (CVE-2017-5226): a terminal that is not the controlling one takes no input from a program."""
    one = box()
    master, slave = pty.openpty()

    def control():
        os.setsid()
        fcntl.ioctl(slave, termios.TIOCSCTTY, 0)

    script = "cut -d' ' -f 6,7 /proc/self/stat >/said; (: </dev/tty) && echo tty >>/said; true"
    running = ocipy.spawn("exec", one.id, "sh", "-c", script, stdin=slave, stdout=slave, preexec_fn=control)
    assert running.wait(LIMIT) == 0
    os.close(master)
    os.close(slave)
    session, terminal = (bundle.rootfs / "said").read_text().split()
    assert session != "0" and terminal == "0"


# --- who it is


@pytest.mark.parametrize(("text", "ids"), [
    ("1", "1 0"), ("1:2", "1 2"), ("0", "0 0"), ("0:5", "0 5"), ("4294967294", "4294967294 0"),
    ("2147483648:2147483648", "2147483648 2147483648"),
])
def test_sec_2026_30892_exec_as_exactly_this_user(ocipy, box, text, ids):
    result = ocipy("exec", "-u", text, box().id, "grep", "-E", "^[UG]id", "/proc/self/status").ok()
    assert [line.split()[1:] for line in result.out.splitlines()] == [[id] * 4 for id in ids.split()]


@pytest.mark.parametrize("text", [
    "1:", ":2", ":", "4294967295", "4294967296", "1:4294967295", "18446744073709551616", "-1", "+1", "0x1", " 1", "1 ",
    "１", "1_0", "root", "1:2:3", "1.0", "\n1",
])
def test_sec_2026_30892_exec_as_no_user(ocipy, box, text):
    check_refusal(ocipy("exec", "-u", text, box().id, "id", timeout=LIMIT), "--user")


def test_sec_2016_3697_exec_as_a_number_that_is_a_name_in_the_image(ocipy, bundle, box):
    bundle.file("etc/passwd", "1000:x:0:0::/:/bin/sh\nroot:x:0:0::/root:/bin/sh\n")
    result = ocipy("exec", "--user", "1000", box().id, "sh", "-c", "id -u; id -g").ok()
    assert result.out.split() == ["1000", "0"]


def test_sec_2022_29162_exec_with_a_capability_has_no_inheritable_one(ocipy, bundle, box):
    one = box()
    for user in ("0", "1000"):
        words = ("exec", "--cap", "CAP_NET_RAW", "-u", user, one.id, "grep", "Cap", "/proc/self/status")
        shown = dict(line.split() for line in ocipy(*words).ok().out.splitlines())
        assert (shown["CapInh:"], shown["CapAmb:"]) == (NOTHING, NOTHING)


def test_sec_2022_27651_exec_of_a_file_with_an_inheritable_capability(ocipy, bundle, box):
    program = bundle.rootfs / "bin/with-capability"
    shutil.copy(bundle.rootfs / "bin/busybox", program)
    mask = 1 << 13
    os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000000 | 1, 0, mask, 0, 0))
    (bundle.rootfs / "opt").mkdir()
    program.rename(bundle.rootfs / "opt/grep")
    words = ("--cap", "CAP_NET_RAW", "-u", "1000", box().id, "/opt/grep", "CapEff", "/proc/self/status")
    assert ocipy("exec", *words).ok().out.split() == ["CapEff:", NOTHING]


def test_sec_2025_27612_exec_with_a_capability_of_the_file_alone(ocipy, bundle, box, scratch):
    document = {"args": ["grep", "Cap", "/proc/self/status"], "cwd": "/", "user": {"uid": 0, "gid": 0},
                "env": ["PATH=/bin"], "capabilities": {"bounding": ["CAP_NET_RAW"]}}  # fmt: skip
    (scratch / "process.json").write_text(json.dumps(document))
    shown = dict(line.split() for line in ocipy("exec", "-p", scratch / "process.json", box().id).ok().out.splitlines())
    # Root's permitted set comes of the bounding one, at execve(2).
    assert int(shown["CapBnd:"], 16) == int(shown["CapPrm:"], 16) == 1 << 13
    assert (shown["CapInh:"], shown["CapAmb:"]) == (NOTHING, NOTHING)


def test_sec_keyring_exec_joins_the_one_of_the_container(ocipy, bundle, box, scratch):
    probe.write(bundle.rootfs / "probe", ("keyctl", 0, 2**64 - 3, 0))  # KEYCTL_GET_KEYRING_ID, KEY_SPEC_SESSION_KEYRING
    one = box()
    ids = {probe.results(ocipy("exec", one.id, "/probe").ok()._out)[0] for _ in range(2)}
    other = ocipy.run(bundle, "/probe")
    assert len(ids) == 1
    assert ids.isdisjoint(probe.results(other.ok()._out))


# --- the container's bounds


@pytest.mark.parametrize("path", ["../x", "./../x", "a/../../x", "/..", "pids:../x", "..", "a/.."])
def test_sec_runc_3403_exec_in_a_cgroup_outside(ocipy, box, path):
    one = box()
    before = {path: path.joinpath("cgroup.procs").read_text() for path in host.cgsnap(one.id)}
    check_refusal(ocipy("exec", "--cgroup", path, one.id, "true", timeout=LIMIT), "sub cgroup")
    assert {path: path.joinpath("cgroup.procs").read_text() for path in host.cgsnap(one.id)} == before


def test_sec_runc_2532_exec_changes_no_mount_of_the_host(ocipy, box):
    """Programs that watch the mount table would read it anew with every health check."""
    one = box()
    ocipy("exec", one.id, "true").ok()
    with open("/proc/self/mountinfo") as file:
        poll = select.poll()
        poll.register(file, select.POLLPRI | select.POLLERR)
        file.read()
        poll.poll(0)
        before = host.mntsnap()
        for _ in range(10):
            ocipy("exec", one.id, "true").ok()
        assert host.mntsnap() == before


def test_sec_state_exec_does_not_enter_a_process_that_took_the_pid_over(ocipy, box):
    one = box()
    record = ocipy.root / one.id / "state.json"
    document = json.loads(record.read_text())
    try:
        record.write_text(json.dumps({**document, "init_process_start": document["init_process_start"] - 1}))
        check_refusal(ocipy("exec", one.id, "true", timeout=LIMIT), "cannot exec in a stopped container")
        record.write_text(json.dumps({**document, "init_process_pid": os.getpid()}))
        check_refusal(ocipy("exec", one.id, "true", timeout=LIMIT), "cannot exec in a stopped container")
    finally:
        record.write_text(json.dumps(document))


def test_sec_runc_5208_exec_returns_a_hundred_times(ocipy, box):
    one = box()
    for _ in range(100):
        assert ocipy("exec", one.id, "sh", "-c", "exit 3", timeout=LIMIT).code == 3
    assert reap() == [one.pid]
    assert host.processes_of(one.id) == [one.pid]


def test_sec_runc_2530_exec_with_an_error_that_nobody_reads(ocipy, box):
    read, write = os.pipe()
    os.set_blocking(write, False)
    with pytest.raises(BlockingIOError):
        while True:
            os.write(write, b"x" * 4096)
    os.set_blocking(write, True)
    running = ocipy.spawn("exec", box().id, "x" * 100_000, stderr=subprocess.DEVNULL, stdout=write, env=ENVIRONMENT)
    assert running.wait(LIMIT) == 255
    os.close(read)
    os.close(write)
