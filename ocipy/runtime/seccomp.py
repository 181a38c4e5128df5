"""A seccomp profile becomes a program of classic BPF: by libseccomp, and with the rule of runc for newer system calls.

A program that asks for a system call newer than its profile must learn that it is not there (ENOSYS), so that it takes
an older one; an EPERM would make it fail. So everything above the largest number that the profile names gets ENOSYS,
unless the default action lets calls pass, as in runc's libcontainer/seccomp/patchbpf.
"""

from __future__ import annotations

import errno
import struct

from ..errors import OcipyError
from ..linux import libseccomp
from ..linux.libseccomp import S390, X32, X86_64
from ..linux.seccomp import ACTIONS, INSTRUCTION_SIZE, MOST_INSTRUCTIONS, OPERATORS

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ..linux.libseccomp import Context, Library
    from .log import Log

    # Code, two jumps and a value: struct sock_filter.
    Instruction = tuple[int, int, int, int]

# As runc: a binary tree pays from here on.
_LONG = 32
_LETTING_PASS = ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")

# linux/bpf_common.h; the offsets are those of struct seccomp_data.
_LOAD, _JUMP, _IF_EQUAL, _IF_GREATER, _IF_SET, _RETURN = 0x20, 0x05, 0x15, 0x25, 0x45, 0x06
_NUMBER, _ARCHITECTURE = 0, 4
_X32_BIT = 0x40000000


def compile_profile(library: Library, profile: tuple[Any, ...], log: Log) -> bytes:
    """Gives the program for the fields of a CompileSeccomp operation. Raises OcipyError."""
    default, number, names, rules = profile
    tokens = [library.native]
    for index, name in enumerate(names):
        token = library.architecture(name)
        if not token:
            raise OcipyError(
                f"libseccomp {library.version} does not know {name}", property=f"linux.seccomp.architectures[{index}]"
            )
        tokens.append(token)
    context = library.new(ACTIONS[default] | number)
    try:
        _add_architectures(context, tokens, names)
        calls = sum(len(rule[0]) for rule in rules)
        if calls > _LONG:
            context.optimize()
        for index, rule in enumerate(rules):
            _add_rule(library, context, ACTIONS[default] | number, rule, f"linux.seccomp.syscalls[{index}]", log)
        program = context.export()
    finally:
        context.release()
    if default not in _LETTING_PASS and (default, number) != ("SCMP_ACT_ERRNO", errno.ENOSYS):
        program = answer_newer(_newest(library, tokens, rules)) + program
    size = len(program) // INSTRUCTION_SIZE
    if size > MOST_INSTRUCTIONS:
        raise OcipyError(
            f"the filter has {size} instructions, and the kernel takes {MOST_INSTRUCTIONS}", property="linux.seccomp"
        )
    return program


def _add_architectures(context: Context, tokens: list[int], names: tuple[str, ...]) -> None:
    for index, token in enumerate(tokens[1:]):
        try:
            context.add_architecture(token)
        except OSError as error:
            raise OcipyError(
                f"{names[index]} cannot be in a filter for this machine: {error.strerror}",
                property=f"linux.seccomp.architectures[{index}]",
            ) from None


def _add_rule(
    library: Library, context: Context, default: int, rule: tuple[Any, ...], property: str, log: Log
) -> None:
    names, action, number, comparisons = rule
    value = ACTIONS[action] | number
    if value == default:
        # It changes nothing, and libseccomp takes it for a mistake.
        return
    conditions = [(index, OPERATORS[operator], one, two) for index, operator, one, two in comparisons]
    groups = [conditions]
    if len({condition[0] for condition in conditions}) < len(conditions):
        # libseccomp has one comparison for each argument, so that these become rules of which any may match: runc.
        groups = [[condition] for condition in conditions]
    for name in names:
        call = library.number(name, library.native)
        if call == -1:
            log.debug(f"{property}: system call {name} is not known to libseccomp {library.version}, left out")
            continue
        for group in groups:
            try:
                context.add_rule(value, call, group)
            except OSError as error:
                reason = "another rule has the same comparisons" if error.errno == errno.EEXIST else error.strerror
                raise OcipyError(f"libseccomp refuses the rule for {name}: {reason}", property=property) from None


def _newest(library: Library, tokens: list[int], rules: tuple[Any, ...]) -> dict[int, int]:
    """Gives the largest number that the rules name on each architecture (token of libseccomp), where there is one."""
    names = {name for rule in rules for name in rule[0]}
    largest = {token: max((library.number(name, token) for name in names), default=0) for token in tokens}
    return {token: number for token, number in largest.items() if number > 0}


def answer_newer(newest: dict[int, int]) -> bytes:
    """Gives instructions, to be put before a program, that answer ENOSYS to the system calls above the given ones."""
    families: dict[int, dict[int, int]] = {}
    for token, number in newest.items():
        # x32 has the architecture of x86_64, and a bit in the numbers of its calls.
        families.setdefault(X86_64 if token == X32 else token, {})[token] = number
    program: list[Instruction] = []
    for architecture, members in reversed(families.items()):
        section = [(_LOAD, 0, 0, _NUMBER), *_tests(architecture, members), (_JUMP, 0, 0, len(program))]
        program = [(_IF_EQUAL, 0, len(section), architecture), *section, *program]
    if program:
        program.insert(0, (_LOAD, 0, 0, _ARCHITECTURE))
    return b"".join(struct.pack("=HBBI", *instruction) for instruction in program)


def _tests(architecture: int, members: dict[int, int]) -> list[Instruction]:
    if architecture != X86_64:
        # setup(2), number 0, is where Linux on s390 takes the numbers that it does not know.
        first = _refuse(_IF_EQUAL, 0) if architecture in S390 else []
        return first + _refuse(_IF_GREATER, members[architecture])
    own = _refuse(_IF_GREATER, members[X86_64]) if X86_64 in members else []
    x32 = _refuse(_IF_GREATER, members[X32]) if X32 in members else []
    return [(_IF_SET, len(own) + 1, 0, _X32_BIT), *own, (_JUMP, 0, 0, len(x32)), *x32]


def _refuse(test: int, number: int) -> list[Instruction]:
    return [(test, 0, 1, number), (_RETURN, 0, 0, ACTIONS["SCMP_ACT_ERRNO"] | errno.ENOSYS)]


def load_library() -> Library:
    """Gives libseccomp. Raises OcipyError when it is not there."""
    try:
        return libseccomp.Library()
    except OSError as error:
        raise OcipyError(
            f"cannot load {libseccomp.NAME}: {error}", property="linux.seccomp", hint=libseccomp.INSTALL
        ) from None
