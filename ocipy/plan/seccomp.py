"""Seccomp: the filter is compiled on the host's side and loaded as the last thing before the program.

Loading one needs no_new_privs or CAP_SYS_ADMIN (seccomp(2)), and everything done under it needs the profile's leave. So
without noNewPrivileges init keeps CAP_SYS_ADMIN up to the load. It need not be dropped after that, by a call that the
profile may deny: execve(2) makes the new sets of the bounding, inheritable and ambient ones, and of what the file has;
the permitted and the effective set of before have no part in it (capabilities(7)).
"""

from __future__ import annotations

from ..linux.capability import CAP_SYS_ADMIN
from ..linux.seccomp import FLAGS, WITH_NUMBER
from .lifecycle import HostOperation
from .operation import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Process
    from ..spec.seccomp import Seccomp, SeccompRule

_EPERM = 1  # the specification's default of errnoRet
# runc and crun set it when the property is absent; callers count on it for speed.
_DEFAULT_FLAGS = ("SECCOMP_FILTER_FLAG_SPEC_ALLOW",)


class CompileSeccomp(HostOperation):
    """default: action of what no rule names. number: its errno, or value for a tracer; 0 for the other actions.

    rules: names of system calls, action, number, and comparisons as index, operator, value, valueTwo.
    """

    default: str
    number: int
    architectures: tuple[str, ...]
    rules: tuple[tuple[tuple[str, ...], str, int, tuple[tuple[int, str, int, int], ...]], ...]

    def describe(self) -> str:
        number = f" {self.number}" if self.default in WITH_NUMBER else ""
        calls = sum(len(names) for names, *_rest in self.rules)
        architectures = " ".join(name.removeprefix("SCMP_ARCH_").lower() for name in self.architectures)
        return (
            f"compile a seccomp filter: {_counted(len(self.rules), 'rule')} for {_counted(calls, 'system call')}, "
            f"else {self.default}{number}; {architectures or 'native architecture'}"
        )


class LoadSeccomp(Operation):
    """flags: of seccomp(2)."""

    flags: int

    def describe(self) -> str:
        names = [name.removeprefix("SECCOMP_FILTER_FLAG_") for name, bit in FLAGS.items() if self.flags & bit]
        return f"load the seccomp filter, flags {' '.join(names) or 'none'}"


def compile_filter(seccomp: Seccomp) -> CompileSeccomp:
    """Gives the operation that makes the filter, on the host's side."""
    return CompileSeccomp(
        property="linux.seccomp", default=seccomp.defaultAction,
        number=_number(seccomp.defaultAction, seccomp.defaultErrnoRet), architectures=seccomp.architectures,
        rules=tuple(_rule(rule) for rule in seccomp.syscalls),
    )  # fmt: skip


def compile_load(seccomp: Seccomp) -> LoadSeccomp:
    """Gives the operation that puts init under the filter."""
    flags = 0
    for name in _DEFAULT_FLAGS if seccomp.flags is None else seccomp.flags:
        flags |= FLAGS[name]
    return LoadSeccomp(property="linux.seccomp", flags=flags)


def kept_capabilities(process: Process, grantable: int) -> int:
    """Gives, as a bit mask, what init keeps until execve(2) for the sake of loading the filter."""
    return 0 if process.noNewPrivileges else (1 << CAP_SYS_ADMIN) & grantable


def _rule(rule: SeccompRule) -> tuple[tuple[str, ...], str, int, tuple[tuple[int, str, int, int], ...]]:
    comparisons = tuple((arg.index, arg.op, arg.value, arg.valueTwo) for arg in rule.args)
    return rule.names, rule.action, _number(rule.action, rule.errnoRet), comparisons


def _number(action: str, number: int | None) -> int:
    if action not in WITH_NUMBER:
        return 0
    return _EPERM if number is None else number


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
