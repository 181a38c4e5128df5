"""Seccomp filters: seccomp(2), and the numbers of the names that config.json has (seccomp.h of libseccomp)."""

from __future__ import annotations

import _struct as struct
import errno

from .libc import Pinned, syscall

ACTIONS = {
    "SCMP_ACT_KILL": 0x00000000, "SCMP_ACT_KILL_THREAD": 0x00000000, "SCMP_ACT_KILL_PROCESS": 0x80000000,
    "SCMP_ACT_TRAP": 0x00030000, "SCMP_ACT_ERRNO": 0x00050000, "SCMP_ACT_TRACE": 0x7FF00000,
    "SCMP_ACT_LOG": 0x7FFC0000, "SCMP_ACT_ALLOW": 0x7FFF0000,
}  # fmt: skip
# The actions whose low 16 bits are a number of the caller's choice.
WITH_NUMBER = ("SCMP_ACT_ERRNO", "SCMP_ACT_TRACE")
OPERATORS = {
    "SCMP_CMP_NE": 1, "SCMP_CMP_LT": 2, "SCMP_CMP_LE": 3, "SCMP_CMP_EQ": 4, "SCMP_CMP_GE": 5, "SCMP_CMP_GT": 6,
    "SCMP_CMP_MASKED_EQ": 7,
}  # fmt: skip
FLAGS = {
    "SECCOMP_FILTER_FLAG_TSYNC": 1, "SECCOMP_FILTER_FLAG_LOG": 2, "SECCOMP_FILTER_FLAG_SPEC_ALLOW": 4,
}  # fmt: skip

INSTRUCTION_SIZE = 8  # struct sock_filter
MOST_INSTRUCTIONS = 4096  # BPF_MAXINSNS
_SET_MODE_FILTER = 1
_GET_ACTION_AVAIL = 2


class Filter:
    """A program laid out as the kernel wants it, so that loading it is one system call and no allocation."""

    def __init__(self, program: bytes) -> None:
        self._code = Pinned(program)
        # struct sock_fprog
        self._header = struct.pack("@HP", len(program) // INSTRUCTION_SIZE, self._code.address)

    def load(self, flags: int) -> None:
        """Puts this process under the filter. Raises OSError."""
        syscall("seccomp", _SET_MODE_FILTER, flags, self._header)


def is_flag_supported(name: str) -> bool:
    """Tells whether the kernel knows a flag: it looks at the flags before it looks for a program."""
    try:
        syscall("seccomp", _SET_MODE_FILTER, FLAGS[name], None)
    except OSError as error:
        return error.errno == errno.EFAULT
    return True


def is_action_supported(name: str) -> bool:
    """Tells whether the kernel knows an action."""
    try:
        syscall("seccomp", _GET_ACTION_AVAIL, 0, struct.pack("I", ACTIONS[name]))
    except OSError:
        return False
    return True
