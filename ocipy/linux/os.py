"""What the runtime needs of `os`, from the C module beneath it: importing `os` itself costs 2 ms in each process.

Names, parameters and errors are those of `os`, but for the environment.
"""

from __future__ import annotations

import posix
from posix import *  # noqa: F403
from posix import _exit as _exit

from . import path as path


def environment() -> dict[str, str]:
    """Gives a copy of this process's environment."""
    return {fsdecode(name): fsdecode(value) for name, value in posix.environ.items()}


def fsencode(text: str | bytes) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def fsdecode(text: str | bytes) -> str:
    return text if isinstance(text, str) else text.decode("utf-8", "surrogateescape")


def makedirs(directory: str, mode: int = 0o777) -> None:
    """Makes a directory and those above it that are missing."""
    try:
        posix.mkdir(directory, mode)
    except FileNotFoundError:
        makedirs(path.dirname(directory), mode)
        posix.mkdir(directory, mode)
