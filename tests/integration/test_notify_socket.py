"""NOTIFY_SOCKET: a service manager hears when the program in the container is ready."""

import os
import signal
import socket
import subprocess

import pytest
from support import host, requires
from support.runtime import ENVIRONMENT
from support.users import mapped

SAY = """
import os, socket, sys
here = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
here.connect(os.environ["NOTIFY_SOCKET"])
for message in sys.argv[1:]:
    if message == "wait":
        sys.stdin.readline()
    else:
        here.send(message.encode())
"""


class Manager:
    """A service manager: its socket and what it is told."""

    def __init__(self, address):
        self.socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self.socket.bind(address.replace("@", "\0", 1) if address.startswith("@") else address)
        self.socket.settimeout(host.PATIENCE)
        self.env = {**ENVIRONMENT, "NOTIFY_SOCKET": address}

    def hear(self):
        """The next message; a descriptor that comes with it is closed, which answers a barrier."""
        text, descriptors, _flags, _address = socket.recv_fds(self.socket, 4096, 8)
        for descriptor in descriptors:
            os.close(descriptor)
        return text.decode(), len(descriptors)

    def silent(self):
        self.socket.setblocking(False)
        try:
            return not self.socket.recv(4096)
        except BlockingIOError:
            return True
        finally:
            self.socket.settimeout(host.PATIENCE)


@pytest.fixture
def manager(scratch):
    manager = Manager(str(scratch / "manager.sock"))
    yield manager
    manager.socket.close()


@pytest.fixture
def saying(bundle):
    """A function that makes a program of the bundle which sends these messages, and then sleeps."""
    interpreter = bundle.host_python()

    def say(*messages, then="exec sleep 1000"):
        words = " ".join(f"'{message}'" for message in messages)
        (bundle.rootfs / "say.py").write_text(SAY)
        return bundle.shell(f"{interpreter} -IS /say.py {words}; {then}").write()

    return say


def told(manager, pid):
    assert manager.hear() == ("READY=1\n", 0)
    assert manager.hear() == (f"MAINPID={pid}\n", 0)
    assert manager.hear() == ("BARRIER=1", 1)


@requires.ocipy_itself  # runc 1.1 asks no barrier of the manager
@pytest.mark.parametrize("user", [False, True])
def test_start_returns_when_the_program_is_ready_and_the_manager_knows(ocipy, bundle, saying, manager, user):
    saying("READY=1")
    box = ocipy.create(mapped(bundle) if user else bundle, env=manager.env)
    starting = ocipy.spawn("start", box.id, env=manager.env)
    told(manager, box.pid)
    assert starting.wait(host.PATIENCE) == 0
    assert box.status() == "running"
    assert manager.silent()


@requires.ocipy_itself
def test_detached_run_returns_when_the_program_is_ready(ocipy, bundle, saying, manager, scratch):
    saying("READY=1")
    options = ("-b", bundle.path, "--pid-file", scratch / "pid")
    running = ocipy.spawn("run", "-d", *options, ocipy.new_id(), env=manager.env)
    assert manager.hear() == ("READY=1\n", 0)
    pid = int((scratch / "pid").read_text())
    assert manager.hear() == (f"MAINPID={pid}\n", 0)
    assert running.poll() is None
    assert manager.hear() == ("BARRIER=1", 1)
    assert running.wait(host.PATIENCE) == 0


def test_foreground_run_is_the_main_process_itself(ocipy, bundle, saying, manager):
    saying("READY=1", then="exit 4")
    running = ocipy.spawn("run", "-b", bundle.path, ocipy.new_id(), env=manager.env)
    assert manager.hear() == ("READY=1\n", 0)
    assert manager.hear() == (f"MAINPID={running.pid}\n", 0)
    assert running.wait(host.PATIENCE) == 4
    assert host.statesnap(ocipy.root) == []


@requires.ocipy_itself
def test_only_ready_goes_on_to_the_manager(ocipy, bundle, saying, manager):
    """A container is not trusted with the rest, such as MAINPID or FDSTORE."""
    saying("STATUS=soon", "MAINPID=1\nREADY=1\nSTATUS=now", "READY=1", "STOPPING=1")
    box = ocipy.create(bundle, env=manager.env)
    starting = ocipy.spawn("start", box.id, env=manager.env)
    told(manager, box.pid)
    assert starting.wait(host.PATIENCE) == 0
    assert manager.silent()


