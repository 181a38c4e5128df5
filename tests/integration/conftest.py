"""Fixtures of the tests that build the file system alone: see support/rootfs.py."""

from support.rootfs import bare, canary  # noqa: F401 (fixtures are found by their names here)
