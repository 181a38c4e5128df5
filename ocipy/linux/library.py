"""Functions of a shared library, called through the C half of ctypes (libc.py tells why)."""

from __future__ import annotations

import _ctypes

from . import os
from .libc import Word

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any


def is_there(name: str) -> bool:
    """Tells whether a library such as libsystemd.so.0 can be loaded (ld.so(8)); it stays loaded."""
    try:
        Library(name)
    except OSError:
        return False
    return True


class Int(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "i"


class Unsigned(_ctypes._SimpleCData):  # type: ignore[type-arg]
    _type_ = "I"


class ToInt(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL
    _restype_ = Int


class ToUnsigned(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL
    _restype_ = Unsigned


class ToPointer(_ctypes.CFuncPtr):
    _flags_ = _ctypes.FUNCFLAG_CDECL
    _restype_ = Word


class Library:
    """A library by its file name. Raises OSError when it cannot be loaded."""

    def __init__(self, name: str) -> None:
        self._handle = _ctypes.dlopen(name, os.RTLD_NOW)

    def function(self, kind: Any, name: str, *arguments: Any) -> Any:
        """Gives a function by its type of result and those of its arguments."""
        function = kind(_ctypes.dlsym(self._handle, name))
        function.argtypes = arguments
        return function
