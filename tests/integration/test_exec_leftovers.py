"""exec leaves no process behind that nobody reaps: one would hold the pid namespace, and with it the container."""

import os
import signal
import threading

import pytest
from support import host, hostile, requires
from support.hostile import Pauser
from support.runtime import end_all_but_init

pytestmark = requires.ocipy_itself
CALLS = {"setns": (308, 268), "setsid": (112, 157), "setresuid": (117, 147), "capset": (126, 91), "chdir": (80, 49)}


@pytest.fixture
def box(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "1000")
    yield box
    end_all_but_init(box)


@pytest.fixture
def paused(ocipy, box, monkeypatch):
    """A function that runs an exec and calls look(call) before each of some system calls of all its processes."""
    numbers = {name: both[os.uname().machine != "x86_64"] for name, both in CALLS.items()}
    monkeypatch.setattr(hostile, "NUMBERS", hostile.NUMBERS | numbers)

    def run(look, *words):
        pauser = Pauser((*CALLS, "clone3"), look)
        return pauser.run(ocipy, "exec", box.id, *words), pauser.calls

    return run


def children():
    """All children of the tests, which are the subreaper: also what has ended and was not reaped."""
    return set(host.children("self"))


@pytest.mark.parametrize(
    "words",
    [
        ("true",), ("false",), ("no-such-program",), ("/etc",), ("/etc/passwd",), ("--cwd", "/missing/..", "true"),
        ("--user", "99999", "true"), ("--cap", "CAP_NONSENSE", "true"), ("--tty", "true"),
    ],
    ids=" ".join,
)  # fmt: skip
def test_nothing_is_left_whatever_becomes_of_the_program(ocipy, box, words):
    ocipy("exec", *words[:-1], box.id, words[-1])
    assert children() == {box.pid}


def test_program_that_cannot_be_executed_leaves_nothing(ocipy, bundle, box):
    bundle.file("bin/broken", "\x7fELF nonsense", 0o755)
    bundle.file("bin/lost", "#!/missing/interpreter\n", 0o755)
    for name in ("broken", "lost"):
        assert ocipy("exec", box.id, name).refused().code == 255
        assert ocipy("exec", "--detach", box.id, name).refused().code == 255
    assert children() == {box.pid}


def test_container_that_ends_before_the_process_is_made_leaves_nothing(box, paused):
    """clone3(2) fails in a pid namespace whose init has ended."""

    def end(call):
        if call.name == "clone3" and host.alive(box.pid):
            os.kill(box.pid, signal.SIGKILL)
            host.wait_for(lambda: host.exited(box.pid), "the end of init")

    result, _calls = paused(end, "true")
    result.refused()
    assert result.code == 255
    assert children() <= {box.pid}


class Adopter:
    """Reaps what the tests adopt, in a thread: the system calls of a process are watched until it is reaped."""

    def __init__(self, *others):
        self.others = set(others)
        self.stopped = threading.Event()
        self.thread = threading.Thread(target=self._reap)

    def __enter__(self):
        self.thread.start()
        return self

    def __exit__(self, *_error):
        self.stopped.set()
        self.thread.join()

    def _reap(self):
        while not self.stopped.wait(0.005):
            for pid in children() - self.others:
                try:
                    os.waitpid(pid, os.WNOHANG)
                except ChildProcessError:
                    pass


def test_exec_that_is_killed_at_any_moment_leaves_nothing_that_lives(box, paused):
    """What it had made ends by itself, for whoever adopts it to reap; only the program itself may go on."""
    _result, calls = paused(lambda _call: None, "true")
    assert len(calls) > 5 and children() == {box.pid}
    for number in range(len(calls)):
        with Adopter(box.pid) as adopter:
            killed = []

            def kill(call, number=number, adopter=adopter, killed=killed):
                parent = int(host.status(call.pid)["PPid"])
                command = call.pid if parent == os.getpid() else parent
                if not killed:
                    # It is the tests' own child, and reaped by them.
                    adopter.others.add(command)
                if call.index == number:
                    killed.append(command)
                    os.kill(command, signal.SIGKILL)

            result, _calls = paused(kill, "true")
            assert killed and result.code == -signal.SIGKILL
            host.wait_for(
                lambda: children() == {box.pid}, f"the end of what exec left when it was killed before call {number}"
            )
    assert box.status() == "running"
