"""kill: signals reach the container's processes, and nobody else's."""

import json
import os
import signal
import subprocess

import pytest
from support import host, requires

RECORDER = "for s in HUP INT USR1 USR2 TERM; do trap \"echo $s\" $s; done; echo ready; while :; do sleep 0.01; done"


@pytest.fixture
def recorder(ocipy, bundle):
    """A running container that prints each signal it gets."""
    box = ocipy.start(bundle, "sh", "-c", RECORDER)
    host.wait_for(lambda: "ready" in box.output(), "the traps")
    return box


@pytest.mark.parametrize(
    ("given", "name"),
    [("10", "USR1"), ("USR1", "USR1"), ("SIGUSR1", "USR1"), ("usr1", "USR1"), ("sigUsr1", "USR1"), ("2", "INT"),
     ("HUP", "HUP")],
)  # fmt: skip
def test_signal_is_a_number_or_a_name_in_any_case(recorder, given, name):
    recorder.kill(given).ok()
    host.wait_for(lambda: recorder.output() == f"ready\n{name}\n", f"SIG{name}")


def test_signal_is_term_by_default(recorder):
    recorder.kill().ok()
    host.wait_for(lambda: recorder.output() == "ready\nTERM\n", "SIGTERM")


@pytest.fixture
def stoppable(ocipy, bundle):
    """A function that runs the recorder in a container whose image wants to be stopped with a signal."""

    def start(text):
        bundle.config["annotations"] = {"org.opencontainers.image.stopSignal": text}
        script = RECORDER.replace("for s in", f"for s in {signal.SIGRTMIN + 3}")
        box = ocipy.start(bundle, "sh", "-c", script)
        host.wait_for(lambda: "ready" in box.output(), "the traps")
        return box

    return start


@requires.ocipy_itself
@pytest.mark.parametrize(
    ("text", "name"),
    [("SIGUSR2", "USR2"), ("INT", "INT"), ("1", "HUP"), ("", "TERM"), ("SIGRTMIN+3", str(signal.SIGRTMIN + 3))],
)  # fmt: skip
def test_stop_signal_of_the_image_is_sent_when_none_is_given(stoppable, text, name):
    box = stoppable(text)
    box.kill().ok()
    host.wait_for(lambda: box.output() == f"ready\n{name}\n", name)


def test_given_signal_prevails_over_the_stop_signal_of_the_image(stoppable):
    box = stoppable("SIGUSR2")
    box.kill("USR1").ok()
    host.wait_for(lambda: box.output() == "ready\nUSR1\n", "SIGUSR1")


@requires.ocipy_itself
def test_stop_signal_of_the_image_that_is_none_is_named(stoppable):
    box = stoppable("SIGMAGIC")
    box.kill().refused('annotations["org.opencontainers.image.stopSignal"]', "SIGMAGIC")
    assert host.alive(box.pid)


@requires.ocipy_itself
@pytest.mark.parametrize(
    "text",
    ["FOO", "SIG", "", "RTMIN+", "RTMIN+31", "KILL+1", "SIG9", "-1", "65", "99999999999999999999", "1.5", "９",
     "SIG_DFL", "NSIG"],
)  # fmt: skip
def test_unknown_signal_is_refused(recorder, text):
    recorder.kill("--", text).refused("signal")
    assert host.alive(recorder.pid)


def test_real_time_signals_are_signals(ocipy, bundle):
    number = signal.SIGRTMAX - 1
    box = ocipy.start(bundle, "sh", "-c", f"trap 'exit 5' {number}; echo ready; while :; do sleep 0.01; done")
    host.wait_for(lambda: "ready" in box.output(), "the trap")
    box.kill(str(number)).ok()
    assert os.waitstatus_to_exitcode(box.wait()) == 5


def test_kill_ends_a_container_that_was_never_started(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    box.kill("KILL").ok()
    assert box.wait() == 9
    assert box.status() == "stopped"


def test_kill_of_a_stopped_container_says_container_not_running(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    assert box.kill("9").refused("container not running").code == 1


def test_kill_all_of_a_stopped_container_succeeds(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    box.kill("--all", "9").ok()
    box.kill("-a", "KILL").ok()


def test_kill_of_a_missing_container_says_does_not_exist(ocipy):
    ocipy("kill", ocipy.new_id(), "KILL").refused("container does not exist")


def test_end_of_init_ends_all_processes_of_the_pid_namespace(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "sleep 1000 & setsid sleep 1000 & echo ready; wait")
    host.wait_for(lambda: "ready" in box.output() and len(host.processes_of(box.id)) == 3, "three processes")
    pids = host.processes_of(box.id)
    box.kill("KILL").ok()
    box.wait()
    assert all(host.exited(pid) for pid in pids)


def test_kill_of_a_container_in_the_hosts_pid_namespace_ends_every_process(ocipy, bundle):
    bundle.share("pid")
    box = ocipy.start(bundle, "sh", "-c", "sleep 1000 & setsid sleep 1000 & echo ready; wait")
    host.wait_for(lambda: "ready" in box.output() and len(host.processes_of(box.id)) == 3, "three processes")
    pids = host.processes_of(box.id)
    box.kill("KILL").ok()
    box.wait()
    for pid in pids:
        host.wait_for(lambda pid=pid: host.exited(pid), f"the end of {pid}")


@requires.ocipy_itself
def test_kill_all_reaches_every_process(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "trap : TERM; sleep 1000 & sleep 1000 & echo ready; while :; do wait; done")
    host.wait_for(lambda: len(host.processes_of(box.id)) == 3, "three processes")
    others = set(host.processes_of(box.id)) - {box.pid}
    # Until then they are copies of the shell, trap and all.
    host.wait_for(lambda: all(host.status(pid)["Name"] == "sleep" for pid in others), "the programs")
    box.kill("--all", "TERM").ok()
    for pid in others:
        host.wait_for(lambda pid=pid: host.exited(pid), f"the end of {pid}")
    assert host.alive(box.pid)


@pytest.fixture
def stranger():
    """A process that is no container's."""
    process = subprocess.Popen(["sleep", "1000"])
    yield process
    process.kill()
    process.wait()


def point_to(ocipy, box, pid, start=None):
    """Makes the record of a container mean another process, as after a reuse of the pid."""
    path = ocipy.root / box.id / "state.json"
    record = json.loads(path.read_text())
    record["init_process_pid"] = pid
    if start is not None:
        record["init_process_start"] = start
    path.write_text(json.dumps(record))


@requires.ocipy_itself
def test_kill_never_hits_a_stranger_that_got_the_pid(ocipy, bundle, stranger):
    box = ocipy.start(bundle, "true")
    box.wait()
    point_to(ocipy, box, stranger.pid)
    assert box.status() == "stopped"
    box.kill("KILL").refused("container not running")
    assert stranger.poll() is None


@requires.ocipy_itself
@pytest.mark.parametrize("force", [False, True])
def test_delete_never_hits_a_stranger_that_got_the_pid(ocipy, bundle, stranger, force):
    box = ocipy.start(bundle, "true")
    box.wait()
    point_to(ocipy, box, stranger.pid)
    box.delete(force=force).ok()
    assert stranger.poll() is None


@requires.ocipy_itself
@pytest.mark.parametrize("pid", [0, 1, -1, os.getpid(), 2**31, 2**64])
def test_delete_force_never_hits_a_pid_that_is_none_of_the_containers(ocipy, bundle, pid):
    box = ocipy.start(bundle, "true")
    box.wait()
    point_to(ocipy, box, pid)
    box.delete(force=True).ok()
