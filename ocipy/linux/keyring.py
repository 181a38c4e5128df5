"""Kernel keyrings, keyctl(2): they are not namespaced, so each container gets a session keyring of its own."""

from __future__ import annotations

from .libc import syscall

_KEYCTL_JOIN_SESSION_KEYRING = 1


def join_session_keyring(name: str) -> int:
    """Makes this process a member of a session keyring of that name, made if need be. Raises OSError."""
    return syscall("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, name.encode())
