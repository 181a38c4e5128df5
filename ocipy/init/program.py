"""The last steps: directory, program, the wait for start, execve."""

from __future__ import annotations

import _socket
import _stat as stat

from ..errors import OcipyError
from ..linux import os, process
from ..linux.process import reset_signals
from .channel import Channel

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .context import Init

_HINT_CWD = "the directory must lie inside the container's root"


def change_directory(init: Init, property: str, path: str) -> None:
    try:
        os.chdir(path)
        init.in_directory = True
    except PermissionError:
        # Root without the right to enter (a squashed network mount): the user itself may have it.
        init.in_directory = False
        return
    _verify_directory()


def verify_directory(init: Init, property: str, path: str) -> None:
    if not init.in_directory:
        os.chdir(path)
    _verify_directory()


def _verify_directory() -> None:
    """Refuses a directory that is not reachable from the root, such as one of a leaked descriptor (CVE-2024-21626)."""
    if not process.is_directory_reachable():
        raise OcipyError("the working directory is outside the container", hint=_HINT_CWD)


def find_program(init: Init, property: str, name: str, path: str) -> None:
    """Looks args[0] up as the user, in the container: a failure belongs to create, as with runc."""
    if "/" in name:
        problem = _program_problem(name)
        if problem:
            raise OcipyError(f'exec: "{name}": {problem}')
        init.program = name
        return
    denied = False
    for directory in path.split(":"):
        candidate = f"{directory or '.'}/{name}"
        problem = _program_problem(candidate)
        if not problem:
            init.program = candidate
            return
        denied = denied or problem == "permission denied"
    if denied:
        raise OcipyError(f'exec: "{name}": permission denied')
    raise OcipyError(f'exec: "{name}": executable file not found in $PATH')


def _program_problem(path: str) -> str:
    """Tells, in runc's words, why a file cannot be executed, or "". Nothing is opened: stat(2) cannot hang."""
    try:
        mode = os.stat(path).st_mode
    except PermissionError:
        return "permission denied"
    except NotADirectoryError:
        return f"stat {path}: not a directory"
    except OSError as error:
        return f"stat {path}: {(error.strerror or '').lower()}"
    if stat.S_ISDIR(mode):
        # What execve(2) says, EACCES, by which docker before 23.0 tells 126 from an error of its own.
        return "is a directory: permission denied"
    if not os.access(path, os.X_OK, effective_ids=True):
        return "permission denied"
    return ""


def outlive_command(init: Init, property: str) -> None:
    process.prctl(process.PR_SET_PDEATHSIG, 0)


def leave_host(init: Init, property: str) -> None:
    init.detach()


def await_start(init: Init, property: str) -> None:
    """Waits for the `start` command, over a listening socket: its end of the connection learns what becomes of it."""
    init.channel.close()
    number = init.take("start")[0]
    listener = _socket.socket(fileno=number)
    descriptor, _peer = listener._accept()  # type: ignore[attr-defined]
    listener.close()
    init.channel = Channel(descriptor)
    init.channel.send(("started",))


def prepare_program(init: Init, property: str, args: tuple[str, ...], env: tuple[str, ...]) -> None:
    reset_signals()
    init.execution = process.Execution(init.program, args, init.environment(env))


def load_seccomp(init: Init, property: str, flags: int) -> None:
    init.seccomp.load(flags)


def execute_program(init: Init, property: str, args: tuple[str, ...]) -> None:
    init.execution.execute()


HANDLERS = {
    "ChangeDirectory": change_directory,
    "VerifyDirectory": verify_directory,
    "FindProgram": find_program,
    "OutliveCommand": outlive_command,
    "LeaveHost": leave_host,
    "AwaitStart": await_start,
    "PrepareProgram": prepare_program,
    "LoadSeccomp": load_seccomp,
    "ExecuteProgram": execute_program,
}
