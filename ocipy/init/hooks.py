"""Running one hook: state on stdin, time limit, output kept for the error. Used on both sides of the fork."""

from __future__ import annotations

import _signal
import select
import time

from ..errors import OcipyError
from ..linux import os
from ..linux.process import reset_signals

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

_KEPT_OUTPUT = 1024


def run_hook(
    property: str, kind: str, path: str, args: tuple[str, ...], env: tuple[str, ...] | None, timeout: int | None,
    *, state: str,
) -> None:  # fmt: skip
    """Runs the hook and returns when it has ended with status 0.

    args: argv, with the path when empty. env None: this process's environment, which is the command's. timeout:
    seconds, then its whole process group is killed. state: the JSON for its stdin; a hook need not read it.
    Raises OcipyError that names the hook, with the end of its output. Source: config.md, POSIX-platform Hooks.
    """
    variables = os.environment() if env is None else dict(entry.split("=", 1) for entry in env)
    status, output = run_program(path, list(args) or [path], variables, timeout, state.encode())
    name = f"{kind} hook {path}"
    if status is None:
        raise OcipyError(f"{name} did not end within {timeout} s and was killed", property=f"{property}.timeout")
    if status:
        code = os.waitstatus_to_exitcode(status)
        reason = f"exit status {code}" if code >= 0 else f"signal {-code}"
        text = output.decode("utf-8", "replace").strip()
        raise OcipyError(f"{name}: {reason}" + (f", output: {text}" if text else ""), property=property)


def run_program(
    path: str, argv: list[str], env: dict[str, str], timeout: int | None, given: bytes
) -> tuple[int | None, bytes]:
    """Runs a program and gives its wait status, None when it was killed since it did not end in time, and the end of
    what it printed. timeout: seconds. given: its standard input, which it need not read. Raises OSError.
    """
    stdin_read, stdin_write = os.pipe2(os.O_CLOEXEC)
    output_read, output_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
    os.set_blocking(output_write, True)
    os.set_blocking(stdin_write, False)
    pid = os.fork()
    if pid == 0:
        _execute(path, argv, env, stdin_read, output_write)
    os.close(stdin_read)
    os.close(output_write)
    pidfd = os.pidfd_open(pid)
    try:
        ended, output = _converse(pidfd, stdin_write, given, output_read, timeout)
    except BaseException:
        # Interrupted: a hook must not go on when all that it was for is taken back.
        _kill_group(pid)
        os.waitpid(pid, 0)
        raise
    finally:
        os.close(pidfd)
        os.close(output_read)
    if not ended:
        _kill_group(pid)
    _pid, status = os.waitpid(pid, 0)
    return status if ended else None, output


def _execute(path: str, argv: list[str], env: dict[str, str], stdin: int, output: int) -> None:
    """Becomes the hook; in the forked child."""
    try:
        os.setpgid(0, 0)
        os.dup2(stdin, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        reset_signals()
        os.execve(path, argv, env)
    except OSError as error:
        os.write(output, f"{path}: {error.strerror}".encode())
    finally:
        os._exit(127)


def _converse(
    pidfd: int, stdin: int, state: bytes, output: int, timeout: int | None
) -> tuple[bool, bytes]:
    """Feeds the state, collects the last output; tells whether the hook ended in time."""
    deadline = None if timeout is None else time.monotonic() + timeout
    kept = b""
    poll = select.poll()
    poll.register(pidfd, select.POLLIN)
    poll.register(output, select.POLLIN)
    poll.register(stdin, select.POLLOUT)
    while True:
        left = None if deadline is None else max(0, int((deadline - time.monotonic()) * 1000))
        events = dict(poll.poll(left))
        if stdin in events:
            state = _feed(stdin, state)
            if not state:
                poll.unregister(stdin)
                os.close(stdin)
                stdin = -1
        if output in events:
            part = os.read(output, 4096)
            kept = (kept + part)[-_KEPT_OUTPUT:]
            if not part:
                poll.unregister(output)
        ended = pidfd in events
        if ended or (deadline is not None and time.monotonic() >= deadline):
            if stdin >= 0:
                os.close(stdin)
            return ended, (kept + _drain(output))[-_KEPT_OUTPUT:]


def _feed(stdin: int, state: bytes) -> bytes:
    """Writes what fits and gives the rest; a hook that does not read is no error."""
    try:
        return state[os.write(stdin, state) :]
    except BrokenPipeError:
        return b""


def _drain(output: int) -> bytes:
    """Gives what is still in the pipe. A grandchild may keep it open, so this never waits for its end."""
    kept = b""
    try:
        while part := os.read(output, 4096):
            kept += part
    except BlockingIOError:
        pass
    return kept


def _kill_group(pid: int) -> None:
    try:
        os.killpg(pid, _signal.SIGKILL)
    except ProcessLookupError:
        os.kill(pid, _signal.SIGKILL)


def with_pid(state: str, pid: int) -> str:
    """Gives the state document of a hook with the pid as the hook's namespace sees it (runtime.md, State)."""
    return f'{state[:-1]},"pid":{pid}}}'


def run_container_hook(
    init: Init, property: str, kind: str, path: str, args: tuple[str, ...], env: tuple[str, ...] | None,
    timeout: int | None,
) -> None:  # fmt: skip
    """Runs a hook in the container's namespaces, with the pid that they show."""
    try:
        run_hook(property, kind, path, args, env, timeout, state=with_pid(init.hook_state, os.getpid()))
    except OSError as error:
        # fork(2), for one, within linux.resources.pids.limit: start must know that it was a hook.
        raise OcipyError(f"{kind} hook {path} cannot be started: {error.strerror}", property=property) from None


HANDLERS = {"RunHook": run_container_hook}
