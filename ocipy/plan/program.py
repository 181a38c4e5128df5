"""What init and a process that exec starts have in common: seccomp filter, identity, program."""

from __future__ import annotations

from ..linux.process import PERSONALITIES
from .lifecycle import SendConsole, SendPidfd, VerifyCgroup, WritePidFile
from .process import ExecuteProgram, PrepareProgram, SetPersonality, compile_identity, compile_rlimits

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Spec
    from .compile import Request
    from .exec import ExecRequest
    from .facts import HostFacts
    from .operation import Operation


def keyring_name(id: str) -> str:
    """Gives the name of the session keyring that the processes of a container share."""
    return f"_ses.{id}"


def compile_filters(spec: Spec) -> list[Operation]:
    """Gives what makes the seccomp filter; early, for a profile may be wrong in ways that only its compiler sees."""
    if not (spec.linux.seccomp and spec.process):
        return []
    from .seccomp import compile_filter

    return [compile_filter(spec.linux.seccomp)]


def compile_become(
    spec: Spec, facts: HostFacts, keyring: str, warnings: list[str], *, cpus: str = ""
) -> list[Operation]:
    """Gives the way from root in the container's namespaces to what process asks for.

    keyring: name of the session keyring, or "". cpus: list of the CPUs to use, "" for all.
    """
    operations: list[Operation] = []
    if spec.linux.personality:
        domain = PERSONALITIES[spec.linux.personality]
        operations.append(SetPersonality(property="linux.personality.domain", domain=domain))
    if spec.process:
        kept = 0
        if spec.linux.seccomp:
            from .seccomp import kept_capabilities

            kept = kept_capabilities(spec.process, facts.capabilities)
        operations += compile_identity(
            spec.process, facts, keyring=keyring, warnings=warnings, kept=kept, cpus=cpus
        )
    return operations


def compile_announcements(
    request: Request | ExecRequest, cgroups: tuple[tuple[str, str], ...], kind: str
) -> list[Operation]:
    """Gives what tells the caller of the process, which is ready but has not executed the program yet.

    kind: what the receiver of a pidfd is told of the process (see SendPidfd).
    """
    operations: list[Operation] = []
    if cgroups:
        operations.append(VerifyCgroup(property="linux.cgroupsPath"))
    if request.console_socket:
        operations.append(SendConsole(property="process.terminal", path=request.console_socket))
    if request.pidfd_socket:
        operations.append(SendPidfd(property="", path=request.pidfd_socket, kind=kind))
    if request.pid_file:
        operations.append(WritePidFile(property="", path=request.pid_file))
    return operations


def compile_program(spec: Spec, more_env: tuple[str, ...] = ()) -> list[Operation]:
    """Gives what comes right before the program; the first operation prepares it, and sets signals as it gets them.

    The limits come late, for they would bind ocipy too. Under the filter nothing is done but execve(2): whatever it
    denies, the program begins.
    """
    if spec.process is None:
        return []
    process = spec.process
    operations: list[Operation] = [
        PrepareProgram(property="process.args", args=process.args, env=process.env + more_env),
        *compile_rlimits(process),
    ]
    if spec.linux.seccomp:
        from .seccomp import compile_load

        operations.append(compile_load(spec.linux.seccomp))
    operations.append(ExecuteProgram(property="process.args", args=process.args))
    return operations
