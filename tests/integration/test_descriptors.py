"""Which descriptors reach the program: the three, and those that were asked for."""

import os
import select
import socket

import pytest
from support import host, requires


@pytest.fixture
def extra(scratch):
    """A prefix that gives the command the descriptors 3, 4 and 5, which hold their names."""
    names = ("three", "four", "five")
    for name in names:
        (scratch / name).write_text(name)
    opened = " ".join(f"{number}<{scratch}/{name}" for number, name in enumerate(names, 3))
    return ["sh", "-c", f'exec "$@" {opened}', "sh"]


READ = "for n in 3 4 5; do eval \"[ -e /proc/self/fd/$n ] && cat <&$n && echo\"; done; true"


def test_descriptors_of_the_caller_do_not_reach_the_program(ocipy, bundle, extra):
    box = ocipy.start(bundle, "sleep", "100", prefix=extra)
    assert sorted(host.fdsnap(box.pid)) == [0, 1, 2]


@pytest.mark.parametrize("count", [1, 2, 3])
def test_preserve_fds_passes_so_many(ocipy, bundle, extra, count):
    box = ocipy.start(bundle, "sleep", "100", prefix=extra, options=("--preserve-fds", count))
    assert sorted(host.fdsnap(box.pid)) == list(range(3 + count))


def test_preserved_descriptor_is_the_same_file(ocipy, bundle, extra):
    assert ocipy.run(bundle, "sh", "-c", READ, prefix=extra, options=("--preserve-fds=2",)).ok().out == "three\nfour\n"


@requires.ocipy_itself
def test_descriptor_to_preserve_that_is_not_open_is_an_error(ocipy, bundle):
    assert ocipy.run(bundle, "true", options=("--preserve-fds", "40")).refused("not open").code == 1


LISTENING = f"echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; {READ}"


@pytest.fixture
def activated(extra):
    """A prefix that, further, says that some of these descriptors are for the command, as a service manager does."""

    def activate(count, pid="$$", names=""):
        words = f"export LISTEN_FDS={count} LISTEN_PID={pid} LISTEN_FDNAMES={names}; exec"
        return [*extra[:2], extra[2].replace("exec", words, 1), extra[3]]

    return activate


def test_listen_fds_are_passed_with_their_variables(ocipy, bundle, activated):
    result = ocipy.run(bundle, "sh", "-c", LISTENING, prefix=activated(2)).ok()
    assert result.out.splitlines() == ["2 1", "three", "four"]


@requires.ocipy_itself
def test_names_of_listen_fds_are_passed(ocipy, bundle, activated):
    result = ocipy.run(bundle, "sh", "-c", LISTENING, prefix=activated(2, names="a:b")).ok()
    assert result.out.splitlines()[0] == "2 1 a:b"


def test_listen_fds_come_before_preserved_ones(ocipy, bundle, activated):
    box = ocipy.start(bundle, "sleep", "100", prefix=activated(1), options=("--preserve-fds", "1"))
    assert sorted(host.fdsnap(box.pid)) == [0, 1, 2, 3, 4]
    result = ocipy.run(bundle, "sh", "-c", LISTENING, prefix=activated(1), options=("--preserve-fds", "1")).ok()
    assert result.out.splitlines() == ["1 1", "three", "four"]


@pytest.mark.parametrize("pid", ["1", "$PPID", "", "x"])
def test_listen_fds_for_another_process_are_ignored(ocipy, bundle, activated, pid):
    """A service's children inherit the variables, but seldom the descriptors."""
    assert ocipy.run(bundle, "sh", "-c", LISTENING, prefix=activated(9, pid)).ok().out == "\n"


def test_exec_passes_no_listen_fds(ocipy, bundle, activated):
    box = ocipy.start(bundle, "sleep", "100")
    assert ocipy("exec", box.id, "sh", "-c", LISTENING, prefix=activated(1)).ok().out == "\n"


def test_listen_fds_are_the_preserved_ones_of_exec(ocipy, bundle, activated):
    box = ocipy.start(bundle, "sleep", "100")
    words = ("exec", "--preserve-fds", "1", box.id, "sh", "-c", LISTENING)
    assert ocipy(*words, prefix=activated(1)).ok().out == "\nthree\n"


def test_init_that_waits_holds_no_directory_of_the_host(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    own = host.namespace("self", "mnt")
    assert host.namespace(box.pid, "mnt") != own
    for number, target in host.fdsnap(box.pid).items():
        if number > 2:
            assert not os.path.isdir(f"/proc/{box.pid}/fd/{number}"), target


def test_inheritable_descriptors_do_not_reach_the_program_either(ocipy, bundle, extra):
    # They are inheritable: the runtime must close what it was not told of, in run too.
    script = "ls /proc/self/fd | tr '\\n' ' '"
    # 3 is the directory that ls reads.
    assert ocipy.run(bundle, "sh", "-c", script, prefix=extra).ok().out.split() == ["0", "1", "2", "3"]


@requires.ocipy_itself
def test_pidfd_socket_gets_a_pidfd_of_init(ocipy, bundle, scratch):
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(scratch / "pidfd.sock"))
        listener.listen(1)
        listener.settimeout(host.PATIENCE)
        box = ocipy.start(bundle, "sleep", "100", options=("--pidfd-socket", scratch / "pidfd.sock"))
        connection, _address = listener.accept()
    with connection:
        payload, (pidfd,), _flags, _address = socket.recv_fds(connection, 4096, 4)
    assert payload == b"standard"
    info = host.Path(f"/proc/self/fdinfo/{pidfd}").read_text()
    assert f"Pid:\t{box.pid}\n" in info
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    assert poll.poll(0) == []
    box.kill("KILL").ok()
    assert poll.poll(host.PATIENCE * 1000)
    os.close(pidfd)
