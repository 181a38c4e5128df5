"""Scopes that systemd does not make as it was asked to: what it says is never taken for what the kernel has.

A stand-in answers on the bus, so that no systemd is needed; tests/integration/test_systemd_cgroup.py has the real one.
"""

from __future__ import annotations

import os
import signal
import subprocess
from pathlib import Path

import pytest
from support import host, requires
from support.hostile import check_refusal
from support.runtime import LAUNCHER, command
from support.stub_systemd import Refusal, StubSystemd

from ocipy.linux import library, libsystemd

FLAG = ["--systemd-cgroup"]
EXISTS = "UnitExists", "Unit was already loaded or has a fragment file."
# Names of directories of /sys/fs/cgroup; "" for itself.
ALL = [""] if host.CGROUP_V2 else sorted(
    path.name for path in host.CGROUP_ROOT.iterdir() if path.is_dir() and not path.is_symlink()
)  # fmt: skip
OF_SYSTEMD = [name for name in ("", "systemd", "unified") if name in ALL]
pytestmark = [
    requires.ocipy_itself,
    pytest.mark.skipif(not library.is_there(libsystemd.NAME), reason=f"needs {libsystemd.NAME}"),
    pytest.mark.skipif(not OF_SYSTEMD, reason="needs a hierarchy of cgroups for systemd"),
]
IMPATIENT = """
import sys
sys.path.insert(0, "{path}")
from ocipy.cgroup import systemd
from ocipy.cli.main import main
from ocipy.linux import libsystemd
call, finish = libsystemd.Bus.call, systemd.Systemd._finish
def call_start(self, target, method, *rest, **how):
    libsystemd._TIMEOUT = 1 if method == "StartTransientUnit" else 60
    return call(self, target, method, *rest, **how)
def finish_start(self, what, job):
    systemd._LIMIT = 1 if what.startswith("start ") else 60
    finish(self, what, job)
libsystemd.Bus.call, systemd.Systemd._finish = call_start, finish_start
main(sys.argv[1:])
"""


def remove(directories):
    for directory in directories:
        try:
            directory.rmdir()
        except OSError:
            pass


class Scope:
    """The unit that a test asks for, and what the stand-in for systemd does about it, which is nothing at first."""

    def __init__(self, ocipy, bus):
        self.ocipy = ocipy
        self.id = ocipy.adopt(ocipy.new_id().replace("-", ""))
        self.unit = f"test-{self.id}.scope"
        self.path = f"/{self.id}.slice/{self.unit}"
        self.start = lambda properties: "done"
        self.made = []
        self.systemd = StubSystemd(bus, self._start, self.kill, self.remove)

    def _start(self, unit, properties):
        assert unit == self.unit and properties["Slice"] == f"{self.id}.slice"
        return self.start(properties)

    def directories(self, hierarchies=ALL):
        return [host.CGROUP_ROOT / name / self.path[1:] for name in hierarchies]

    def make(self, hierarchies=OF_SYSTEMD):
        for directory in self.directories(hierarchies):
            directory.mkdir(parents=True)
            self.made += [directory, directory.parent]
            if "cpuset" in directory.parts:
                for level in (directory.parent, directory):
                    for file in ("cpuset.cpus", "cpuset.mems"):
                        (level / file).write_text((level.parent / file).read_text())
        return "done"

    def join(self, pid, hierarchies=OF_SYSTEMD):
        for directory in self.directories(hierarchies):
            (directory / "cgroup.procs").write_text(str(pid))
        return "done"

    def move(self, properties, hierarchies=OF_SYSTEMD):
        """What systemd does."""
        self.make(hierarchies)
        return self.join(properties["PIDs"][0], hierarchies)

    def kill(self):
        """What systemd does for KillUnit."""
        for pid in host.processes_of(self.id):
            os.kill(pid, signal.SIGKILL)
        host.wait_for(lambda: not host.processes_of(self.id), f"the end of {self.unit}")

    def remove(self):
        """What systemd does when a unit has ended; what somebody else has made it leaves."""
        remove(self.made)

    def create(self, bundle):
        bundle.linux["cgroupsPath"] = f"{self.id}.slice:test:{self.id}"
        return self.ocipy.create(bundle, "sleep", "1000", id=self.id, flags=FLAG)

    def refused(self, bundle, *words):
        """create fails with these words in one line, and leaves nothing but the cgroups that were there."""
        before = host.cgsnap(self.id)
        bundle.linux["cgroupsPath"] = f"{self.id}.slice:test:{self.id}"
        result = self.ocipy.created(bundle, "sleep", "1000", id=self.id, flags=FLAG)
        check_refusal(result, "linux.cgroupsPath", self.unit, *words)
        assert host.statesnap(self.ocipy.root) == []
        assert host.cgsnap(self.id) == before


