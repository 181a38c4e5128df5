"""The walk through a plan: what waits for the process, and what is done while that is at work."""

import os

import pytest

from ocipy.errors import OcipyError
from ocipy.init.channel import make_pair
from ocipy.plan.operation import HOST, Operation, Plan
from ocipy.runtime.log import Log
from ocipy.runtime.walk import Walk

_PATIENCE = 10.0  # seconds until a walk that waits for what never comes is given up


class Inside(Operation):
    pass


class Beside(Operation):
    side = HOST
    alongside = True


class After(Operation):
    side = HOST


@pytest.fixture
def walk():
    """Gives how to make a walk of kinds of operations; `end` is the process's end of its channel."""
    ends = []

    def make(*kinds):
        operations = tuple(kind(property="p") for kind in kinds)
        made = Walk(None, Plan(operations=operations, cgroups=(), warnings=()), 0, Log())
        made.channel, made.end = make_pair()
        made.done = []
        for end in (made.channel, made.end):
            end.socket.settimeout(_PATIENCE)
            ends.append(end)
        return made

    yield make
    for end in ends:
        end.close()


def handlers(**functions):
    return {name: lambda walk, property, function=function: function(walk) for name, function in functions.items()}


def finish(walk):
    """The process does its turn."""
    assert walk.end.receive()[0] == ("go",)
    walk.end.send(("done", [0.0]))


def test_host_works_while_the_process_does(walk):
    made = walk(Inside, Beside, After)
    made.HANDLERS = handlers(
        # Had it waited for the end of the turn before, nobody would have ended that.
        Beside=lambda walk: (walk.done.append("beside"), finish(walk)),
        After=lambda walk: walk.done.append("after"),
    )
    for turn in made.turns:
        made.take(turn)
    assert made.done == ["beside", "after"] and not made.at_work


def test_host_waits_for_the_process(walk):
    made = walk(Inside, After)
    made.HANDLERS = handlers(After=lambda walk: walk.done.append("after"))
    made.take(made.turns[0])
    made.end.receive()
    made.channel.socket.settimeout(0.01)
    with pytest.raises(TimeoutError):
        made.take(made.turns[1])
    assert not made.done


def test_next_turn_waits_for_the_one_before(walk):
    made = walk(Inside, Beside, Inside)
    made.HANDLERS = handlers(Beside=finish)
    for turn in made.turns:
        made.take(turn)
    assert made.end.receive()[0] == ("go",)
    assert made.at_work is made.turns[-1]


def test_failure_of_the_process_is_told_after_what_was_done_beside_it(walk):
    made = walk(Inside, Beside, After)
    made.HANDLERS = handlers(
        Beside=lambda walk: walk.end.send(("error", 0, True, "it broke", "mounts[0]", "")),
        After=lambda walk: walk.done.append("after"),
    )
    made.take(made.turns[0])
    with pytest.raises(OcipyError, match="it broke"):
        made.take(made.turns[1])
    assert not made.done


def test_descriptors_of_cgroups_go_with_the_next_turn_alone(walk, tmp_path):
    made = walk(Inside)
    (tmp_path / "tasks").write_text("")
    made.joins = [os.open(tmp_path / "tasks", os.O_WRONLY)]
    for wanted in (1, 0):
        made.give()
        _go, descriptors = made.end.receive()
        assert len(descriptors) == wanted and not made.joins
        for descriptor in descriptors:
            os.close(descriptor)
