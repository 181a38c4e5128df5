"""The command's end of the sealed interpreter: started early, given the plan later (see init/stage.py)."""

from __future__ import annotations

import _signal
import os

from ..errors import OcipyError
from ..init.channel import make_pair
from ..linux import interpreter

TYPE_CHECKING = False

_CODE = (
    "import sys; sys.path.append(sys.argv.pop(1)); from ocipy import archive; archive.load('init'); "
    "from ocipy.init.stage import main; main()"
)
# The directory that holds the package.
_HOME = __file__.rsplit("/", 3)[0]


class Stage:
    """A sealed interpreter that gets ready, to be started before anything else is imported.

    preserve_fds: number of descriptors after stderr, passed sockets apart, that the program gets. listen_env: the
    variables that announce passed sockets to it (sd_listen_fds(3)).
    """

    def __init__(self, preserve_fds: int) -> None:
        preserved, self.listen_env = _preserved(preserve_fds)
        self.channel, descriptor = make_pair()
        try:
            self.pid = interpreter.spawn_sealed(_CODE, [_HOME, str(descriptor), str(preserved)])
        finally:
            os.close(descriptor)

    def reap(self) -> None:
        """Waits for the interpreter, which ends as soon as it has made init."""
        os.waitpid(self.pid, 0)
        self.pid = 0

    def abandon(self) -> None:
        """Ends the interpreter, when the plan is never made."""
        if self.pid:
            os.kill(self.pid, _signal.SIGKILL)
            self.reap()
        self.channel.close()




def _preserved(extra: int) -> tuple[int, tuple[str, ...]]:
    """Gives how many descriptors after stderr the program gets, and the variables that announce sockets among them.

    As with runc, passed sockets (LISTEN_FDS) come first; LISTEN_PID is 1 inside.
    """
    text = os.environ.get("LISTEN_FDS", "")
    sockets = int(text) if text.isascii() and text.isdigit() else 0
    for number in range(3, 3 + sockets + extra):
        try:
            os.set_inheritable(number, True)
        except OSError:
            raise OcipyError(f"file descriptor {number} is to be preserved but is not open") from None
    names = os.environ.get("LISTEN_FDNAMES", "")
    env = [f"LISTEN_FDS={sockets}", "LISTEN_PID=1"] if sockets else []
    if sockets and names:
        env.append(f"LISTEN_FDNAMES={names}")
    return sockets + extra, tuple(env)
