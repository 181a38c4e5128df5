"""The interpreter inside a container: sealed, frozen, and closed to those who look at it."""

from __future__ import annotations

import hashlib
import marshal
import os
import shutil
import subprocess
import sys
import sysconfig
from importlib.util import MAGIC_NUMBER
from pathlib import Path

import pytest
from support import host, requires
from support.hostile import LIMIT, check_refusal
from support.runtime import ENVIRONMENT, LAUNCHER

pytestmark = requires.ocipy_itself
PACKAGE = LAUNCHER.parents[1]
KEEP = """#!/proc/self/exe
import os
os.dup2(os.open("/proc/self/exe", os.O_RDONLY), 50)
os.execv("/bin/sh", ["sh", "-c", '''
    while [ ! -e /go ]; do sleep 0.01; done
    readlink /proc/self/fd/50
    %s
    for way in /proc/self/fd/50 /tmp/bound; do
        [ -e $way ] && (echo overwritten >>$way) 2>&1
    done
    exit 0'''])
"""
REMOUNT = """
    touch /tmp/bound
    mount -o bind /proc/self/fd/50 /tmp/bound && mount -o remount,rw,bind /tmp/bound
    mount -o remount,rw /proc/self/fd/50"""


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


def keep(ocipy, bundle, more=""):
    """Runs an image whose program is the runtime's own interpreter; what its open for writing said, in the end."""
    bundle.host_python()
    bundle.file("entry", KEEP % more, 0o755)
    box = ocipy.create(bundle, "/entry").start()
    host.wait_for(lambda: host.status(box.pid)["Name"] == "sh", "the shell that kept the descriptor")
    (bundle.rootfs / "go").touch()
    assert box.wait() == 0, box.output()
    return box.output() + box.result.err


def test_sec_2019_5736_overwriting_the_interpreter(ocipy, interpreter, bundle):
    said = keep(ocipy, bundle)
    assert "Read-only file system" in said, said


def test_sec_2019_5736_with_the_right_to_mount(ocipy, interpreter, bundle):
    bundle.capabilities("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE", "CAP_SYS_CHROOT")
    said = keep(ocipy, bundle, REMOUNT)
    assert "Read-only file system" in said, said


def test_sec_youki_343_sealed_without_any_trick_of_the_image(ocipy, bundle):
    """Not re-executing oneself is no defence: the file behind /proc/PID/exe itself cannot be opened for writing."""
    box = ocipy.create(bundle, "true")
    assert os.path.samefile(f"/proc/{box.pid}/exe", "/usr/bin/python3")
    assert os.statvfs(f"/proc/{box.pid}/exe").f_flag & os.ST_RDONLY


HOME = f"/run/ocipy.{sys.implementation.cache_tag}"
KEPT = f"{HOME}/python3"


