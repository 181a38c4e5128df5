"""A process that runs the container's operations one after another, and what it may not do meanwhile."""

from __future__ import annotations

import sys
import time

from ..errors import OcipyError, describe_error
from ..linux import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from ..plan.operation import Operation
    from .channel import Channel
    from .context import Init

    # The operations of one turn, each with its place in the plan.
    Turn = Sequence[tuple[int, Operation]]
    Handlers = dict[str, Callable[..., None]]


def freeze() -> None:
    """Takes away the means to load code: a module planted in the image would run with the host's rights."""
    sys.path.clear()
    sys.meta_path.clear()
    sys.path_hooks.clear()
    sys.path_importer_cache.clear()


def await_made(
    between: int, init: Init, channel: Channel, *, failed: str = "", property: str = ""
) -> tuple[int, int]:
    """Gives (pid, pidfd) of the process that another one, the child `between`, makes for this one and tells of.

    channel: this process's end. failed, property: what is said of an error that says neither itself. Raises OcipyError.
    """
    # What the process has, this one has no use for; and the channel ends when nobody is left to write.
    init.close()
    try:
        (kind, *values), descriptors = channel.receive()
    except EOFError:
        raise OcipyError(f"{failed}the process between died before it could report", property=property) from None
    finally:
        os.waitpid(between, 0)
    if kind == "error":
        _index, whole, message, of_error, hint = values
        raise OcipyError(message if whole else f"{failed}{message}", property=of_error or property, hint=hint)
    return values[0], descriptors[0]


def walk(init: Init, turns: list[Turn], handlers: Handlers) -> None:
    """Runs the operations, a part of them at each turn that P gives; the end of a part gives the turn back."""
    index = -1
    try:
        for turn in turns:
            _go, init.joins = init.channel.receive()
            times = []
            for index, operation in turn:  # noqa: B007 (index tells the failed operation)
                kind, *fields = operation.wire()
                begun = time.perf_counter()
                handlers[kind](init, *fields)
                times.append(time.perf_counter() - begun)
            init.channel.send(("done", times))
    except EOFError:
        os._exit(1)
    except BaseException as error:
        report(init.channel, index, error)
    os._exit(1)


def report(channel: Channel, index: int, error: BaseException) -> None:
    """Sends what failed to whoever waits, and ends. No traceback: it would open source files by path."""
    try:
        channel.send(("error", index, *describe_error(error)))
    finally:
        # Whatever else happens: nobody may be listening, or a second signal arrive.
        os._exit(1)