@pytest.fixture
def enter(ocipy, scratch, monkeypatch):
    """A mount namespace with a /run of its own, where systemd runs by the look of it; the command line runs there.

    Gives a function that sets the command, which has the bus in the scratch directory.
    """
    run = scratch / "run"
    run.mkdir()
    script = f"""set -e
        mount -t tmpfs -o mode=0755 none {run}
        mkdir -p {run}/systemd/system {run}/{ocipy.root.name}
        mount --bind {ocipy.root} {run}/{ocipy.root.name}
        mount --rbind {run} /run
        echo; exec sleep 1000"""
    holder = subprocess.Popen(
        ["unshare", "--mount", "--propagation", "private", "sh", "-c", script], stdout=subprocess.PIPE
    )
    assert holder.stdout.readline() == b"\n"

    def set_command(words):
        runner = scratch / "enter"
        runner.write_text(
            f"#!/bin/sh\nexport DBUS_SYSTEM_BUS_ADDRESS=unix:path={scratch}/bus\n"
            f'exec nsenter --mount=/proc/{holder.pid}/ns/mnt --wdns=. {words} "$@"\n'
        )
        runner.chmod(0o755)
        monkeypatch.setenv("OCIPY_RUNTIME", str(runner))

    set_command(command())
    yield set_command
    holder.kill()
    holder.wait()
    holder.stdout.close()


@pytest.fixture
def scope(ocipy, scratch, enter):
    scope = Scope(ocipy, scratch / "bus")
    yield scope
    scope.start = scope.move
    ocipy("delete", "--force", scope.id)
    scope.systemd.close()
    # Slices stay, as those of systemd do.
    remove(level for directory in scope.directories() for level in (directory, directory.parent))


@pytest.fixture
def impatient(scope, scratch, enter):
    """A command line that waits for the start of a unit for a second only."""
    runner = scratch / "impatient.py"
    runner.write_text(IMPATIENT.format(path=LAUNCHER.parents[2]))
    enter(f"/usr/bin/python3 -IS {runner}")


@pytest.fixture
def stranger():
    """A process of somebody else, that must be alive after the test."""
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    alive = process.poll() is None
    process.kill()
    process.wait()
    assert alive


# --- done, but it is not


def test_sec_runc_2310_container_is_in_the_cgroup_that_was_asked_for(scope, bundle):
    scope.start = scope.move
    box = scope.create(bundle)
    found = {}
    for line in Path(f"/proc/{box.pid}/cgroup").read_text().splitlines():
        _number, controllers, path = line.split(":", 2)
        found[controllers.removeprefix("name=") or OF_SYSTEMD[-1]] = path
    assert {name: found[name] for name in ALL} == dict.fromkeys(ALL, scope.path)
    box.delete(force=True).ok()
    assert scope.systemd.methods() == ["StartTransientUnit", "KillUnit", "StopUnit", "ResetFailedUnit"]


