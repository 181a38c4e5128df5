"""Device rules -> a program in eBPF (BPF_PROG_TYPE_CGROUP_DEVICE).

The kernel gives struct bpf_cgroup_dev_ctx {access_type, major, minor}, with the kind of device in the low and the
access wanted in the high half of access_type, and grants the access when the program returns 1. For each kind of
access that is wanted the last rule counts that names it and matches the device; where none does, it is denied. So an
open for reading and writing needs both, and a rule that denies writing is not passed by also reading.
"""

from __future__ import annotations

import _struct as struct

TYPE_CHECKING = False
if TYPE_CHECKING:
    # allow, type (a, b, c), major, minor (None: any), access.
    Rule = tuple[bool, str, int | None, int | None, str]
    # opcode, destination, source, offset, immediate.
    Instruction = tuple[int, int, int, int, int]

# linux/bpf_common.h, linux/bpf.h: operation | operand | class. The 32-bit jumps need Linux 5.1.
_LOAD_WORD = 0x61
_MOVE = 0xB4
_MOVE_REGISTER = 0xBC
_SHIFT_RIGHT = 0x74
_AND = 0x54
_JUMP_IF_EQUAL = 0x16
_JUMP_UNLESS_EQUAL = 0x56
_EXIT = 0x95

_RESULT, _CONTEXT, _TYPE, _WANTED, _MAJOR, _MINOR, _SCRATCH = range(7)

_TYPES = {"b": 1, "c": 2}
_ACCESS = {"m": 1, "r": 2, "w": 4}
_WHOLE = 7


def assemble(rules: tuple[Rule, ...]) -> bytes:
    """Gives the instructions for rules of which the last match wins; no rule: deny."""
    program: list[Instruction] = [
        (_LOAD_WORD, _TYPE, _CONTEXT, 0, 0),
        (_LOAD_WORD, _MAJOR, _CONTEXT, 4, 0),
        (_LOAD_WORD, _MINOR, _CONTEXT, 8, 0),
        (_MOVE_REGISTER, _WANTED, _TYPE, 0, 0),
        (_SHIFT_RIGHT, _WANTED, 0, 0, 16),
        (_AND, _TYPE, 0, 0, 0xFFFF),
    ]
    for rule in reversed(rules):
        tests, body = _tests(rule), _body(rule)
        program += _jumps_past(tests, body) + body
        if not tests and len(body) == 2:
            # This rule decides all that is left; the verifier refuses instructions that are never reached.
            break
    else:
        program += _leave(False)
    return b"".join(
        struct.pack("<BBhI", opcode, source << 4 | destination, offset, immediate)
        for opcode, destination, source, offset, immediate in program
    )


def _tests(rule: Rule) -> list[tuple[int, int]]:
    """Gives pairs of register and the value that it must have for the rule to match."""
    _, kind, major, minor, _ = rule
    tests = [(_TYPE, _TYPES[kind])] if kind != "a" else []
    return tests + [(register, number) for register, number in ((_MAJOR, major), (_MINOR, minor)) if number is not None]


def _jumps_past(tests: list[tuple[int, int]], body: list[Instruction]) -> list[Instruction]:
    """An offset counts from the instruction after the jump: the further tests and the body are between."""
    return [
        (_JUMP_UNLESS_EQUAL, register, 0, len(tests) - 1 - index + len(body), value)
        for index, (register, value) in enumerate(tests)
    ]


def _body(rule: Rule) -> list[Instruction]:
    allow, _, _, _, access = rule
    mask = sum(_ACCESS[letter] for letter in set(access))
    if mask == _WHOLE:
        return _leave(allow)
    if allow:
        # What this rule grants is no longer wanted; with nothing left, the access is granted.
        return [(_AND, _WANTED, 0, 0, ~mask & _WHOLE), (_JUMP_UNLESS_EQUAL, _WANTED, 0, 2, 0), *_leave(True)]
    return [
        (_MOVE_REGISTER, _SCRATCH, _WANTED, 0, 0),
        (_AND, _SCRATCH, 0, 0, mask),
        (_JUMP_IF_EQUAL, _SCRATCH, 0, 2, 0),
        *_leave(False),
    ]


def _leave(allow: bool) -> list[Instruction]:
    return [(_MOVE, _RESULT, 0, 0, int(allow)), (_EXIT, 0, 0, 0, 0)]
