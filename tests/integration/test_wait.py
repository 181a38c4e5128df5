"""wait, and what is known of how a container ended."""

import json
import os
import select
import signal
import subprocess

import pytest
from support import host, requires

from ocipy.linux import exit_status
from ocipy.runtime.run import record_end
from ocipy.runtime.state import Container
from ocipy.runtime.store import Store
from ocipy.runtime.wait import wait

pytestmark = requires.ocipy_itself
MANY = 200  # rounds of a race


def waiting(ocipy, id, count=1):
    """Starts that many waiters and gives them once each has a pidfd."""
    waiters = [
        ocipy.spawn("wait", id, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _number in range(count)
    ]
    for waiter in waiters:
        host.wait_for(lambda waiter=waiter: "anon_inode:[pidfd]" in host.fdsnap(waiter.pid).values(), "the waiter")
    return waiters


def answers(waiters):
    return [(*waiter.communicate(timeout=host.PATIENCE), waiter.returncode) for waiter in waiters]


@pytest.fixture
def old_kernel(monkeypatch):
    """Before Linux 6.15 nothing is left of a process that was reaped."""
    monkeypatch.setattr(exit_status, "_reaped_status", lambda _pidfd: None)


@pytest.fixture
def talker(ocipy, bundle):
    """A function that begins a `run` whose program ends with the code that it reads, and gives it once that reads."""

    def begin(*options):
        id = ocipy.new_id()
        bundle.shell("echo ready; read code; exit $code").write()
        running = ocipy.spawn(
            "run", "-b", bundle.path, *options, id, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )
        assert running.stdout.readline() == "ready\n"
        return id, running

    return begin


@pytest.mark.parametrize("status", ["created", "running", "paused"])
def test_wait_blocks_until_the_end_of_a_container_in_every_status(ocipy, bundle, status):
    box = ocipy.create(bundle, "sleep", "100")
    if status != "created":
        box.start()
    if status == "paused":
        ocipy("pause", box.id).ok()
    waiters = waiting(ocipy, box.id)
    assert waiters[0].poll() is None
    box.kill("KILL").ok()
    assert answers(waiters) == [("137\n", "", 0)]


def test_several_waiters_get_the_same_answer(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.01; done")
    host.wait_for(lambda: "ready" in box.output(), "the trap")
    waiters = waiting(ocipy, box.id, 3)
    box.kill("TERM").ok()
    assert answers(waiters) == [("9\n", "", 0)] * 3


def test_wait_asks_the_kernel_of_a_zombie_that_nobody_reaps(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "exit 5")
    host.wait_for(lambda: host.status(box.pid)["State"].startswith("Z"), "the zombie")
    assert ocipy("wait", box.id).ok().out == "5\n"


def test_wait_for_a_container_whose_code_nobody_knows_says_so(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "exit 5")
    box.wait()
    result = ocipy("wait", box.id).refused("exit code is not known")
    assert (result.code, result.out) == (1, "")


def test_wait_for_no_container_says_does_not_exist(ocipy):
    assert ocipy("wait", ocipy.new_id()).refused("container does not exist").code == 1


def test_wait_for_a_container_that_is_being_created_is_refused(ocipy, bundle, scratch):
    hook = bundle.file("../hook", f"#!/bin/sh\n: > {scratch}/reached\nread -r _ < {scratch}/gate\n", 0o755)
    os.mkfifo(scratch / "gate")
    bundle.config["hooks"] = {"createRuntime": [{"path": str(hook)}]}
    bundle.args("true").write()
    id = ocipy.new_id()
    creating = ocipy.spawn("create", "--bundle", bundle.path, id)
    host.wait_for((scratch / "reached").exists, "the hook")
    ocipy("wait", id).refused("being created")
    (scratch / "gate").write_text("go\n")
    assert creating.wait(host.PATIENCE) == 0


def test_wait_ends_when_the_container_is_deleted_by_force(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    waiters = waiting(ocipy, box.id)
    box.delete(force=True).ok()
    assert answers(waiters) == [("137\n", "", 0)]


def test_interrupted_wait_leaves_the_container_alone(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    (waiter,) = waiting(ocipy, box.id)
    waiter.send_signal(signal.SIGINT)
    waiter.communicate(timeout=host.PATIENCE)
    assert waiter.returncode == 130
    assert box.status() == "running"


@pytest.mark.parametrize("code", [0, 3, 255])
def test_waiter_beside_a_foreground_run_gets_its_code(ocipy, talker, code):
    id, running = talker()
    waiters = waiting(ocipy, id)
    running.communicate(f"{code}\n", timeout=host.PATIENCE)
    assert running.returncode == code
    assert answers(waiters) == [(f"{code}\n", "", 0)]
    assert host.statesnap(ocipy.root) == []


def test_run_keep_leaves_the_exit_code_in_the_state(ocipy, bundle):
    id = ocipy.new_id()
    assert ocipy.run(bundle, "sh", "-c", "exit 3", id=id, options=("--keep",)).code == 3
    state = json.loads(ocipy("state", id).ok().out)
    assert (state["status"], state["pid"], state["exitCode"]) == ("stopped", 0, 3)
    (entry,) = json.loads(ocipy("list", "--format", "json").ok().out)
    assert entry["exitCode"] == 3
    assert ocipy("wait", id).ok().out == "3\n"
    ocipy("delete", id).ok()
    assert host.statesnap(ocipy.root) == []


def test_signal_that_ended_a_kept_container_is_128_more(ocipy, bundle):
    id = ocipy.new_id()
    assert ocipy.run(bundle, "sh", "-c", "kill -9 $$", id=id, options=("--keep",)).code in (0, 137)
    ocipy("delete", id).ok()
    bundle.share("pid")
    id = ocipy.new_id()
    assert ocipy.run(bundle, "sh", "-c", "kill -9 $$", id=id, options=("--keep",)).code == 137
    assert ocipy("wait", id).ok().out == "137\n"


def test_state_has_no_exit_code_while_it_is_not_known(ocipy, talker, bundle):
    id, running = talker("--keep")
    assert "exitCode" not in json.loads(ocipy("state", id).ok().out)
    running.communicate("0\n", timeout=host.PATIENCE)
    box = ocipy.start(bundle, "true")
    box.wait()
    assert "exitCode" not in box.state()


def test_keep_goes_with_detach_and_all_the_other_flags(ocipy, bundle, scratch):
    (scratch / "three").write_text("three")
    id = ocipy.new_id()
    options = ("--keep", "--detach", "--no-subreaper", "--pid-file", scratch / "pid", "--preserve-fds", "1")
    prefix = ("sh", "-c", f'exec "$@" 3<{scratch}/three', "sh")
    ocipy.run(bundle, "sh", "-c", "cat <&3 > /copy; exit 4", id=id, options=options, prefix=prefix).ok()
    pid = int((scratch / "pid").read_text())
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 4
    assert (bundle.rootfs / "copy").read_text() == "three"
    assert json.loads(ocipy("state", id).ok().out)["status"] == "stopped"
    ocipy("delete", id).ok()


class Recorder:
    """A foreground `run` at its end, over and over, without a real container around it."""

    def __init__(self, root):
        self.store = Store(str(root))

    def begin(self, code):
        """Gives a container whose init is a child of this process, and a function that ends it as `run` does."""
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.close(write)
            os.read(read, 1)
            os._exit(code)
        os.close(read)
        pidfd = os.pidfd_open(pid)
        self.store.reserve("one")
        self.store.write("one", "exit", b"")
        record = {
            "ociVersion": "1.3.0", "id": "one", "bundle": "/", "rootfs": "/", "created": "", "annotations": {},
            "cgroup_paths": {}, "init_process_pid": pid, "init_process_start": int(exit_status.stat_fields(pid)[19]),
            "own_pids": True, "program": True,
        }  # fmt: skip
        self.store.save("one", record)
        container = Container.load(self.store, "one")

        def finish():
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            os.write(write, b"x")
            os.close(write)
            poll.poll()
            assert record_end(container, pid, pidfd) == code
            self.store.remove("one")
            os.close(pidfd)

        return container, finish


def test_waiter_never_misses_the_code_that_run_records_before_it_deletes_all(scratch, old_kernel):
    """Without the kernel's help: the record and the zombie alone."""
    recorder = Recorder(scratch / "root")
    for number in range(MANY):
        code = number % 256
        container, finish = recorder.begin(code)
        opened, told = os.pipe(), os.pipe()
        waiter = os.fork()
        if waiter == 0:
            _tell_when_polling(opened[1])
            os.write(told[1], str(wait(container)).encode())
            os._exit(0)
        os.read(opened[0], 1)
        finish()
        assert os.read(told[0], 16) == str(code).encode()
        os.waitpid(waiter, 0)
        for descriptor in (*opened, *told):
            os.close(descriptor)


def _tell_when_polling(descriptor):
    """Writes to the descriptor when the waiter has opened all that it needs."""
    before = select.poll

    def poll():
        os.write(descriptor, b"x")
        return before()

    select.poll = poll


def test_waiter_beside_a_run_that_deletes_at_once_gets_the_code_every_time(ocipy, bundle):
    """Whole containers, and the kernel's help where it has one: as many waits as runs, begun while they run."""
    bundle.shell("read code; exit $code").write()
    for number in range(MANY // 10):
        id = ocipy.new_id()
        running = ocipy.spawn("run", "-b", bundle.path, id, stdin=subprocess.PIPE, text=True)
        host.wait_for(lambda id=id: '"running"' in ocipy("state", id).out, "the container")
        waiters = waiting(ocipy, id)
        running.communicate(f"{number}\n", timeout=host.PATIENCE)
        assert answers(waiters) == [(f"{number}\n", "", 0)]
