"""Device programs of cgroups: bpf(2).

The kernel writes its answers at fixed places of union bpf_attr, whatever size it is told (BPF_PROG_QUERY wrote 8
bytes at offset 56 past a shorter one): so every call gets a whole, zeroed one.
"""

from __future__ import annotations

import _struct as struct

from .libc import Pinned, address, buffer, syscall

# linux/bpf.h
_BPF_PROG_LOAD = 5
_BPF_PROG_ATTACH = 8
_BPF_PROG_DETACH = 9
_BPF_PROG_GET_FD_BY_ID = 13
_BPF_PROG_QUERY = 16
_BPF_PROG_TYPE_CGROUP_DEVICE = 15
_BPF_CGROUP_DEVICE = 6
_BPF_F_ALLOW_MULTI = 2

# Larger than the union of any kernel; a tail that a kernel does not know must be, and is, zero.
_ATTR_SIZE = 256
# BPF_CGROUP_MAX_PROGS: the kernel takes no more than 64 programs in one cgroup.
_MAX_PROGRAMS = 64
_INSTRUCTION_SIZE = 8


def load_device_program(instructions: bytes) -> int:
    """Loads a program of type BPF_PROG_TYPE_CGROUP_DEVICE and gives its descriptor. Raises OSError."""
    code = Pinned(instructions)
    license = Pinned(b"Apache")
    return _bpf(
        _BPF_PROG_LOAD,
        struct.pack(
            "<IIQQIIQII16sII",
            _BPF_PROG_TYPE_CGROUP_DEVICE,
            len(instructions) // _INSTRUCTION_SIZE,
            code.address,
            license.address,
            *(0, 0, 0, 0, 0),
            b"devices",
            0,
            _BPF_CGROUP_DEVICE,
        ),
    )


def attach_device_program(cgroup: int, program: int) -> None:
    """Attaches `program` to the cgroup v2 of descriptor `cgroup`, beside those that are there; all must allow.

    Raises OSError.
    """
    _bpf(_BPF_PROG_ATTACH, struct.pack("<IIII", cgroup, program, _BPF_CGROUP_DEVICE, _BPF_F_ALLOW_MULTI))


def detach_device_program(cgroup: int, program: int) -> None:
    """Takes `program` off the cgroup. Raises OSError."""
    _bpf(_BPF_PROG_DETACH, struct.pack("<III", cgroup, program, _BPF_CGROUP_DEVICE))


def device_programs(cgroup: int) -> list[int]:
    """Gives the ids of the device programs attached to the cgroup itself. Raises OSError."""
    ids = buffer(4 * _MAX_PROGRAMS)
    attributes = buffer(_ATTR_SIZE)
    attributes.raw = struct.pack(
        "<IIIIQI", cgroup, _BPF_CGROUP_DEVICE, 0, 0, address(ids), _MAX_PROGRAMS
    ).ljust(_ATTR_SIZE, b"\0")
    syscall("bpf", _BPF_PROG_QUERY, attributes, _ATTR_SIZE)
    (count,) = struct.unpack_from("<I", attributes.raw, 24)
    return list(struct.unpack_from(f"<{count}I", ids.raw))


def open_program(id: int) -> int:
    """Gives a descriptor of the loaded program `id`. Raises OSError."""
    return _bpf(_BPF_PROG_GET_FD_BY_ID, struct.pack("<I", id))


def _bpf(command: int, attributes: bytes) -> int:
    memory = buffer(_ATTR_SIZE)
    memory.raw = attributes.ljust(_ATTR_SIZE, b"\0")
    return syscall("bpf", command, memory, _ATTR_SIZE)