def in_own_mounts(bundle, prepare, check):
    """Runs a container where nothing is kept and `prepare` has been run; gives what `check` says there after it."""
    bundle.args("true").write()
    script = f"""set -e
    mount --make-rprivate /
    umount -l {KEPT} || true
    {prepare}
    {LAUNCHER} --root {bundle.path}/state run -b {bundle.path} ocipy-test-sealed
    {check}"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_sec_2019_5736_first_container_keeps_a_sealed_interpreter_for_the_next(ocipy, bundle):
    """Read-only, and no gate to more rights: it stays on the host until somebody unmounts it."""
    said = in_own_mounts(bundle, "", f"findmnt -no OPTIONS {KEPT}")
    assert {"ro", "nosuid", "nodev"} <= set(said.strip().split(","))
    box = ocipy.create(bundle, "true")
    assert os.readlink(f"/proc/{box.pid}/exe") == KEPT


def test_sec_2019_5736_another_file_in_the_place_of_the_kept_interpreter_is_not_run(bundle):
    """As after an update of Python; what is found there is replaced."""
    prepare = f"mkdir -p {HOME}; touch {KEPT}; mount --bind /bin/false {KEPT}"
    said = in_own_mounts(bundle, prepare, f"stat -c %i {KEPT}")
    assert int(said) == os.stat("/usr/bin/python3").st_ino


def test_many_first_containers_at_once_keep_one_interpreter(bundle):
    """The second begins as if there were none yet."""
    late = f"/usr/bin/python3 -IS {LAUNCHER.parent.parent}/__main__.py --root {bundle.path}/state"
    count = f"grep -c ' {KEPT} ' /proc/self/mountinfo"
    before, after = in_own_mounts(bundle, "", f"{count}; {late} run -b {bundle.path} ocipy-test-late; {count}").split()
    assert before == after


def test_sec_2019_5736_sealed_where_nothing_can_be_kept(bundle):
    in_own_mounts(bundle, "mount -t tmpfs -o ro none /run", f"! mountpoint -q {KEPT}")


def test_kept_interpreter_starts_without_a_look_at_the_whole_library_and_has_it_all_the_same(bundle):
    listed = "strace -qq -e trace=openat -o /dev/stdout"
    said = in_own_mounts(bundle, "", f"{LAUNCHER} --version; {listed} {LAUNCHER} --version; {LAUNCHER} features")
    library = os.path.dirname(os.__file__)
    assert f'"{HOME}/lib/' in said and f'"{library}", ' not in said
    assert '"ociVersionMax"' in said


# --- frozen

PATHS = [path for path in sys.path if path.startswith("/usr") and os.path.isdir(path)] + [str(PACKAGE.parent)]
PLANTED = "import os\nos.mkdir('/PLANTED')\n"


def names_of_modules():
    """Paths, as the host has them, of the modules that the interpreter of the host would look for."""
    standard = Path(sysconfig.get_path("stdlib"))
    yield from (path for path in standard.glob("*.py"))
    yield from standard.glob("encodings/*.py")
    yield from PACKAGE.rglob("*.py")
    yield PACKAGE.parent / "json.py"


def plant_modules(rootfs, make):
    for path in names_of_modules():
        place = rootfs / str(path)[1:]
        place.parent.mkdir(parents=True, exist_ok=True)
        make(place)
    for cached in PACKAGE.rglob("__pycache__"):
        (rootfs / str(cached)[1:]).mkdir(parents=True, exist_ok=True)
    online = rootfs / "sys/devices/system/cpu/online"
    online.parent.mkdir(parents=True, exist_ok=True)
    os.mkfifo(online)


def everything_that_can_fail(ocipy, bundle):
    """create, a failing create, start, failing start and a signal to the waiting init: each within the limit."""
    bundle.unmount("/sys").unmount("/sys/fs/cgroup")
    bundle.mount("/etc", "tmpfs", "tmpfs", "tmpcopyup")
    ocipy.run(bundle, "true", timeout=LIMIT).ok()
    check_refusal(ocipy.created(bundle, "no-such-program", timeout=LIMIT), "not found")
    bundle.file("bin/script", "#!/no/interpreter\n", 0o755)
    box = ocipy.create(bundle, "script", timeout=LIMIT)
    check_refusal(ocipy("start", box.id, timeout=LIMIT), "no such file")
    box = ocipy.create(bundle, "true", timeout=LIMIT)
    box.kill("INT").ok()
    host.wait_for(lambda: host.exited(box.pid), "the end of init after SIGINT", LIMIT)
    assert "Traceback" not in box.result.err
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    ocipy.run(bundle, "true", timeout=LIMIT).ok()


def test_sec_2019_14271_planted_modules_are_not_loaded(ocipy, bundle):
    plant_modules(bundle.rootfs, lambda place: place.write_text(PLANTED))
    everything_that_can_fail(ocipy, bundle)
    assert not (bundle.rootfs / "PLANTED").exists() and not os.path.exists("/PLANTED")


def test_sec_python_fifos_in_the_place_of_modules(ocipy, bundle):
    """An import, a traceback or a look-up by the C library would wait for ever."""
    plant_modules(bundle.rootfs, os.mkfifo)
    for name in ("etc/nsswitch.conf", "etc/localtime", "etc/ld.so.cache", "etc/ld.so.preload", "etc/hosts"):
        os.mkfifo(bundle.rootfs / name)
    bundle.unmount("/proc")
    for name in ("maskedPaths", "readonlyPaths"):
        del bundle.linux[name]
    everything_that_can_fail(ocipy, bundle)


ALLOWED = {
    "chdir": lambda arguments, bundle: arguments in ('"/"', '"/work"', '"."'),
    "umount2": lambda arguments, bundle: arguments == '".", MNT_DETACH',
    "pivot_root": lambda arguments, bundle: True,
    "getcwd": lambda arguments, bundle: True,
    "stat": lambda arguments, bundle: '/tool"' in arguments,
    "newfstatat": lambda arguments, bundle: '/tool"' in arguments or "AT_EMPTY_PATH" in arguments,
    "faccessat2": lambda arguments, bundle: '/tool"' in arguments,
    "execve": lambda arguments, bundle: '"/usr/bin/tool"' in arguments,
    "mount_setattr": lambda arguments, bundle: ', "", AT_EMPTY_PATH' in arguments,
    "openat2": lambda arguments, bundle: '"self/' in arguments and "RESOLVE_BENEATH" in arguments,
}


@pytest.mark.parametrize("user", [0, 1000])
def test_sec_python_no_path_is_touched_after_the_change_of_root(traced, bundle, user):
    """Between pivot_root and execve: the working directory, the look-up of the program, and nothing else."""
    bundle.file("usr/bin/tool", "#!/bin/sh\n", 0o755)
    (bundle.rootfs / "work").mkdir()
    bundle.process["user"] = {"uid": user, "gid": user}
    bundle.process.update(cwd="/work", oomScoreAdj=10, noNewPrivileges=True)
    calls = traced(bundle.args("tool"), "%file,open_tree,mount_setattr,fchdir").calls(of="pivot_root")
    names = [name for name, _arguments, _result in calls]
    touched = calls[names.index("pivot_root") : names.index("execve") + 1]
    assert len(touched) > 5
    for name, arguments, _result in touched:
        assert name == "fchdir" or ALLOWED.get(name, lambda *_: False)(arguments, bundle), f"{name}({arguments})"


def test_sec_python_nothing_is_imported_late():
    """After the freeze an import fails: what init runs has none inside a function."""
    import ast

    for room in ("init", "linux"):
        for path in (PACKAGE / room).glob("*.py"):
            if path.name in ("proc.py", "bpf.py", "interpreter.py"):  # the host's side alone
                continue
            for function in ast.walk(ast.parse(path.read_text())):
                if isinstance(function, ast.FunctionDef):
                    late = [node for node in ast.walk(function) if isinstance(node, (ast.Import, ast.ImportFrom))]
                    assert not late, f"{path.name}: {function.name}"


@pytest.mark.parametrize("name", ["os.py", "json.py", "ctypes/__init__.py", "_socket.py", "ocipy/__init__.py"])
def test_sec_python_modules_of_the_callers_directory(ocipy, bundle, name):
    (bundle.path / name).parent.mkdir(exist_ok=True)
    (bundle.path / name).write_text(f"raise SystemExit(open({str(bundle.path / 'ran')!r}, 'w'))")
    (bundle.path / "sitecustomize.py").write_text((bundle.path / name).read_text())
    where = str(bundle.path)
    environment = ENVIRONMENT | {
        "PYTHONPATH": where, "PYTHONHOME": where, "PYTHONSTARTUP": f"{where}/{name}", "PYTHONINSPECT": "1",
        "PYTHONUSERBASE": where, "PYTHONBREAKPOINT": "json.x", "PYTHONWARNINGS": "error",
    }  # fmt: skip
    ocipy.run(bundle, "true", env=environment, cwd=bundle.path, timeout=LIMIT).ok()
    assert not (bundle.path / "ran").exists()


@pytest.fixture
def package(scratch, monkeypatch):
    """A checkout of its own, whose archives of code this test may spoil."""
    copy = scratch / "checkout/ocipy"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("OCIPY_RUNTIME", str(copy / "bin/ocipy"))
    return copy


def archives(package):
    return sorted((package / "__pycache__").glob("*.bin"))


def test_sec_python_archive_of_code_is_writable_by_its_owner_alone(ocipy, bundle, package):
    """Whatever the umask of the caller (that of a containerd shim is 0): the code in it is executed as root."""
    bundle.args("true").write()
    words = ("run", "-b", bundle.path, ocipy.new_id())
    assert ocipy.spawn(*words, preexec_fn=lambda: os.umask(0)).wait(LIMIT) == 0
    assert archives(package)
    for path in archives(package):
        assert path.stat().st_mode & 0o022 == 0, path


def test_sec_python_archive_that_others_can_write_is_not_executed(ocipy, bundle, package):
    ocipy.run(bundle, "true", timeout=LIMIT).ok()
    for path in archives(package):
        data = path.read_bytes()
        in_c, entries = marshal.loads(data[len(MAGIC_NUMBER) :])
        entries[0] = (*entries[0][:-1], compile("import os; os._exit(77)", "evil", "exec"))
        path.write_bytes(MAGIC_NUMBER + marshal.dumps((in_c, entries)))
        path.chmod(0o666)
    ocipy.run(bundle, "true", timeout=LIMIT).ok()
    for path in archives(package):
        assert path.stat().st_mode & 0o022 == 0, "it was made anew"


# --- closed

LOOK = """
while [ ! -e /stop ]; do
    for p in /proc/[0-9]*; do
        read name <$p/comm || continue
        case $name in sh|sleep|ls|head|readlink) continue; esac
        echo $name >>/seen
        for f in environ mem; do head -c 1 $p/$f >/dev/null && echo $name $f >>/got; done
        for f in cwd root exe fd/0 fd/3 fd/4 fd/6; do readlink $p/$f >/dev/null && echo $name $f >>/got; done
        ls $p/cwd/ $p/root/ >/dev/null && echo $name directory >>/got
    done
