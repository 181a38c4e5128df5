"""The foreground of `run` and `exec`: signals are passed on, a terminal is relayed, until the process ends."""

from __future__ import annotations

import _signal
import fcntl
import select

from ..linux import os
from ..linux.proc import send_signal

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .notify import Notification

_CHUNK = 4096  # PIPE_BUF: a pipe that poll(2) calls writable takes as much without blocking (pipe(7))
_TIOCGWINSZ = 0x5413
_TIOCSWINSZ = 0x5414
_ONLCR = 0x4
# Not passed on: SIGCHLD and SIGURG, as with runc; what cannot be caught; what says that this process is at fault.
_KEPT = {
    _signal.SIGCHLD, _signal.SIGURG, _signal.SIGKILL, _signal.SIGSTOP, _signal.SIGSEGV, _signal.SIGBUS,
    _signal.SIGFPE, _signal.SIGILL, _signal.SIGPIPE, _signal.SIGTTIN, _signal.SIGTTOU, _signal.SIGTSTP,
}  # fmt: skip


class Foreground:
    """Catches signals and turns the terminals over from the moment it is made, which is before the program begins.

    console: master of the container's terminal, or -1.
    """

    def __init__(self, console: int) -> None:
        self.pidfd = -1
        self.early: list[int] = []
        for number in range(1, 32):
            if number not in _KEPT and _signal.getsignal(number) != _signal.SIG_IGN:
                _signal.signal(number, self._caught)
        self.terminal = _Terminal(console) if console >= 0 else None

    def attend(self, pidfd: int, notification: Notification | None = None) -> None:
        """Serves until the process of `pidfd` ends. notification: what the program tells a service manager."""
        self.pidfd = pidfd
        for number in self.early:
            self._pass_on(number)
        terminal = self.terminal
        interest = {pidfd: select.POLLIN}
        if notification:
            interest[notification.fileno()] = select.POLLIN
        events: dict[int, int] = {}
        while pidfd not in events:
            events = _poll({**interest, **(terminal.interest() if terminal else {})})
            if terminal:
                terminal.serve(events)
            if notification and notification.fileno() in events:
                notification.serve()
        if terminal:
            terminal.drain()

    def close(self) -> None:
        """Gives the caller's terminal back as it was."""
        if self.terminal:
            self.terminal.close()

    def _caught(self, number: int, _frame: Any) -> None:
        """Runs within poll(2) and write(2) too: a caller that does not read holds no signal back."""
        if self.pidfd < 0:
            self.early.append(number)
        else:
            self._pass_on(number)

    def _pass_on(self, number: int) -> None:
        if number == _signal.SIGWINCH and self.terminal:
            if self.terminal.console >= 0:
                self.terminal.resize()
        else:
            send_signal(self.pidfd, number)


def exit_code(pidfd: int) -> int:
    """Gives the exit code of a child that has ended, 128+N when signal N ended it. Does not reap it."""
    ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    assert ended
    return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status


class _Terminal:
    """Relay between the caller's streams and the container's terminal. Nothing blocks but its own direction.

    console: -1 once the caller has stopped reading. to_console, to_caller: what was read and is not yet written.
    """

    def __init__(self, console: int) -> None:
        self.console = console
        self.to_console = b""
        self.to_caller = b""
        self.input_open = True
        self.output_open = True
        self.saved: list[Any] | None = None
        import termios

        # The program's newlines are turned once, by the caller's terminal: as runc does.
        attributes = termios.tcgetattr(self.console)
        attributes[1] &= ~_ONLCR
        termios.tcsetattr(self.console, termios.TCSANOW, attributes)
        if os.isatty(0):
            self.saved = termios.tcgetattr(0)
            self._make_raw(termios)
            self.resize()
        os.set_blocking(self.console, False)

    def _make_raw(self, termios: Any) -> None:
        """cfmakeraw(3), but output is still processed, since the container's terminal does not turn newlines."""
        attributes = termios.tcgetattr(0)
        attributes[0] &= ~(
            termios.IGNBRK | termios.BRKINT | termios.PARMRK | termios.ISTRIP | termios.INLCR | termios.IGNCR
            | termios.ICRNL | termios.IXON
        )  # fmt: skip
        attributes[2] = attributes[2] & ~(termios.CSIZE | termios.PARENB) | termios.CS8
        attributes[3] &= ~(termios.ECHO | termios.ECHONL | termios.ICANON | termios.ISIG | termios.IEXTEN)
        termios.tcsetattr(0, termios.TCSANOW, attributes)

    def resize(self) -> None:
        """Gives the container's terminal the size of the caller's."""
        try:
            fcntl.ioctl(self.console, _TIOCSWINSZ, fcntl.ioctl(0, _TIOCGWINSZ, bytes(8)))
        except OSError:
            # Standard input is no terminal.
            pass

    def interest(self) -> dict[int, int]:
        """Gives what the relay waits for: no more is read from a side than the other one takes on."""
        console = select.POLLOUT if self.to_console else 0
        if self.output_open and not self.to_caller:
            console |= select.POLLIN
        return {
            self.console: console,
            0: select.POLLIN if self.input_open and not self.to_console else 0,
            1: select.POLLOUT if self.to_caller else 0,
        }

    def serve(self, events: dict[int, int]) -> None:
        if 0 in events:
            self._take()
        if self.console in events and self.to_console:
            self._feed()
        if self.console in events and not self.to_caller:
            self._fetch()
        if self.to_caller and 1 in events:
            self._show()

    def _take(self) -> None:
        try:
            data = os.read(0, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            # The caller's terminal has hung up.
            data = b""
        if not data:
            # End of input is ^D on a terminal.
            data = b"\x04"
            self.input_open = False
        self.to_console = data
        self._feed()

    def _feed(self) -> None:
        try:
            self.to_console = self.to_console[os.write(self.console, self.to_console) :]
        except BlockingIOError:
            pass
        except OSError:
            self.to_console = b""

    def _fetch(self) -> None:
        """Reads output; all ends of the container's side are closed when that fails (EIO)."""
        try:
            self.to_caller = os.read(self.console, _CHUNK)
        except BlockingIOError:
            return
        except OSError:
            pass
        if not self.to_caller:
            self.input_open = self.output_open = False

    def _show(self) -> None:
        try:
            self.to_caller = self.to_caller[os.write(1, self.to_caller) :]
        except BlockingIOError:
            pass
        except OSError:
            # Nobody reads on. A program on a pipe gets SIGPIPE then; on a terminal it gets SIGHUP, as with runc.
            self.to_caller = b""
            self.input_open = self.output_open = False
            self._hang_up()

    def drain(self) -> None:
        """Shows what the program wrote before it ended, however late the caller reads it: as runc does."""
        self.input_open, self.to_console = False, b""
        while events := _poll(self.interest(), None if self.to_caller else 0):
            self.serve(events)

    def close(self) -> None:
        if self.saved is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)
        self._hang_up()

    def _hang_up(self) -> None:
        if self.console >= 0:
            os.close(self.console)
            self.console = -1


def _poll(interest: dict[int, int], milliseconds: int | None = None) -> dict[int, int]:
    """Waits for poll(2) events of descriptors; gives those that came. One with an interest of 0 is left out."""
    poll = select.poll()
    for descriptor, events in interest.items():
        if events:
            poll.register(descriptor, events)
    return dict(poll.poll(milliseconds))
