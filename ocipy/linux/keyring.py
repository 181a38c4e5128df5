"""Kernel keyrings, keyctl(2): they are not namespaced, so each container gets a session keyring of its own."""

from __future__ import annotations

from .libc import syscall

_KEYCTL_JOIN_SESSION_KEYRING = 1
_KEYCTL_SETPERM = 5
# What the kernel gives a new one, and search for the user, without which nobody else can join it by name: keyrings(7).
_PERMISSIONS = 0x3F000000 | 0x00130000 | 0x00080000


def join_session_keyring(name: str) -> None:
    """Makes this process a member of a session keyring of that name, made if need be; as runc, one that later
    processes of the container can join. Raises OSError.
    """
    keyring = syscall("keyctl", _KEYCTL_JOIN_SESSION_KEYRING, name.encode())
    syscall("keyctl", _KEYCTL_SETPERM, keyring, _PERMISSIONS)
