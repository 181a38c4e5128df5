"""Linux security modules that label processes (kernel documentation, Linux Security Module Usage)."""

from __future__ import annotations

from . import os


def security_modules() -> tuple[str, ...]:
    """Gives those of AppArmor and SELinux that the kernel runs: by what each leaves in sysfs, mounted or not."""
    found = []
    try:
        with open("/sys/module/apparmor/parameters/enabled", "rb") as file:
            if file.read(1) == b"Y":
                found.append("AppArmor")
    except OSError:
        # Not built in.
        pass
    if os.path.isdir("/sys/fs/selinux"):
        found.append("SELinux")
    return tuple(found)
