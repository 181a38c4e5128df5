"""exec as its callers use it: terminals, sockets, pid files, detached processes."""

import json
import os
import pty
import signal

import pytest
from support import host
from support.runtime import end_all_but_init, reap
from support.terminal import Terminal


@pytest.fixture
def box(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "1000")
    yield box
    end_all_but_init(box)


@pytest.fixture
def typed(ocipy, box):
    """A function that starts `exec -t` in the foreground on a terminal of the caller; gives process and terminal."""
    opened = []

    def start(*words, flags=("-t",)):
        master, slave = pty.openpty()
        opened.append(master)
        process = ocipy.spawn("exec", *flags, box.id, *words, stdin=slave, stdout=slave, stderr=slave)
        os.close(slave)
        return process, Terminal(master)

    yield start
    for master in opened:
        os.close(master)


def test_terminal_in_the_foreground_is_relayed(typed):
    process, terminal = typed("sh", "-c", "tty; read line; echo got $line; exit 3")
    terminal.expect("/dev/pts/")
    terminal.type("some words\n")
    terminal.expect("got some words")
    assert process.wait(host.PATIENCE) == 3


def test_terminal_has_the_size_of_the_callers_and_follows_it(typed):
    process, terminal = typed("sh", "-c", "trap 'stty size' WINCH; echo ready; while :; do sleep 0.01; done")
    terminal.expect("ready")
    terminal.resize(33, 77)
    process.send_signal(signal.SIGWINCH)
    terminal.expect("33 77")
    process.send_signal(signal.SIGKILL)
    process.wait()


def test_terminal_belongs_to_the_user_and_is_controlling(typed):
    process, terminal = typed("sh", "-c", "stat -c %u $(tty); echo x >/dev/tty; echo end", flags=("-t", "-u", "1000"))
    shown = terminal.expect("end")
    assert shown.split() == ["1000", "x"]
    assert process.wait(host.PATIENCE) == 0


def test_interrupt_typed_in_the_terminal_reaches_the_program(typed):
    process, terminal = typed("sh", "-c", "trap 'echo caught; exit 8' INT; echo ready; while :; do sleep 0.01; done")
    terminal.expect("ready")
    terminal.type("\x03")
    terminal.expect("caught")
    assert process.wait(host.PATIENCE) == 8


def test_console_of_the_container_stays_that_of_init(ocipy, bundle, typed, box):
    before = host.mounts(box.pid)
    process, _terminal = typed("true")
    assert process.wait(host.PATIENCE) == 0
    assert host.mounts(box.pid) == before


def test_without_t_there_is_no_terminal_whatever_the_config_says(ocipy, bundle, console):
    bundle.process["terminal"] = True
    path, receive = console
    box = ocipy.create(bundle, "sleep", "1000", options=("--console-socket", path))
    master = receive()[1][0]
    box.start()
    assert ocipy("exec", box.id, "tty").out == "not a tty\n"
    os.close(master)


def test_console_socket_gets_the_terminal_of_a_detached_process(ocipy, box, console, scratch):
    path, receive = console
    ocipy("exec", "-d", "-t", "--console-socket", path, "--pid-file", scratch / "pid", box.id, "sh", "-c",
          "read line; echo got $line").ok()  # fmt: skip
    payload, descriptors = receive()
    assert payload.startswith("/dev/pts/") and len(descriptors) == 1
    terminal = Terminal(descriptors[0])
    terminal.type("words\n")
    terminal.expect("got words")
    os.close(descriptors[0])
    os.waitpid(int((scratch / "pid").read_text()), 0)


@pytest.mark.parametrize(("flags", "said"), [
    (("-d", "-t"), "cannot allocate tty if ocipy will detach without setting console socket"),
    (("-t", "--console-socket", "/x"), "cannot use console socket if ocipy will not detach or allocate tty"),
    (("-d", "--console-socket", "/x"), "cannot use console socket if ocipy will not detach or allocate tty"),
])
def test_terminal_without_a_way_to_its_user_is_refused(ocipy, box, flags, said):
    assert ocipy("exec", *flags, box.id, "true").refused(said).code == 255


