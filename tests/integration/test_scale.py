"""Many containers, and many processes in one: all work, and nothing is left of them."""

from __future__ import annotations

import json
import os
import subprocess
from collections import Counter

import pytest
from support import host, requires
from support.hostile import Trace
from support.runtime import ENVIRONMENT, command, reap

MEMORY_OF_ONE = 10 << 20  # bytes that a container holds which waits for start


def at_once(ocipy, workers, values, *words):
    """Runs the command once for each value, which replaces the word ID, several at a time; all must succeed."""
    full = ["xargs", "-P", str(workers), "-I", "ID", command(), "--root", ocipy.root, *map(str, words)]
    # A file: containers keep a pipe open.
    with open(ocipy.scratch / "at-once", "w+") as said:
        done = subprocess.run(
            full, input="\n".join(values), stdout=said, stderr=said, text=True, env=ENVIRONMENT,
            timeout=5 * host.PATIENCE,
        )  # fmt: skip
        said.seek(0)
        assert done.returncode == 0, said.read()[-4000:]


class Crowd:
    """Many containers of one bundle, which the commands of `at_once` handle several at a time."""

    def __init__(self, ocipy, bundle):
        self.ocipy = ocipy
        self.bundle = bundle
        self.prefix = f"ocipy-crowd-{os.getpid()}-"
        self.ids = []

    def name(self, count):
        self.ids = [f"{self.prefix}{number:03}" for number in range(count)]
        return self.ids

    def at_once(self, workers, *words):
        """Runs the command once for each id, which replaces the word ID; all must succeed."""
        at_once(self.ocipy, workers, self.ids, *words)

    def states(self):
        return json.loads(self.ocipy("list", "--format", "json").ok().out) or []

    def statuses(self):
        states = self.states()
        assert [state["id"] for state in states] == self.ids
        return Counter(state["status"] for state in states)

    def end(self):
        """Kills all and waits until they are gone."""
        pids = [state["pid"] for state in self.states()]
        self.at_once(4, "kill", "ID", "KILL")
        host.wait_for(lambda: all(map(host.exited, pids)), "the end of all")
        # As their parent does: conmon, or a containerd shim.
        reap()
        assert not [pid for pid in pids if os.path.exists(f"/proc/{pid}")]

    def remains(self):
        return host.statesnap(self.ocipy.root), host.cgsnap(self.prefix), host.mntsnap(self.prefix)

    def close(self):
        if host.statesnap(self.ocipy.root):
            self.ids = [path.name for path in self.ocipy.root.iterdir()]
            self.at_once(4, "delete", "--force", "ID")


@pytest.fixture
def crowd(ocipy, bundle):
    made = Crowd(ocipy, bundle.args("sleep", "1000").write())
    yield made
    made.close()


def test_hundred_created_at_the_same_moment(crowd):
    crowd.name(100)
    crowd.at_once(100, "create", "--bundle", crowd.bundle.path, "ID")
    assert crowd.statuses() == {"created": 100}
    crowd.at_once(100, "start", "ID")
    assert crowd.statuses() == {"running": 100}
    crowd.end()
    assert crowd.statuses() == {"stopped": 100}
    crowd.at_once(100, "delete", "ID")
    assert crowd.remains() == ([], [], [])


def test_five_hundred_live_together(crowd):
    free = os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    if free < 500 * MEMORY_OF_ONE:
        pytest.skip("needs 5 GB of free memory")
    crowd.name(500)
    crowd.at_once(4, "run", "--detach", "--bundle", crowd.bundle.path, "ID")
    assert crowd.statuses() == {"running": 500}
    pids = {state["pid"] for state in crowd.states()}
    assert len({host.namespace(pid, "pid") for pid in pids}) == 500
    crowd.end()
    crowd.at_once(4, "delete", "ID")
    assert crowd.remains() == ([], [], [])


def test_thousand_execs_leave_nothing(ocipy, bundle, scratch):
    box = ocipy.start(bundle, "sleep", "1000")
    before = host.fdsnap(box.pid), host.mounts(box.pid), host.cgsnap(box.id), host.statesnap(ocipy.root)
    at_once(ocipy, 3, map(str, range(1000)), "exec", box.id, "true")
    # Zombies too: they would be children of the tests, or of init.
    assert set(host.children("self")) == {box.pid}
    assert host.children(box.pid) == []
    assert host.processes_of(box.id) == [box.pid]
    after = host.fdsnap(box.pid), host.mounts(box.pid), host.cgsnap(box.id), host.statesnap(ocipy.root)
    assert after == before


@requires.ocipy_itself
@requires.program("strace")
def test_list_and_state_read_the_same_few_files_of_each_container(ocipy, bundle, scratch, monkeypatch):
    boxes = [ocipy.create(bundle, "sleep", "1000") for _number in range(2)]
    runtime = command()
    traced = Trace(scratch, "execve,open,openat,stat,newfstatat,lstat,access,faccessat2,readlink,statfs")

    def paths(*words):
        monkeypatch.setenv("OCIPY_RUNTIME", str(traced.command))
        ocipy(*words).ok()
        monkeypatch.setenv("OCIPY_RUNTIME", runtime)
        calls = traced.calls("execve")
        for file in traced.directory.iterdir():
            file.unlink()
        # An empty path is that of fstat(2).
        return [path for _name, arguments, _result in calls if (path := (*arguments.split('"'), "")[1])]

    def of(box, seen):
        about = [path for path in seen if box.id in path or path == f"/proc/{box.pid}/stat"]
        return Counter(path.replace(box.id, "ID").replace(str(box.pid), "PID") for path in about)

    paths("list", "--format", "json")  # which compiles what is not compiled yet
    of_two = paths("list", "--format", "json")
    boxes += [ocipy.create(bundle, "sleep", "1000") for _number in range(2)]
    of_four = paths("list", "--format", "json")
    first, *others = [of(box, of_four) for box in boxes]
    assert others == [first] * 3
    assert max(first.values()) == 1
    assert sum(first.values()) <= 5
    assert len(of_four) - len(of_two) == 2 * sum(first.values())
    assert "/proc/self/mountinfo" not in of_four
    assert of(boxes[0], paths("state", boxes[0].id)) == first
