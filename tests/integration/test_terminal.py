"""process.terminal: a pty of the container's own, sent to a console socket or relayed in the foreground."""

import fcntl
import os
import pty
import select
import signal
import socket
import termios

import pytest
from support import host, requires
from support.terminal import Terminal


@pytest.fixture
def detached(ocipy, bundle, console):
    """A function that starts a program on a terminal of its own; gives container, terminal and the payload."""
    masters = []

    def start(*args):
        bundle.process["terminal"] = True
        box = ocipy.create(bundle, *args, options=("--console-socket", console[0]))
        payload, (master,) = console[1]()
        masters.append(master)
        box.start()
        return box, Terminal(master), payload

    yield start
    for master in masters:
        os.close(master)


def test_console_socket_gets_one_master_with_the_name_of_the_pty(detached):
    _box, terminal, payload = detached("sh")
    assert os.isatty(terminal.master)
    assert payload
    terminal.type("echo $((6 * 7))\n")
    terminal.expect("42")


def test_pty_is_of_the_containers_devpts(detached):
    box, terminal, _payload = detached("sh")
    terminal.type("tty; ls /dev/pts\n")
    terminal.expect("/dev/pts/0")
    assert os.readlink(f"/proc/{box.pid}/fd/0") == "/dev/pts/0"


def test_console_device_is_the_terminal(detached):
    _box, terminal, _payload = detached("sh")
    terminal.type("echo by the console > /dev/console; stat -c %t:%T /dev/console /dev/pts/0\n")
    terminal.expect("by the console\r\n")
    terminal.expect("88:0")


def test_terminal_is_the_controlling_one(detached):
    script = "trap 'echo interrupted' INT; echo ready; while :; do sleep 0.1; done"
    _box, terminal, _payload = detached("sh", "-c", script)
    terminal.expect("ready")
    terminal.type("\x03")
    terminal.expect("interrupted")


def test_all_three_streams_are_the_terminal(detached):
    box, _terminal, _payload = detached("sleep", "100")
    assert {host.fdsnap(box.pid)[number] for number in (0, 1, 2)} == {"/dev/pts/0"}