def test_console_socket_that_is_not_there_is_255_and_nothing_is_left(ocipy, box, scratch):
    flags = ("-d", "-t", "--console-socket", scratch / "none", "--pid-file", scratch / "pid")
    assert ocipy("exec", *flags, box.id, "sleep", "1000").refused("no such file").code == 255
    assert reap() == [box.pid]
    assert not (scratch / "pid").exists()


def test_container_without_devpts_has_no_terminal_to_give(ocipy, bundle):
    bundle.unmount("/dev/pts")
    box = ocipy.start(bundle, "sleep", "1000")
    assert ocipy("exec", "-t", box.id, "true").refused("devpts").code == 255


def test_detached_process_is_the_callers_to_reap(ocipy, box, scratch):
    result = ocipy("exec", "--detach", "--pid-file", scratch / "pid", box.id, "sh", "-c", "sleep 0.2; exit 42").ok()
    assert result.out == ""
    text = (scratch / "pid").read_text()
    assert text.isdigit()
    assert host.status(int(text))["PPid"] == str(os.getpid())
    _pid, status = os.waitpid(int(text), 0)
    assert os.waitstatus_to_exitcode(status) == 42


def test_pid_file_of_a_foreground_process(ocipy, box, scratch):
    result = ocipy("exec", "--pid-file", scratch / "pid", box.id, "grep", "NSpid", "/proc/self/status").ok()
    # grep sees itself in the container's pid namespace alone.
    assert (scratch / "pid").read_text().isdigit()
    assert len(result.out.split()) == 2


def test_pid_file_that_cannot_be_written_is_255_and_nothing_is_left(ocipy, box, scratch):
    result = ocipy("exec", "-d", "--pid-file", scratch / "none/pid", box.id, "sleep", "1000").refused("no such file")
    assert result.code == 255
    assert reap() == [box.pid]


def test_pidfd_socket_gets_a_pidfd_of_the_process(ocipy, box, console, scratch):
    path, receive = console
    ocipy("exec", "-d", "--pidfd-socket", path, "--pid-file", scratch / "pid", box.id, "sleep", "1000").ok()
    payload, descriptors = receive()
    assert payload == "setns"
    with open(f"/proc/self/fdinfo/{descriptors[0]}") as file:
        lines = dict(line.split(":") for line in file)
    assert lines["Pid"].strip() == (scratch / "pid").read_text()
    os.close(descriptors[0])


def test_as_go_runc_calls_it(ocipy, box, console, scratch):
    path, receive = console
    document = {"terminal": True, "user": {"uid": 0, "gid": 0}, "args": ["sh", "-c", "stty size; exit 5"],
                "env": ["PATH=/bin"], "cwd": "/", "consoleSize": {"height": 20, "width": 60}}  # fmt: skip
    (scratch / "process.json").write_text(json.dumps(document))
    flags = ("--log", scratch / "log.json", "--log-format", "json")
    words = ("--process", scratch / "process.json", "--console-socket", path, "--detach", "--pid-file", scratch / "pid")
    ocipy("exec", *words, box.id, flags=flags).ok()
    _payload, (master,) = receive()
    Terminal(master).expect("20 60")
    _pid, status = os.waitpid(int((scratch / "pid").read_text()), 0)
    assert os.waitstatus_to_exitcode(status) == 5
    os.close(master)
    assert not (scratch / "log.json").exists()


def test_twenty_at_once(ocipy, box):
    running = [ocipy.spawn("exec", box.id, "sh", "-c", f"exit {number}") for number in range(20)]
    assert [process.wait(host.PATIENCE) for process in running] == list(range(20))
    assert reap() == [box.pid]


def test_exec_that_is_told_to_end_while_it_enters_leaves_nothing(ocipy, box):
    for _ in range(10):
        running = ocipy.spawn("exec", box.id, "sleep", "1000")
        host.wait_for(lambda: len(host.processes_of(box.id)) > 1, "the process")
        running.send_signal(signal.SIGTERM)
        running.wait(host.PATIENCE)
        host.wait_for(lambda: set(reap()) == {box.pid}, "the end of the process")


def test_sixteen_mebibytes_of_memory_and_two_processes_are_enough(ocipy, bundle):
    bundle.resources.update(pids={"limit": 2}, memory={"limit": 16 << 20})
    box = ocipy.start(bundle, "sleep", "1000")
    ocipy("exec", box.id, "true").ok()
