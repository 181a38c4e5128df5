"""The streams of a program in the foreground: of any size, read slowly, not at all, or not to the end."""

from __future__ import annotations

import fcntl
import hashlib
import os
import pty
import select
import signal
import subprocess

import pytest
from support import host
from support.runtime import end_all_but_init

MEBIBYTE = 1 << 20
ENDLESS = "while echo a line that nobody waits for; do :; done"


class Foreground:
    """Programs in the foreground of `run`, or of `exec` in a container that sleeps."""

    def __init__(self, verb, ocipy, bundle):
        self.ocipy = ocipy
        self.bundle = bundle
        self.box = ocipy.start(bundle, "sleep", "1000") if verb == "exec" else None
        self.commands = []

    def __call__(self, *args, terminal=False, **streams):
        """Starts a program; streams as for Popen, /dev/null by default."""
        if self.box:
            words = ["exec", *(["-t"] if terminal else []), self.box.id, *args]
        else:
            self.bundle.process["terminal"] = terminal
            words = ["run", "-b", self.bundle.args(*args).write().path, self.ocipy.new_id()]
        command = self.ocipy.spawn(*words, **streams)
        self.commands.append(command)
        return command

    @property
    def id(self):
        return self.box.id if self.box else self.ocipy.ids[-1]

    def close(self):
        for command in self.commands:
            command.kill()
            command.wait()
            for stream in filter(None, (command.stdin, command.stdout, command.stderr)):
                stream.close()
        if self.box:
            end_all_but_init(self.box)


@pytest.fixture(params=["run", "exec"])
def foreground(request, ocipy, bundle):
    made = Foreground(request.param, ocipy, bundle)
    yield made
    made.close()


def blocked(command):
    """Waits until the pipe of a command's output takes no more."""
    end = os.open(f"/proc/self/fd/{command.stdout.fileno()}", os.O_WRONLY | os.O_NONBLOCK)
    poll = select.poll()
    poll.register(end, select.POLLOUT)
    try:
        host.wait_for(lambda: not poll.poll(0), "a pipe full of output")
    finally:
        os.close(end)


def rest(descriptor, size=MEBIBYTE):
    """Reads to the end in pieces of a size."""
    pieces = []
    while True:
        try:
            pieces.append(os.read(descriptor, size))
        except OSError:  # A pty whose other side is closed.
            break
        if not pieces[-1]:
            break
    return b"".join(pieces)


def same(one, other):
    """Compares what is too large to be shown."""
    return len(one) == len(other) and hashlib.sha256(one).digest() == hashlib.sha256(other).digest()


def numbers(count, end=b"\n"):
    """What seq writes."""
    return b"".join(b"%d%s" % (number, end) for number in range(1, count + 1))


# --- sizes


def test_64_mebibytes_of_output_arrive_whole(foreground):
    command = foreground("sh", "-c", f"yes 0123456789abcde | head -c {64 * MEBIBYTE}", stdout=subprocess.PIPE)
    assert same(rest(command.stdout.fileno()), b"0123456789abcde\n" * (4 * MEBIBYTE))
    assert command.wait(host.PATIENCE) == 0


