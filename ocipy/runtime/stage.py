"""The command's end of the sealed interpreter: started early, given the plan later (see init/stage.py)."""

from __future__ import annotations

import _signal
import os

from ..init.channel import make_pair
from ..linux import interpreter

TYPE_CHECKING = False

_CODE = "import sys; sys.path.append(sys.argv.pop(1)); from ocipy.init.stage import main; main()"
# The directory that holds the package.
_HOME = __file__.rsplit("/", 3)[0]


class Stage:
    """A sealed interpreter that gets ready. preserved: number of descriptors after stderr that init keeps."""

    def __init__(self, preserved: int) -> None:
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


