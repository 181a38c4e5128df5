"""What people show of containers by hand: each demonstration as a bundle."""

import os
import re
import shutil
import signal
import subprocess
import time

import pytest
from support import host, requires

ESCAPE = """
import os
os.makedirs("jail", exist_ok=True)
os.chroot("jail")
for _ in range(100):
    os.chdir("..")
os.chroot(".")
print(sorted(os.listdir("/")))
"""


def test_chroot_does_not_escape(ocipy, bundle):
    """mkdir, chroot, chdir up, chroot: out of a chroot, but not out of a root that was pivoted into."""
    bundle.capabilities("CAP_SYS_CHROOT")
    bundle.file("only-in-the-container", "")
    python = bundle.host_python()
    bundle.file("escape.py", ESCAPE)
    listed = ocipy.run(bundle, python, "-IS", "/escape.py").ok().out
    assert "only-in-the-container" in listed
    assert sorted(os.listdir("/")) != listed


@requires.controller("memory")
def test_memory_limit_kills_what_keeps_allocating(ocipy, bundle):
    bundle.resources["memory"] = {"limit": 100 << 20, "swap": 100 << 20}
    if not host.CGROUP_V2:
        bundle.resources["memory"]["swappiness"] = 0
    before = time.monotonic()
    # tail keeps its one endless line in memory.
    result = ocipy.run(bundle, "tail", "/dev/zero")
    assert result.code == 128 + signal.SIGKILL
    assert time.monotonic() - before < host.PATIENCE


@requires.controller("memory")
def test_memory_limit_is_never_exceeded(ocipy, bundle):
    limit = 32 << 20
    bundle.resources["memory"] = {"limit": limit, "swap": limit}
    box = ocipy.start(bundle, "sh", "-c", "tail /dev/zero; echo killed; sleep 100")
    host.wait_for(lambda: "killed" in box.output(), "the end of tail")
    if host.CGROUP_V2:
        assert int(host.read_cgroup(box.pid, "memory", "memory.max")) == limit
        assert "oom_kill 1" in host.read_cgroup(box.pid, "memory", "memory.events").splitlines()
    else:
        assert int(host.read_cgroup(box.pid, "memory", "memory.max_usage_in_bytes")) <= limit
        assert "oom_kill 1" in host.read_cgroup(box.pid, "memory", "memory.oom_control").splitlines()
    assert host.alive(box.pid)


@requires.controller("cpu")
@requires.controller("cpuacct")
def test_cpu_quota_holds_a_busy_program_at_its_share(ocipy, bundle):
    """By the cgroup's own accounts: of each period of 100 ms, no more than 30 ms."""
    bundle.resources["cpu"] = {"quota": 30000, "period": 100000}
    box = ocipy.start(bundle, "sh", "-c", "while :; do :; done")

    def periods():
        stat = dict(line.split() for line in host.read_cgroup(box.pid, "cpu", "cpu.stat").splitlines())
        return int(stat["nr_periods"]), int(stat["nr_throttled"])

    def used():
        if host.CGROUP_V2:
            return int(host.read_cgroup(box.pid, "cpu", "cpu.stat").splitlines()[0].removeprefix("usage_usec "))
        return int(host.read_cgroup(box.pid, "cpuacct", "cpuacct.usage")) // 1000

    host.wait_for(lambda: periods()[1] > 2, "the first throttling")
    # Periods go by between two looks: the outer ones bound the use from above, the inner ones from below.
    count, first, throttled = periods()[0], used(), periods()[1]
    host.wait_for(lambda: periods()[0] >= count + 30 and periods()[1] > throttled, "30 periods and a throttled one")
    later_throttled, microseconds, later = periods()[1], used() - first, periods()[0]
    assert microseconds <= 1.1 * 30000 * (later - count + 1)
    # A machine that is busy elsewhere gives less; but in each period in which it was throttled it had its share.
    assert microseconds >= 0.9 * 30000 * (later_throttled - throttled - 1)