def test_8_mebibytes_of_input_arrive_whole(foreground):
    data = os.urandom(8 * MEBIBYTE)
    command = foreground("sha256sum", stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    said, _nothing = command.communicate(data, host.PATIENCE)
    assert said.split()[0].decode() == hashlib.sha256(data).hexdigest()


def test_program_sees_the_end_of_its_input(foreground):
    script = "read line; echo $line; cat; echo ended"
    command = foreground("sh", "-c", script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
    command.stdin.write(b"first\n")
    assert command.stdout.readline() == b"first\n"
    command.stdin.close()
    assert command.stdout.readline() == b"ended\n"
    assert command.wait(host.PATIENCE) == 0


def test_4_mebibytes_through_a_terminal_arrive_whole_at_a_pipe_that_is_read_slowly(foreground):
    command = foreground("seq", "1", "600000", terminal=True, stdout=subprocess.PIPE)
    fcntl.fcntl(command.stdout, fcntl.F_SETPIPE_SZ, 4096)
    taken = b""
    for _piece in range(20):
        blocked(command)
        taken += os.read(command.stdout.fileno(), 1000)
    taken += rest(command.stdout.fileno(), 1000)
    assert same(taken, numbers(600000))
    assert command.wait(host.PATIENCE) == 0


def test_2_mebibytes_arrive_whole_from_terminal_to_terminal(foreground):
    master, slave = pty.openpty()
    command = foreground("seq", "1", "300000", terminal=True, stdin=slave, stdout=slave)
    os.close(slave)
    assert same(rest(master, 512), numbers(300000, b"\r\n"))
    assert command.wait(host.PATIENCE) == 0
    os.close(master)


# --- a caller that does not read


def test_caller_that_never_reads_holds_up_nothing_but_the_program(foreground, ocipy):
    command = foreground("sh", "-c", ENDLESS, stdout=subprocess.PIPE)
    blocked(command)
    assert '"status": "running"' in ocipy("state", foreground.id).ok().out
    assert ocipy("exec", foreground.id, "echo", "fine").ok().out == "fine\n"
    ocipy("kill", foreground.id, "KILL").ok()
    assert command.wait(host.PATIENCE) == 128 + signal.SIGKILL


def test_signal_reaches_a_program_on_a_terminal_whose_output_nobody_reads(foreground, bundle):
    script = f"trap 'echo > /told; exit 5' TERM; {{ {ENDLESS}; }} & wait"
    command = foreground("sh", "-c", script, terminal=True, stdout=subprocess.PIPE)
    blocked(command)
    command.terminate()
    host.wait_for((bundle.rootfs / "told").exists, "the signal")
    rest(command.stdout.fileno())
    assert command.wait(host.PATIENCE) == 5


def test_keys_reach_a_program_on_a_terminal_whose_output_nobody_reads(foreground, bundle):
    master, slave = pty.openpty()
    script = f"trap 'echo > /told; exit 6' INT; {ENDLESS}"
    command = foreground("sh", "-c", script, terminal=True, stdin=slave, stdout=subprocess.PIPE)
    os.close(slave)
    blocked(command)
    os.write(master, b"\x03")
    host.wait_for((bundle.rootfs / "told").exists, "the key")
    rest(command.stdout.fileno())
    assert command.wait(host.PATIENCE) == 6
    os.close(master)


# --- a caller that stops reading


def test_program_on_a_pipe_gets_sigpipe_when_its_reader_is_gone(foreground):
    command = foreground("sh", "-c", "yes; echo $? >&2", stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert command.stdout.readline() == b"y\n"
    command.stdout.close()
    assert command.stderr.read().split()[-1] == b"%d" % (128 + signal.SIGPIPE)
    assert command.wait(host.PATIENCE) == 0


def test_program_on_a_terminal_gets_sighup_when_its_reader_is_gone(foreground):
    command = foreground(
        "sh", "-c", f"trap 'exit 4' HUP; {ENDLESS}", terminal=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    assert command.stdout.readline()
    command.stdout.close()
    assert command.wait(host.PATIENCE) == 4
    assert [line for line in command.stderr if b"warning" not in line] == []


# --- a caller that is killed


def test_container_goes_on_when_run_itself_is_killed(ocipy, bundle, scratch):
    id = ocipy.new_id()
    bundle.shell("echo ready; exec sleep 1000").write()
    command = ocipy.spawn("run", "-b", bundle.path, "--pid-file", scratch / "pid", id, stdout=subprocess.PIPE)
    assert command.stdout.readline() == b"ready\n"
    command.kill()
    command.wait()
    command.stdout.close()
    assert '"status": "running"' in ocipy("state", id).ok().out
    assert ocipy("exec", id, "echo", "fine").ok().out == "fine\n"
    ocipy("kill", id, "KILL").ok()
    os.waitpid(int((scratch / "pid").read_text()), 0)
    ocipy("delete", id).ok()


def test_terminal_hangs_up_when_run_itself_is_killed(ocipy, bundle, scratch):
    id = ocipy.new_id()
    bundle.process["terminal"] = True
    bundle.shell("trap 'exit 4' HUP; echo ready; while :; do sleep 0.01; done").write()
    command = ocipy.spawn("run", "-b", bundle.path, "--pid-file", scratch / "pid", id, stdout=subprocess.PIPE)
    assert command.stdout.readline().strip() == b"ready"
    command.kill()
    command.wait()
    command.stdout.close()
    _pid, status = os.waitpid(int((scratch / "pid").read_text()), 0)
    assert os.waitstatus_to_exitcode(status) == 4
