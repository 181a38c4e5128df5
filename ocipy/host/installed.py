"""Where the system has programs that do with its rights what a user asks: newuidmap(1), newgidmap(1)."""

from __future__ import annotations

from ..linux import os

# Not PATH: what is found there first might be the work of somebody else.
DIRECTORIES = ("/usr/bin", "/usr/local/bin", "/bin", "/run/wrappers/bin")


def installed(name: str) -> str:
    """Gives the path of a program that the system has installed, "" when it has not."""
    paths = [f"{directory}/{name}" for directory in DIRECTORIES]
    return next((path for path in paths if os.access(path, os.X_OK)), "")
