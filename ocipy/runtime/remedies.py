"""What helps when the host refused an operation: in the words of doctor. Nothing here is loaded before one fails."""

from __future__ import annotations

from errno import ENOENT

from ..errors import OcipyError, describe_os_error
from ..host import devices, namespaces, privileges
from ..linux import capability

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.operation import Operation

# The capabilities without which the kernel refuses an operation with EPERM or EACCES.
_NEEDS = {
    "CreateCgroup": ("CAP_DAC_OVERRIDE",),
    "WriteDeviceRules": ("CAP_SYS_ADMIN",),
    "AttachDeviceProgram": ("CAP_NET_ADMIN", "CAP_SYS_ADMIN"),
    "CreateInit": ("CAP_SYS_ADMIN",),
    "WriteIDMappings": ("CAP_SETFCAP", "CAP_SETUID", "CAP_SETGID"),
    "BringUpLoopback": ("CAP_NET_ADMIN",),
    "PrepareRoot": ("CAP_SYS_ADMIN",),
    "SetOOMScore": ("CAP_SYS_RESOURCE",),
    "RaiseRlimit": ("CAP_SYS_RESOURCE",),
    "SetRlimit": ("CAP_SYS_RESOURCE",),
    "SetScheduler": ("CAP_SYS_NICE",),
    "SetIOPriority": ("CAP_SYS_NICE",),
    "SetUser": ("CAP_SETPCAP", "CAP_SETUID", "CAP_SETGID"),
}

# root of a user namespace may not copy a mount of another one, and a seccomp filter forbids it to all.
_NO_MOUNT = "in a user namespace, run in a mount namespace of its own: unshare -m; ocipy doctor tells more"


def remedy(operation: Operation, message: str) -> str:
    """Gives what this host lacks for an operation that failed with this message, "" when that is not known."""
    name = operation.KIND.__name__
    if "(EPERM)" in message or "(EACCES)" in message:
        lacks = _lacks(_NEEDS.get(name, ()))
        if lacks:
            return lacks
    if name == "CreateInit":
        return namespaces.remedy(dict(operation.items())["new"])
    return ""


def not_sealed(error: OSError) -> OcipyError:
    """Gives the error of a command that cannot seal its interpreter (linux/interpreter.py)."""
    message = f"cannot seal the interpreter: {describe_os_error(error)}"
    if error.errno == ENOENT:
        return OcipyError(message, hint=devices.NO_PROC)
    return OcipyError(message, hint=_lacks(("CAP_SYS_ADMIN",)) or namespaces.remedy(("mount",)) or _NO_MOUNT)


def _lacks(capabilities: tuple[str, ...]) -> str:
    """Tells which of these this process lacks, and what it cannot do then; "" when it has all."""
    missing = privileges.missing(capability.effective())
    lacking = [f"{name}: {missing[name]}" for name in capabilities if name in missing]
    return f"this process lacks {'; '.join(lacking)}" if lacking else ""
