"""Fixtures of the tests that build the file system alone, see support/rootfs.py, and of those with a terminal."""

from support.ordinary import user, user_interpreter  # noqa: F401 (fixtures are found by their names here)
from support.rootfs import bare, canary  # noqa: F401
from support.terminal import console  # noqa: F401
