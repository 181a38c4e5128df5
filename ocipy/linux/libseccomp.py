"""libseccomp.so.2, which knows the system calls of all architectures and compiles filters (seccomp_init(3) and on).

Loading it takes a millisecond, so nothing imports this module until a filter is really compiled.
"""

from __future__ import annotations

import _ctypes
import errno
import struct

from . import library, os
from .libc import Word, failure
from .library import Int, ToInt, ToPointer, ToUnsigned, Unsigned

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from typing import Any

    # Index, operator and two values of a comparison with an argument of the system call.
    Comparison = tuple[int, int, int, int]

NAME = "libseccomp.so.2"
INSTALL = "apt install libseccomp2"
X32 = 0x4000003E  # SCMP_ARCH_X32, which is no AUDIT_ARCH of the kernel
X86_64 = 0xC000003E
S390 = (0x00000016, 0x80000016)
# enum scmp_filter_attr
_CTL_OPTIMIZE = 8
_BINARY_TREE = 2


class _Byte(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "B"


class Library(library.Library):
    """The loaded library.

    version: such as 2.5.4. native: token of this machine's architecture (SCMP_ARCH_*).
    Raises OSError when the library cannot be loaded.
    """

    def __init__(self) -> None:
        super().__init__(NAME)
        version = self.function(ToPointer, "seccomp_version")()
        self.version = ".".join(map(str, struct.unpack("3I", _read(version, 12))))
        self.native: int = self.function(ToUnsigned, "seccomp_arch_native")()
        self._resolve_architecture = self.function(ToUnsigned, "seccomp_arch_resolve_name", Word)
        self._resolve_call = self.function(ToInt, "seccomp_syscall_resolve_name_arch", Unsigned, Word)
        self._init = self.function(ToPointer, "seccomp_init", Unsigned)
        self._release = self.function(ToInt, "seccomp_release", Word)
        self._attr_set = self.function(ToInt, "seccomp_attr_set", Word, Unsigned, Unsigned)
        self._arch_add = self.function(ToInt, "seccomp_arch_add", Word, Unsigned)
        self._rule_add = self.function(ToInt, "seccomp_rule_add_array", Word, Unsigned, Int, Unsigned, Word)
        self._export = self.function(ToInt, "seccomp_export_bpf", Word, Int)

    def api_level(self) -> int:
        """Gives which features of the kernel library and kernel have in common (seccomp_api_get(3)); 0 before 2.4."""
        try:
            level: int = self.function(ToUnsigned, "seccomp_api_get")()
        except OSError:
            return 0
        return level

    def file(self) -> str:
        """Gives the path of the library's file, as the kernel shows it (proc(5), /proc/pid/maps)."""
        with open("/proc/self/maps", "rb") as maps:
            for line in maps:
                path = line.split(None, 5)[-1].strip()
                if b"/libseccomp.so." in path:
                    return os.fsdecode(path)
        return ""

    def architecture(self, name: str) -> int:
        """Gives the token of SCMP_ARCH_..., 0 when this version does not know it."""
        # The library's names are the specification's, but lower case: SCMP_ARCH_PPC64LE is ppc64le.
        token: int = self._resolve_architecture(name.removeprefix("SCMP_ARCH_").lower().encode())
        return token

    def number(self, call: str, architecture: int) -> int:
        """Gives the number of a system call; -1 when no architecture has it, less when this one does not."""
        number: int = self._resolve_call(architecture, call.encode())
        return number

    def new(self, default: int) -> Context:
        """Gives an empty filter for the native architecture. default: value of its action."""
        context = self._init(default)
        if not context:
            # It says no more; out of memory is the less likely reason.
            raise failure("seccomp_init", errno.EINVAL, os.strerror(errno.EINVAL), None)
        return Context(self, context)


class Context:
    """A filter in the making. Its methods raise OSError."""

    def __init__(self, library: Library, context: int) -> None:
        self._library = library
        self._context = context

    def release(self) -> None:
        self._library._release(self._context)

    def add_architecture(self, token: int) -> None:
        """Lets the rules apply to one more architecture; no error when they do."""
        _check("seccomp_arch_add", self._library._arch_add(self._context, token), ignored=errno.EEXIST)

    def optimize(self) -> None:
        """Asks for a binary tree instead of a chain, if this version can make one."""
        self._library._attr_set(self._context, _CTL_OPTIMIZE, _BINARY_TREE)

    def add_rule(self, action: int, number: int, comparisons: Sequence[Comparison]) -> None:
        """Adds a rule: when all comparisons hold, the call `number` of the native architecture has the action."""
        packed = b"".join(struct.pack("=IIQQ", *comparison) for comparison in comparisons)
        result = self._library._rule_add(self._context, action, number, len(comparisons), packed)
        _check("seccomp_rule_add", result)

    def export(self) -> bytes:
        """Gives the program as array of struct sock_filter."""
        descriptor = os.memfd_create("seccomp")
        try:
            _check("seccomp_export_bpf", self._library._export(self._context, descriptor))
            return os.pread(descriptor, os.fstat(descriptor).st_size, 0)
        finally:
            os.close(descriptor)


def _check(name: str, result: int, ignored: int = 0) -> None:
    if result < 0 and -result != ignored:
        raise failure(name, -result, os.strerror(-result), None)


def _read(address: int, size: int) -> bytes:
    array: Any = type("Bytes", (_ctypes.Array,), {"_type_": _Byte, "_length_": size})
    return bytes(array.from_address(address))
