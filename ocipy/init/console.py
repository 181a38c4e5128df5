"""The terminal: a pseudo-terminal of the container's own devpts becomes /dev/console and the standard streams."""

from __future__ import annotations

import _struct as struct
import fcntl

from ..linux import os
from .devices import bind_console
from .devices import open_console as open_pair

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

_TIOCSWINSZ = 0x5414
_TIOCSCTTY = 0x540E


def open_console(init: Init, property: str, height: int, width: int) -> None:
    """Sends the master to the command, before anything of the container runs."""
    master, slave = open_pair(init.root)
    bind_console(init, slave)
    _take(init, master, slave, height, width)


def open_terminal(init: Init, property: str, height: int, width: int) -> None:
    """As open_console, in a container that runs: /dev/console is the init process's own."""
    root = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        master, slave = open_pair(root)
    finally:
        os.close(root)
    _take(init, master, slave, height, width)


def _take(init: Init, master: int, slave: int, height: int, width: int) -> None:
    if height or width:
        fcntl.ioctl(slave, _TIOCSWINSZ, struct.pack("4H", height, width, 0, 0))
    # A session of its own, so that the caller's terminal is out of reach (TIOCSTI, CVE-2017-5226).
    fcntl.ioctl(slave, _TIOCSCTTY, 0)
    for stream in range(3):
        os.dup2(slave, stream)
    init.channel.send(("console",), [master])
    os.close(master)
    if slave > 2:
        os.close(slave)


HANDLERS = {"OpenConsole": open_console, "OpenTerminal": open_terminal}
