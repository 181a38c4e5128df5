"""The tables of linux.seccomp: config-linux.md, Seccomp. Imported when a configuration has the property."""

from __future__ import annotations

from ..linux.seccomp import ACTIONS as SUPPORTED_ACTIONS
from ..linux.seccomp import FLAGS as SUPPORTED_FLAGS
from ..linux.seccomp import OPERATORS, WITH_NUMBER
from ..record import Record
from .fields import array, choice, integer, matching, not_empty_array, record, text
from .process import UINT64

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fields import Converter, Problems

NOTIFY = "SCMP_ACT_NOTIFY"
WAIT_KILLABLE_RECV = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"
ACTIONS = (*SUPPORTED_ACTIONS, NOTIFY)
FLAGS = (*SUPPORTED_FLAGS, WAIT_KILLABLE_RECV)
ARCHITECTURES = tuple("SCMP_ARCH_" + name for name in (
    "X86", "X86_64", "X32", "ARM", "AARCH64", "MIPS", "MIPS64", "MIPS64N32", "MIPSEL", "MIPSEL64", "MIPSEL64N32",
    "PPC", "PPC64", "PPC64LE", "S390", "S390X", "PARISC", "PARISC64", "RISCV64", "LOONGARCH64", "M68K", "SH", "SHEB",
))  # fmt: skip
# The number of an action has 16 bits; an errno must be less than MAX_ERRNO of the kernel, says libseccomp.
_LARGEST = {"SCMP_ACT_ERRNO": 4094, "SCMP_ACT_TRACE": 65535}


class SeccompArg(Record):
    """A comparison with an argument of the system call. valueTwo: used by SCMP_CMP_MASKED_EQ alone."""

    index: int
    op: str
    value: int
    valueTwo: int = 0


class SeccompRule(Record):
    """An entry of linux.seccomp.syscalls."""

    property: str
    names: tuple[str, ...]
    action: str
    errnoRet: int | None = None
    args: tuple[SeccompArg, ...] = ()


class Seccomp(Record):
    """config-linux.md, Seccomp. flags None: absent, which is not the same as empty."""

    defaultAction: str
    defaultErrnoRet: int | None = None
    architectures: tuple[str, ...] = ()
    flags: tuple[str, ...] | None = None
    listenerPath: str = ""
    listenerMetadata: str = ""
    syscalls: tuple[SeccompRule, ...] = ()


def _check_number(found: dict[str, Any], action: str, number: str, path: str, problems: Problems) -> None:
    """When the action has no errno, the runtime MUST fail (config-linux.md, errnoRet)."""
    value = found.get(number)
    if value is None:
        return
    if found[action] not in WITH_NUMBER:
        problems.append((f"{path}.{number}", f"{found[action]} has no errno; {' and '.join(WITH_NUMBER)} have"))
    elif value > _LARGEST[found[action]]:
        problems.append((f"{path}.{number}", f"{value} is not in the range from 0 to {_LARGEST[found[action]]}"))


def _check_rule(rule: dict[str, Any], path: str, problems: Problems) -> None:
    _check_number(rule, "action", "errnoRet", path, problems)


def _check_seccomp(profile: dict[str, Any], path: str, problems: Problems) -> None:
    _check_number(profile, "defaultAction", "defaultErrnoRet", path, problems)
    if profile.get("listenerMetadata") and not profile.get("listenerPath"):
        problems.append((f"{path}.listenerPath", "the property is required with listenerMetadata"))


def _names(convert: Converter) -> Converter:
    """Some 400 names in each of an engine's profiles: those that are all right are not looked at one by one."""

    def converted(value: Any, path: str, problems: Problems) -> Any:
        if type(value) is list and value and all(map(str.isidentifier, map(_string, value))):
            return tuple(value)
        return convert(value, path, problems)

    return converted


def _string(value: Any) -> str:
    return value if type(value) is str else ""


_action = choice(*ACTIONS)
_number = integer(0, 2**16 - 1)
_name = matching(lambda value: value, "the name of a system call")

_arg = record(
    SeccompArg,
    required={"index": integer(0, 5), "value": UINT64, "op": choice(*OPERATORS)},
    optional={"valueTwo": UINT64},
)

_rule = record(
    SeccompRule,
    check=_check_rule,
    required={"names": _names(not_empty_array(_name)), "action": _action},
    optional={"errnoRet": _number, "args": array(_arg)},
)

seccomp = record(
    Seccomp,
    check=_check_seccomp,
    required={"defaultAction": _action},
    optional={
        "defaultErrnoRet": _number,
        "architectures": array(choice(*ARCHITECTURES)),
        "flags": array(choice(*FLAGS)),
        "listenerPath": text,
        "listenerMetadata": text,
        "syscalls": array(_rule),
    },
)
