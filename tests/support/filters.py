"""Seccomp filters in the tests: what they mean, what they do, and which one a process is under."""

from __future__ import annotations

import ctypes
import functools
import os
import struct
import time

from . import host

X86_64, I386, AARCH64 = 0xC000003E, 0x40000003, 0xC00000B7
X32_BIT = 0x40000000
ALLOW, ERRNO, KILL, TRAP, TRACE = 0x7FFF0000, 0x00050000, 0x00000000, 0x00030000, 0x7FF00000
ENOSYS = ERRNO | 38
_ACTIONS = {
    "ALLOW": ALLOW, "ERRNO": ERRNO, "KILL": KILL, "KILL_THREAD": KILL, "KILL_PROCESS": 0x80000000, "TRAP": TRAP,
    "TRACE": TRACE, "LOG": 0x7FFC0000,
}  # fmt: skip
_HOLDS = {
    "NE": lambda value, one, two: value != one, "LT": lambda value, one, two: value < one,
    "LE": lambda value, one, two: value <= one, "EQ": lambda value, one, two: value == one,
    "GE": lambda value, one, two: value >= one, "GT": lambda value, one, two: value > one,
    # A value outside the mask is cut to it by libseccomp.
    "MASKED_EQ": lambda value, one, two: value & one == two & one,
}  # fmt: skip


def run(program: bytes, architecture: int, number: int, arguments: tuple[int, ...] = ()) -> int:
    """What the kernel would do: executes classic BPF on a struct seccomp_data (linux/filter.h, linux/seccomp.h)."""
    data = struct.pack("<IIQ6Q", number & 0xFFFFFFFF, architecture, 0, *arguments, *(0,) * (6 - len(arguments)))
    instructions = _instructions(program)
    place = accumulator = 0
    while True:
        code, true, false, value = instructions[place]
        place += 1
        if code == 0x20:
            (accumulator,) = struct.unpack_from("<I", data, value)
        elif code == 0x05:
            place += value
        elif code == 0x15:
            place += true if accumulator == value else false
        elif code == 0x25:
            place += true if accumulator > value else false
        elif code == 0x35:
            place += true if accumulator >= value else false
        elif code == 0x45:
            place += true if accumulator & value else false
        elif code == 0x54:
            accumulator &= value
        elif code == 0x06:
            return value
        else:
            raise AssertionError(f"an instruction that no filter here has: {code:#x}")


@functools.cache
def _instructions(program: bytes) -> list[tuple[int, int, int, int]]:
    return list(struct.iter_unpack("<HBBI", program))


def action(name: str, number: int | None = None) -> int:
    short = name.removeprefix("SCMP_ACT_")
    return _ACTIONS[short] | ((1 if number is None else number) if short in ("ERRNO", "TRACE") else 0)


def meaning(profile: dict, name: str, arguments: tuple[int, ...]) -> int:
    """What a profile says of a system call that is not newer than it; its rules for a call must agree in the action."""
    for rule in profile.get("syscalls", ()):
        if name in rule["names"]:
            indices = [comparison["index"] for comparison in rule.get("args", ())]
            holds = [
                _HOLDS[comparison["op"].removeprefix("SCMP_CMP_")](
                    arguments[comparison["index"]], comparison["value"], comparison.get("valueTwo", 0)
                )
                for comparison in rule.get("args", ())
            ]
            # Comparisons with one argument are alternatives, as in runc.
            if any(holds) if len(set(indices)) < len(indices) else all(holds):
                return action(rule["action"], rule.get("errnoRet"))
    return action(profile["defaultAction"], profile.get("defaultErrnoRet"))


def of_process(pid: int) -> bytes:
    """The filter that a process is under, by ptrace(2), PTRACE_SECCOMP_GET_FILTER."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_int, ctypes.c_void_p, ctypes.c_void_p]

    def ptrace(request: int, address: object, data: object) -> int:
        result = libc.ptrace(request, pid, address, data)
        if result < 0:
            raise OSError(ctypes.get_errno(), "ptrace")
        return result

    ptrace(0x4206, None, None)  # PTRACE_SEIZE
    ptrace(0x4207, None, None)  # PTRACE_INTERRUPT
    deadline = time.monotonic() + host.PATIENCE
    while host.status(pid)["State"][0] != "t":
        assert time.monotonic() < deadline
        time.sleep(0.001)
    # The stop is reported to wait(2) before requests are taken.
    os.waitpid(pid, 0x40000000)  # __WALL
    try:
        program = ctypes.create_string_buffer(8 * ptrace(0x420C, None, None))
        ptrace(0x420C, None, program)
        return program.raw
    finally:
        ptrace(17, None, None)  # PTRACE_DETACH