@pytest.fixture
def disk(scratch):
    """A block device of 4 MiB."""
    (scratch / "disk").write_bytes(bytes(4 << 20))
    if shutil.which("modprobe"):
        subprocess.run(["modprobe", "--quiet", "loop"])  # Where it is built in, there may be no modules.
    path = subprocess.check_output(["losetup", "--find", "--show", scratch / "disk"], text=True).strip()
    yield path
    subprocess.run(["losetup", "--detach", path], check=True)


@requires.controller("blkio")
def test_io_limit_holds_a_reader_at_its_rate(ocipy, bundle, disk):
    """By the cgroup's own accounts: never more than the time that has passed allows."""
    rate, number = 1 << 20, os.stat(disk).st_rdev
    major, minor = os.major(number), os.minor(number)
    bundle.linux["devices"] = [{"type": "b", "path": "/dev/disk", "major": major, "minor": minor}]
    bundle.resources["devices"] = [{"allow": True, "type": "b", "major": major, "minor": minor, "access": "r"}]
    bundle.resources["blockIO"] = {"throttleReadBpsDevice": [{"major": major, "minor": minor, "rate": rate}]}
    script = "while :; do dd if=/dev/disk of=/dev/null bs=64k iflag=direct 2>/dev/null; done"
    box = ocipy.start(bundle, "sh", "-c", script)
    file, form = "io.stat", rf"^{major}:{minor} rbytes=(\d+)"
    if not host.CGROUP_V2:
        file, form = "blkio.throttle.io_service_bytes", rf"^{major}:{minor} Read (\d+)"

    def read():
        found = re.search(form, host.read_cgroup(box.pid, "blkio", file), re.MULTILINE)
        return int(found[1]) if found else 0

    host.wait_for(lambda: read() > rate // 4, "the first reads")
    begun, first = time.monotonic(), read()
    host.wait_for(lambda: read() >= first + 2 * rate, "two seconds' worth")
    # The kernel counts what it lets begin, in slices of a tenth of a second.
    allowed = rate * (time.monotonic() - begun + 0.3)
    assert read() - first <= allowed + (128 << 10)


@requires.controller("pids")
def test_pids_limit_stops_a_fork_bomb(ocipy, bundle):
    bundle.resources["pids"] = {"limit": 20}
    box = ocipy.start(bundle, "sh", "-c", "bomb() { bomb | bomb & }; bomb; sleep 100")
    directory = host.cgroup(box.pid, "pids")
    host.wait_for(lambda: not (directory / "pids.events").read_text().startswith("max 0"), "the refusal of a fork")
    assert len(host.processes_of(box.id)) <= 20
    box.delete(force=True).ok()
    assert host.processes_of(box.id) == []


def test_freezer_stops_and_continues_the_processes(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "while :; do echo x; sleep 0.01; done")
    host.wait_for(lambda: "x" in box.output(), "the program")
    directory = host.cgroup(box.pid, "freezer")
    name, frozen, thawed = ("cgroup.freeze", "1", "0") if host.CGROUP_V2 else ("freezer.state", "FROZEN", "THAWED")
    (directory / name).write_text(frozen)
    host.wait_for(lambda: box.status() == "paused", "paused")
    length = len(box.output())
    time.sleep(0.2)
    assert len(box.output()) == length
    (directory / name).write_text(thawed)
    assert box.status() == "running"
    host.wait_for(lambda: len(box.output()) > length, "the program going on")


def test_tmpfs_inside_is_not_seen_by_the_host(ocipy, bundle):
    bundle.capabilities("CAP_SYS_ADMIN")
    (bundle.rootfs / "private").mkdir()
    script = "mount -t tmpfs mine /private && echo secret > /private/file && echo done && sleep 100"
    box = ocipy.start(bundle, "sh", "-c", script)
    host.wait_for(lambda: "done" in box.output(), "the mount")
    assert list((bundle.rootfs / "private").iterdir()) == []
    assert not any(mount.source == "mine" for mount in host.mounts())
    assert host.mount_at(box.pid, "/private").source == "mine"


def test_ipc_objects_are_private(ocipy, bundle):
    os.system("ipcmk -Q -p 0600 > /dev/null")
    own = host.Path("/proc/sysvipc/msg").read_text().splitlines()[1:]
    try:
        assert own
        assert ocipy.run(bundle, "sh", "-c", "tail -n +2 /proc/sysvipc/msg").ok().out == ""
    finally:
        for line in own:
            os.system(f"ipcrm -q {line.split()[1]}")


def test_host_name_is_private(ocipy, bundle):
    bundle.capabilities("CAP_SYS_ADMIN")
    before = os.uname().nodename
    result = ocipy.run(bundle, "sh", "-c", "hostname; hostname changed; hostname").ok()
    assert result.out == "ocipy\nchanged\n"
    assert os.uname().nodename == before


def test_orphans_become_children_of_pid_1_and_die_with_it(ocipy, bundle):
    script = "(sleep 1000 & echo $!) > /orphan; sleep 0.1; exec sleep 1000"
    box = ocipy.start(bundle, "sh", "-c", script)
    host.wait_for(lambda: host.status(box.pid)["Name"] == "sleep" and len(host.processes_of(box.id)) == 2, "the orphan")
    (orphan,) = set(host.processes_of(box.id)) - {box.pid}
    assert host.status(orphan)["PPid"] == str(box.pid)
    assert host.status(orphan)["NSpid"].split()[-1] == (bundle.rootfs / "orphan").read_text().strip()
    box.kill("KILL").ok()
    box.wait()
    assert host.exited(orphan)


def test_cgroup_namespace_shows_the_root(ocipy, bundle):
    for line in ocipy.run(bundle, "cat", "/proc/self/cgroup").ok().out.splitlines():
        assert line.split(":", 2)[2] == "/", line


def test_without_cgroup_namespace_the_path_of_the_host_is_seen(ocipy, bundle):
    id = ocipy.new_id()
    result = ocipy.run(bundle.share("cgroup"), "cat", "/proc/self/cgroup", id=id).ok()
    assert all(line.endswith((f"/{id}", f"-{id}.scope")) for line in result.out.splitlines())


def test_processes_of_the_host_are_not_seen(ocipy, bundle):
    assert len(ocipy.run(bundle, "sh", "-c", "ls -d /proc/[0-9]*").ok().out.split()) <= 2


def test_ps_on_the_host_shows_the_program(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "4711")
    assert os.popen(f"ps -o args= -p {box.pid}").read().strip() == "sleep 4711"


def test_kill_of_everything_inside_reaches_nobody_outside(ocipy, bundle):
    witness = ocipy.start(bundle, "sleep", "100")
    bundle.capabilities("CAP_KILL")
    ocipy.run(bundle, "sh", "-c", "sleep 100 & kill -9 -1; echo alive").ok()
    assert host.alive(witness.pid)


def test_dot_dot_at_the_root_stays_there(ocipy, bundle):
    result = ocipy.run(bundle, "sh", "-c", "ls -d /../../../../../bin; cd /..; pwd").ok()
    assert result.out == "/../../../../../bin\n/\n"


@pytest.mark.parametrize("name", ["reboot", "poweroff"])
def test_reboot_inside_is_refused(ocipy, bundle, name):
    result = ocipy.run(bundle, "sh", "-c", f"{name} -f 2>&1; echo still here").ok()
    assert "still here" in result.out


def test_many_runs_leave_nothing(ocipy, bundle):
    before = sorted(os.listdir("/proc/self/fd"))
    mounts = len(host.mntsnap("ocipy-test"))
    for _ in range(20):
        ocipy.run(bundle, "true").ok()
    assert sorted(os.listdir("/proc/self/fd")) == before
    assert len(host.mntsnap("ocipy-test")) == mounts
    assert host.statesnap(ocipy.root) == []
