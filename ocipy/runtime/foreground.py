"""The foreground of `run` and `exec`: signals are passed on, a terminal is relayed, until the process ends."""

from __future__ import annotations

import _signal
import fcntl
import select

from ..linux import os

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .notify import Notification

_CHUNK = 1 << 16
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
        self.wake, wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        _signal.set_wakeup_fd(wake_write, warn_on_full_buffer=False)
        for number in range(1, 32):
            if number not in _KEPT and _signal.getsignal(number) != _signal.SIG_IGN:
                _signal.signal(number, _nothing)
        self.terminal = _Terminal(console) if console >= 0 else None

    def attend(self, pidfd: int, notification: Notification | None = None) -> None:
        """Serves until the process of `pidfd` ends. notification: what the program tells a service manager."""
        terminal = self.terminal
        poll = select.poll()
        poll.register(pidfd, select.POLLIN)
        poll.register(self.wake, select.POLLIN)
        if terminal:
            poll.register(terminal.console, select.POLLIN)
            poll.register(0, select.POLLIN)
        if notification:
            poll.register(notification, select.POLLIN)
        while True:
            events = dict(poll.poll())
            if self.wake in events:
                for number in os.read(self.wake, 512):
                    _pass_on(number, pidfd, terminal)
            if terminal:
                terminal.serve(poll, events)
            if notification and notification.fileno() in events:
                notification.serve()
            if pidfd in events:
                break
        if terminal:
            terminal.drain()

    def close(self) -> None:
        """Gives the caller's terminal back as it was."""
        if self.terminal:
            self.terminal.close()


def exit_code(pidfd: int) -> int:
    """Gives the exit code of a child that has ended, 128+N when signal N ended it. Does not reap it."""
    ended = os.waitid(os.P_PIDFD, pidfd, os.WEXITED | os.WNOWAIT)
    assert ended
    return ended.si_status if ended.si_code == os.CLD_EXITED else 128 + ended.si_status


def _nothing(_number: int, _frame: Any) -> None:
    """The number comes through the wake-up pipe; a handler must exist for it to be written there."""


def _pass_on(number: int, pidfd: int, terminal: _Terminal | None) -> None:
    if number == _signal.SIGWINCH and terminal:
        terminal.resize()
        return
    try:
        _signal.pidfd_send_signal(pidfd, number)
    except ProcessLookupError:
        pass


class _Terminal:
    """Relay between the caller's streams and the container's terminal. Nothing blocks but its own direction."""

    def __init__(self, console: int) -> None:
        self.console = console
        self.to_console = b""
        self.input_open = True
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

    def serve(self, poll: select.poll, events: dict[int, int]) -> None:
        if self.console in events:
            if events[self.console] & select.POLLOUT:
                self._feed()
            if events[self.console] & (select.POLLIN | select.POLLHUP) and not self._show():
                poll.unregister(self.console)
                self.input_open = False
        if 0 in events:
            self._take()
        if self.input_open:
            poll.register(self.console, select.POLLIN | (select.POLLOUT if self.to_console else 0))
        # No more input is taken than the terminal takes on.
        if self.input_open and not self.to_console:
            poll.register(0, select.POLLIN)
        else:
            _unregister(poll, 0)

    def _take(self) -> None:
        data = os.read(0, 4096)
        if not data:
            # End of input is ^D on a terminal.
            data = b"\x04"
            self.input_open = False
        self.to_console += data
        self._feed()

    def _feed(self) -> None:
        try:
            self.to_console = self.to_console[os.write(self.console, self.to_console) :]
        except BlockingIOError:
            pass
        except OSError:
            self.to_console = b""

    def _show(self) -> bool:
        """Copies output; gives False when all ends of the container's side are closed (EIO)."""
        try:
            data = os.read(self.console, _CHUNK)
        except BlockingIOError:
            return True
        except OSError:
            return False
        _write_all(1, data)
        return bool(data)

    def drain(self) -> None:
        """Shows what the program wrote before it ended."""
        poll = select.poll()
        poll.register(self.console, select.POLLIN)
        while poll.poll(0) and self._show():
            pass

    def close(self) -> None:
        if self.saved is not None:
            import termios

            termios.tcsetattr(0, termios.TCSADRAIN, self.saved)
        os.close(self.console)


def _unregister(poll: select.poll, descriptor: int) -> None:
    try:
        poll.unregister(descriptor)
    except KeyError:
        pass


def _write_all(descriptor: int, data: bytes) -> None:
    view = memoryview(data)
    while view:
        try:
            view = view[os.write(descriptor, view) :]
        except BlockingIOError:
            select.select((), (descriptor,), ())