@pytest.mark.parametrize("made", [[], OF_SYSTEMD, ALL], ids=["nothing", "of systemd", "all"])
def test_sec_runc_2310_process_that_was_not_moved_is_refused(scope, bundle, made):
    """systemd tells that the job is done, and the process is where its creator is, without limits."""
    scope.start = lambda properties: scope.make(made)
    scope.refused(bundle, "not in")


@requires.cgroup_v1
@pytest.mark.parametrize("hierarchy", OF_SYSTEMD)
def test_sec_runc_2310_process_that_was_moved_in_one_hierarchy_alone_is_refused(scope, bundle, hierarchy):
    """What systemd keeps to itself nobody else makes: it would not know of the container."""
    scope.start = lambda properties: scope.move(properties, [hierarchy])
    scope.refused(bundle, "not in")


def test_sec_runc_2310_whoever_is_in_a_cgroup_that_was_not_joined_lives_on(scope, bundle, stranger):
    """As crun removed the cgroup of sshd, where it found the container (crun 331)."""
    scope.systemd.kill = lambda: None
    scope.make(ALL)
    scope.join(stranger.pid, ALL)
    scope.refused(bundle, "not in")
    assert host.processes_of(scope.id) == [stranger.pid]


# --- refused


@pytest.mark.parametrize("result", ["failed", "timeout", "canceled", "dependency", "skipped"])
def test_sec_runc_2313_job_that_is_not_done_is_refused(scope, bundle, result):
    """Whatever systemd has done before; the failed unit is forgotten, or it would stand in the way of the next."""

    def start(properties):
        scope.move(properties)
        return result

    scope.start = start
    scope.refused(bundle, f"its job ended with '{result}'")
    assert scope.systemd.methods()[-1] == "ResetFailedUnit"


def test_sec_runc_2313_job_that_is_not_done_is_told_even_if_systemd_goes_then(scope, bundle):
    def kill():
        raise ConnectionError

    scope.start = lambda properties: "failed"
    scope.systemd.kill = kill
    scope.refused(bundle, "its job ended with 'failed'")


def test_sec_runc_2313_error_is_told_in_the_words_of_systemd(scope, bundle):
    def start(properties):
        raise Refusal("ScopeNotRunning", "no such luck")

    scope.start = start
    scope.refused(bundle, "no such luck")


@pytest.mark.parametrize("failure", [TimeoutError, ConnectionError])
@pytest.mark.usefixtures("impatient")
def test_sec_runc_2313_systemd_that_does_not_answer_is_not_waited_for_for_ever(scope, bundle, failure):
    def start(properties):
        raise failure

    scope.start = start
    scope.refused(bundle, f"cannot start {scope.unit}")
    assert scope.systemd.methods() == ["StartTransientUnit"], "whose the unit is by then is not known"


@pytest.mark.usefixtures("impatient")
def test_sec_runc_2313_job_that_does_not_end_is_not_waited_for_for_ever(scope, bundle):
    def start(properties):
        scope.move(properties)
        return ""

    scope.start = start
    scope.refused(bundle, f"cannot start {scope.unit}")


# --- there is one already


def test_sec_runc_3780_unit_of_somebody_else_is_refused_and_left_alone(scope, bundle, stranger):
    """The error was ignored, and the container ran in its creator's cgroup."""

    def start(properties):
        raise Refusal(*EXISTS)

    scope.start = start
    scope.make()
    scope.join(stranger.pid)
    scope.refused(bundle, "already")
    assert host.processes_of(scope.id) == [stranger.pid]
    assert scope.systemd.methods() == ["StartTransientUnit", "ResetFailedUnit", "StartTransientUnit"]


def test_sec_runc_3780_failed_unit_makes_room(scope, bundle):
    """What an earlier container left, which was out of memory."""

    def start(properties):
        if "ResetFailedUnit" not in scope.systemd.methods():
            raise Refusal(*EXISTS)
        return scope.move(properties)

    scope.start = start
    box = scope.create(bundle)
    assert host.cgroup(box.pid, "pids").name == scope.unit


