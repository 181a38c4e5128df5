"""A process that is made through another one: whatever becomes of that, the command does not wait for ever."""

import os
import signal

import pytest

from ocipy.errors import OcipyError
from ocipy.init.channel import make_pair
from ocipy.init.context import Init, open_proc
from ocipy.init.walk import await_made


@pytest.fixture
def made():
    """A function that forks, lets the child do something with its end, and gives what await_made gives."""

    def make(work, **said):
        here, there = make_pair()
        init = Init(there, open_proc(), "/b", 0)
        between = os.fork()
        if between == 0:
            try:
                work(there)
            finally:
                os._exit(0)
        signal.alarm(20)
        try:
            return await_made(between, init, here, **said)
        finally:
            signal.alarm(0)
            here.close()
            with pytest.raises(ChildProcessError):
                os.waitpid(between, 0)

    return make


def test_one_that_dies_without_a_word_is_an_error(made):
    with pytest.raises(OcipyError, match="died before it could report") as caught:
        made(lambda _end: os.kill(os.getpid(), signal.SIGKILL), property="linux.namespaces")
    assert caught.value.property == "linux.namespaces"


def test_error_that_it_sends_is_raised(made):
    with pytest.raises(OcipyError) as caught:
        made(lambda end: end.send(("error", -1, False, "setns: no", "", "a hint")), failed="cannot enter: ")
    assert (caught.value.message, caught.value.hint) == ("cannot enter: setns: no", "a hint")


def test_pid_and_pidfd_come_from_it(made):
    pid, pidfd = made(lambda end: end.send(("pid", 77), [os.pidfd_open(os.getpid())]))
    assert pid == 77
    os.close(pidfd)
