"""run: create and start; in the foreground also relay signals and the terminal, and clean up at the end."""

from __future__ import annotations

from .create import CreateOptions, create
from .delete import destroy
from .start import begin

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .creation import Creation
    from .log import Log
    from .store import Store


def run(
    store: Store, id: str, options: CreateOptions, log: Log, *, detach: bool = False, keep: bool = False
) -> int:
    """Runs a container and gives the exit code: 0 when detached, else the program's, 128+N when signal N ended it.

    keep: leave the container's state when it ends.
    Raises OcipyError; nothing is left of the container then.
    """
    creation = create(store, id, options, log, foreground=not detach)
    try:
        status = _start(creation, log) if detach else _attend(creation, log)
    except BaseException:
        creation.undo()
        raise
    if not detach and not keep:
        destroy(creation.container, log)
    return status


def _start(creation: Creation, log: Log) -> int:
    begin(creation.container, log)
    return 0


def _attend(creation: Creation, log: Log) -> int:
    """Starts the program, waits for it in the foreground and gives its exit code."""
    from .foreground import Foreground, exit_code

    foreground = Foreground(creation.console)
    try:
        begin(creation.container, log)
        foreground.attend(creation.pidfd)
    finally:
        foreground.close()
    return exit_code(creation.pid)
