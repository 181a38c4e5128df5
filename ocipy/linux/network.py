"""Network interfaces, netdevice(7)."""

from __future__ import annotations

import _socket
import _struct as struct
import fcntl

_SIOCGIFFLAGS = 0x8913
_SIOCSIFFLAGS = 0x8914
_IFF_UP = 0x1


def bring_up(interface: str) -> None:
    """Sets an interface of this network namespace up. Raises OSError."""
    control = _socket.socket(_socket.AF_INET, _socket.SOCK_DGRAM | _socket.SOCK_CLOEXEC)
    try:
        request = fcntl.ioctl(control.fileno(), _SIOCGIFFLAGS, struct.pack("16sh22x", interface.encode(), 0))
        flags = struct.unpack_from("16xh", request)[0]
        fcntl.ioctl(control.fileno(), _SIOCSIFFLAGS, struct.pack("16sh22x", interface.encode(), flags | _IFF_UP))
    finally:
        control.close()