@requires.ocipy_itself
def test_foreground_run_goes_on_taking_messages(ocipy, bundle, saying, manager):
    """A program that tells its status over and over must not block on a full socket."""
    saying("READY=1", *[f"STATUS={number}" for number in range(1000)], then="exit 6")
    running = ocipy.spawn("run", "-b", bundle.path, ocipy.new_id(), env=manager.env)
    assert running.wait(host.PATIENCE) == 6


@requires.ocipy_itself
def test_start_ends_with_a_container_that_never_was_ready(ocipy, bundle, saying, manager):
    saying("STATUS=no", then="exit 1")
    box = ocipy.create(bundle, env=manager.env)
    ocipy("start", box.id, env=manager.env).ok()
    assert manager.silent()


@requires.ocipy_itself
def test_foreground_run_passes_signals_on_before_the_program_is_ready(ocipy, bundle, saying, manager):
    saying("STATUS=no", then="trap 'exit 7' TERM; echo ready; while :; do sleep 0.01; done")
    running = ocipy.spawn(
        "run", "-b", bundle.path, ocipy.new_id(), env=manager.env, stdout=subprocess.PIPE, text=True
    )
    assert running.stdout.readline() == "ready\n"
    running.send_signal(signal.SIGTERM)
    assert running.wait(host.PATIENCE) == 7


def test_directory_of_the_socket_is_mounted_read_only(ocipy, bundle, saying, manager):
    saying("READY=1")
    box = ocipy.create(bundle, env=manager.env)
    mount = host.mount_at(box.pid, "/run/notify")
    assert {"ro", "nosuid", "nodev", "noexec"} <= mount.options
    box.delete().ok()
    assert host.statesnap(ocipy.root) == []


@requires.ocipy_itself
def test_manager_of_an_abstract_name_is_told(ocipy, bundle, saying):
    manager = Manager(f"@ocipy-test-{os.getpid()}")
    saying("READY=1")
    box = ocipy.create(bundle, env=manager.env)
    starting = ocipy.spawn("start", box.id, env=manager.env)
    told(manager, box.pid)
    assert starting.wait(host.PATIENCE) == 0


@requires.ocipy_itself
def test_manager_that_is_not_there_is_named_before_the_program_begins(ocipy, bundle, scratch):
    env = {**ENVIRONMENT, "NOTIFY_SOCKET": str(scratch / "missing")}
    box = ocipy.create(bundle, "touch", "/begun", env=env)
    ocipy("start", box.id, env=env).refused("NOTIFY_SOCKET", "missing")
    assert box.status() == "created"
    id = ocipy.new_id()
    ocipy.run(bundle, "touch", "/begun", id=id, env=env).refused("NOTIFY_SOCKET")
    assert not (ocipy.root / id).exists()
    assert not (bundle.rootfs / "begun").exists()


@requires.ocipy_itself
def test_killed_start_can_be_begun_again_elsewhere(ocipy, bundle, saying, manager):
    """The socket that it left is no hindrance to delete."""
    saying("wait", "READY=1")
    box = ocipy.create(bundle, env=manager.env)
    starting = ocipy.spawn("start", box.id, env=manager.env)
    host.wait_for(lambda: (ocipy.root / box.id / "notify/notify.sock").exists(), "the socket")
    starting.kill()
    starting.wait()
    box.delete(force=True).ok()
    assert host.statesnap(ocipy.root) == []


def test_start_without_the_variable_does_not_wait(ocipy, bundle, saying, manager):
    saying(then="exec sleep 1000")
    box = ocipy.create(bundle, env=manager.env)
    ocipy("start", box.id).ok()
    assert manager.silent()


@requires.ocipy_itself
def test_variable_at_start_alone_changes_nothing(ocipy, bundle, manager):
    box = ocipy.create(bundle, "sleep", "100")
    ocipy("start", box.id, env=manager.env).ok()
    assert manager.silent()


def test_exec_has_no_notify_socket(ocipy, bundle, manager):
    box = ocipy.create(bundle, "sleep", "100", env=manager.env)
    assert "NOTIFY" not in ocipy("exec", box.id, "env", env=manager.env).ok().out