done 2>/dev/null"""


def test_sec_2016_9962_joining_process(ocipy, bundle, make_bundle):
    """A container whose pid namespace another one joins finds no way into the process of ours that it sees."""
    watcher = ocipy.start(bundle.shell(LOOK))
    other = make_bundle().namespace("pid", f"/proc/{watcher.pid}/ns/pid")
    for _ in range(3):
        box = ocipy.create(other, "sleep", "100")
        size = (bundle.rootfs / "seen").stat().st_size if (bundle.rootfs / "seen").exists() else 0
        host.wait_for(lambda size=size: (bundle.rootfs / "seen").exists()
                      and (bundle.rootfs / "seen").stat().st_size > size, "the watcher to see init")  # fmt: skip
        box.delete(force=True).ok()
        box.wait()
    (bundle.rootfs / "stop").touch()
    watcher.wait()
    assert not (bundle.rootfs / "got").exists(), (bundle.rootfs / "got").read_text()


def test_sec_2016_9962_waiting_init_is_not_dumpable(ocipy, bundle):
    """The kernel gives the files of a process that is not dumpable to root, whoever it runs as."""
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    box = ocipy.create(bundle, "sleep", "100")
    assert host.status(box.pid)["Uid"].split() == ["1000"] * 4
    assert os.stat(f"/proc/{box.pid}/environ").st_uid == 0
    box.start()
    assert os.stat(f"/proc/{box.pid}/environ").st_uid == 1000, "the program itself is as usual"


def test_sec_lsm_label_init_has_one_thread(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert host.status(box.pid)["Threads"] == "1"


@pytest.mark.parametrize("name", ["newuidmap", "criu", "ip", "systemctl", "ldconfig", "gcc", "objdump", "sh"])
def test_sec_2026_84042_programs_of_image_and_path_are_not_run(ocipy, bundle, scratch, name):
    tools = scratch / "tools"
    tools.mkdir()
    marker = f"#!/bin/busybox sh\nbusybox touch {scratch}/ran /ran 2>/dev/null\nexit 1\n"
    for place in (tools, bundle.rootfs / "sbin", bundle.rootfs / "usr/bin"):
        place.mkdir(exist_ok=True, parents=True)
        (place / name).write_text(marker)
        (place / name).chmod(0o755)
    ocipy.run(bundle, "/bin/true", env={"PATH": f"{tools}:/usr/bin:/bin"}, timeout=LIMIT).ok()
    assert not (scratch / "ran").exists() and not (bundle.rootfs / "ran").exists()