def test_owner_of_the_terminal_is_the_user(detached, bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    script = "stat -c %u /dev/pts/0; echo x > /dev/console && echo written; sleep 100"
    _box, terminal, _payload = detached("sh", "-c", script)
    terminal.expect("1000")
    terminal.expect("written")


def test_console_size(detached, bundle):
    bundle.process["consoleSize"] = {"height": 33, "width": 111}
    _box, terminal, _payload = detached("stty", "size")
    terminal.expect("33 111")


@requires.ocipy_itself
def test_console_size_is_ignored_without_a_terminal(ocipy, bundle):
    bundle.process["consoleSize"] = {"height": 70_000, "width": 0}
    assert ocipy.run(bundle, "echo", "fine").ok().out == "fine\n"


def test_descriptor_of_the_terminal_is_not_left_with_the_program(detached):
    box, _terminal, _payload = detached("sleep", "100")
    assert sorted(host.fdsnap(box.pid)) == [0, 1, 2]


def test_detached_terminal_needs_a_console_socket(ocipy, bundle):
    bundle.process["terminal"] = True
    ocipy.created(bundle, "true").refused("console-socket")
    ocipy.run(bundle, "true", options=("--detach",)).refused("console-socket")


@requires.ocipy_itself
def test_console_socket_without_a_terminal_is_refused(ocipy, bundle, console):
    ocipy.created(bundle, "true", options=("--console-socket", console[0])).refused("process.terminal")


def test_console_socket_that_is_not_there_leaves_nothing(ocipy, bundle, scratch):
    bundle.process["terminal"] = True
    id = ocipy.new_id()
    ocipy.created(bundle, "true", id=id, options=("--console-socket", scratch / "absent")).refused("absent")
    assert (host.statesnap(ocipy.root), host.cgsnap(id)) == ([], [])


def test_console_socket_with_a_long_path(ocipy, bundle, scratch):
    deep = scratch / ("d" * 100) / ("e" * 50)
    deep.mkdir(parents=True)
    listener = socket.socket(socket.AF_UNIX)
    directory = os.open(deep, os.O_PATH)
    listener.bind(f"/proc/self/fd/{directory}/sock")
    os.close(directory)
    listener.listen(1)
    listener.settimeout(host.PATIENCE)
    bundle.process["terminal"] = True
    ocipy.create(bundle, "true", options=("--console-socket", deep / "sock"))
    with listener.accept()[0] as connection:
        assert len(socket.recv_fds(connection, 4096, 4)[1]) == 1
    listener.close()


@pytest.fixture
def foreground(ocipy, bundle):
    """A function that runs a program in the foreground on a pty of the test's; gives the command and the terminal."""
    running = []

    def run(*args, rows=24, columns=80):
        bundle.process["terminal"] = True
        bundle.args(*args).write()
        master, slave = pty.openpty()
        terminal = Terminal(master)
        terminal.resize(rows, columns)

        def lead():
            os.setsid()
            fcntl.ioctl(0, termios.TIOCSCTTY, 0)

        command = ocipy.spawn(
            "run", "-b", bundle.path, ocipy.new_id(), stdin=slave, stdout=slave, stderr=slave, preexec_fn=lead
        )
        os.close(slave)
        running.append((command, master))
        return command, terminal

    yield run
    for command, master in running:
        if command.poll() is None:
            command.kill()
            command.wait()
        os.close(master)


def test_foreground_relays_the_terminal(foreground):
    command, terminal = foreground("sh")
    terminal.expect("# ")
    terminal.type("echo $((6 * 7))\r")
    terminal.expect("\r\n42\r\n")
    terminal.type("exit 5\r")
    assert command.wait(host.PATIENCE) == 5


def test_foreground_terminal_has_the_size_of_the_callers(foreground):
    _command, terminal = foreground("sh", "-c", "stty size; sleep 100", rows=31, columns=97)
    terminal.expect("31 97")


def test_foreground_terminal_is_resized_with_the_callers(foreground):
    command, terminal = foreground("sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.05; done")
    terminal.expect("ready")
    terminal.resize(40, 120)
    command.send_signal(signal.SIGWINCH)
    terminal.expect("40 120")


def test_keys_of_control_reach_the_program_and_not_the_runtime(foreground):
    script = "trap 'echo interrupted; exit 6' INT; echo ready; while :; do sleep 0.05; done"
    command, terminal = foreground("sh", "-c", script)
    terminal.expect("ready")
    terminal.type("\x03")
    terminal.expect("interrupted")
    assert command.wait(host.PATIENCE) == 6


def test_end_of_file_ends_the_shell(foreground):
    command, terminal = foreground("sh")
    terminal.expect("# ")
    terminal.type("\x04")
    assert command.wait(host.PATIENCE) == 0


def test_newlines_are_turned_once(foreground):
    _command, terminal = foreground("printf", "a\\nb\\n")
    terminal.expect("a\r\nb\r\n")
    assert "\r\r" not in terminal.shown


def test_settings_of_the_callers_terminal_come_back(foreground):
    command, terminal = foreground("sh", "-c", "echo ready; read x; exit 0")
    terminal.expect("ready")
    during = termios.tcgetattr(terminal.master)
    assert not during[3] & termios.ICANON
    terminal.type("\r")
    assert command.wait(host.PATIENCE) == 0
    after = termios.tcgetattr(terminal.master)
    assert after[3] & termios.ICANON
    assert after[3] & termios.ECHO


def test_settings_come_back_when_a_signal_ends_the_program(foreground, ocipy):
    command, terminal = foreground("sh", "-c", "trap 'exit 9' TERM; echo ready; while :; do sleep 0.05; done")
    terminal.expect("ready")
    command.terminate()
    assert command.wait(host.PATIENCE) == 9
    assert termios.tcgetattr(terminal.master)[3] & termios.ICANON


def test_large_output_arrives_whole(foreground):
    command, terminal = foreground("sh", "-c", "seq 1 20000; echo end-of-it")
    text = terminal.expect("end-of-it")
    assert text.split() == [str(number) for number in range(1, 20001)]
    assert command.wait(host.PATIENCE) == 0


def test_large_input_arrives_whole(foreground):
    command, terminal = foreground("sh", "-c", "stty -echo -icanon; echo ready; head -c 100000 | wc -c")
    terminal.expect("ready")
    sent = 0
    while sent < 100000:
        _, writable, _ = select.select([], [terminal.master], [], host.PATIENCE)
        assert writable
        sent += os.write(terminal.master, b"x" * min(4000, 100000 - sent))
    terminal.expect("100000")
    assert command.wait(host.PATIENCE) == 0


def test_foreground_with_pipes_relays_too(ocipy, bundle):
    """A terminal inside, none outside: what a script does with `run -t`."""
    bundle.process["terminal"] = True
    bundle.shell("tty; read line; echo got $line")
    result = ocipy.run(bundle, input=b"text\n", timeout=host.PATIENCE).ok()
    assert "/dev/pts/0" in result.out
    assert "got text" in result.out
