"""Shared libraries of the system (ld.so(8))."""

from __future__ import annotations

import _ctypes

from . import os


def is_there(name: str) -> bool:
    """Tells whether a library such as libsystemd.so.0 can be loaded; it stays loaded."""
    try:
        _ctypes.dlopen(name, os.RTLD_NOW)
    except OSError:
        return False
    return True
