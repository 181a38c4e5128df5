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


def test_listen_fds_are_passed_with_their_variables(ocipy, bundle, extra):
    env = {"PATH": os.environ["PATH"], "LISTEN_FDS": "2", "LISTEN_PID": "99", "LISTEN_FDNAMES": "a:b"}
    script = f"echo $LISTEN_FDS $LISTEN_PID $LISTEN_FDNAMES; {READ}"
    result = ocipy.run(bundle, "sh", "-c", script, env=env, prefix=extra).ok()
    assert result.out.splitlines()[0].split()[:2] == ["2", "1"]
    assert result.out.splitlines()[1:] == ["three", "four"]


def test_listen_fds_come_before_preserved_ones(ocipy, bundle, extra):
    env = {"PATH": os.environ["PATH"], "LISTEN_FDS": "1"}
    box = ocipy.start(bundle, "sleep", "100", env=env, prefix=extra, options=("--preserve-fds", "1"))
    assert sorted(host.fdsnap(box.pid)) == [0, 1, 2, 3, 4]


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