def test_sec_runc_3780_unit_that_fails_again_stands_in_nobodys_way(scope, bundle):
    def start(properties):
        if "ResetFailedUnit" not in scope.systemd.methods():
            raise Refusal(*EXISTS)
        return "failed"

    scope.start = start
    scope.refused(bundle, "its job ended with 'failed'")
    assert scope.systemd.methods()[2:] == ["StartTransientUnit", "KillUnit", "StopUnit", "ResetFailedUnit"]


# --- devices


@requires.controller("devices")
@pytest.mark.parametrize("more", [[], ["devices"]], ids=["no cgroup", "a cgroup"])
def test_sec_crun_1_24_device_rules_do_not_depend_on_systemd(scope, bundle, more):
    """It accepts the unit and loads no program (crun 1865), on v1 sets no rule."""
    made = {*OF_SYSTEMD, *more} & {*ALL}
    scope.start = lambda properties: scope.move(properties, made)
    bundle.resources["devices"] = [{"allow": True, "type": "c", "major": 10, "minor": 229, "access": "rw"}]
    rules = host.device_rules(scope.create(bundle).pid)
    if host.CGROUP_V2:
        assert len(rules) == 1
    else:
        assert "a *:* rwm" not in rules and {"c 10:229 rw", "c 1:3 rwm"} <= set(rules)


@requires.cgroup_v1
@requires.controller("devices")
def test_sec_runc_3708_update_leaves_the_device_rules_alone(scope, bundle):
    """systemd was not told of a graphics card without a node in /dev/char, and took it away by an update or reload."""
    told = {}
    scope.start = lambda properties: told.update(properties) or scope.move(properties)
    bundle.resources["devices"] = [{"allow": True, "type": "c", "major": 195, "minor": 254, "access": "rw"}]
    box = scope.create(bundle)
    assert told["DevicePolicy"] == "strict" and ("/dev/char/195:254", "rw") in told["DeviceAllow"]
    before = host.device_rules(box.pid)
    scope.ocipy("update", "--memory", "64M", "--cpu-quota", "50000", box.id).ok()
    (changes,) = [call for call in scope.systemd.calls if call[0] == "SetUnitProperties"]
    assert dict(changes[3])["MemoryLimit"] == 64 << 20
    assert not [name for name, _value in changes[3] if name.startswith("Device")]
    assert host.device_rules(box.pid) == before


@pytest.fixture
def killed_create(scope, ocipy, bundle):
    """A function that kills `create` while systemd, which does `start` first, has not answered yet."""

    def kill(start):
        done = []

        def silent(properties):
            start(properties)
            done.append(True)
            raise TimeoutError

        scope.start = silent
        bundle.linux["cgroupsPath"] = f"{scope.id}.slice:test:{scope.id}"
        bundle.args("sleep", "1000").write()
        creating = ocipy.spawn("create", "--bundle", bundle.path, scope.id, flags=FLAG)
        host.wait_for(lambda: done, "the call of systemd")
        creating.kill()
        creating.wait()

    return kill


def test_scope_of_a_killed_create_that_systemd_made_late_is_ended(scope, ocipy, killed_create):
    """systemd makes it for a process that has ended, hears of no end any more, and keeps it for ever."""
    killed_create(lambda _properties: scope.make())
    ocipy("delete", "--force", scope.id).ok()
    assert scope.systemd.methods()[-3:] == ["KillUnit", "StopUnit", "ResetFailedUnit"]
    assert not [path for path in scope.directories() if path.exists()]


def test_scope_that_a_killed_create_asked_for_and_somebody_else_has_is_left(scope, ocipy, killed_create):
    witness = subprocess.Popen(["sleep", "1000"])
    try:
        scope.make()
        scope.join(witness.pid)
        killed_create(lambda _properties: None)
        ocipy("delete", "--force", scope.id).ok()
        assert scope.systemd.methods() == ["StartTransientUnit"]
        assert witness.poll() is None
    finally:
        witness.kill()
        witness.wait()
