"""An ordinary user of the host, who runs containers without root's help."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from . import host
from .bundle import Bundle
from .named_user import AS_USER, UID
from .runtime import ENVIRONMENT, LAUNCHER, Runtime, command, reap
from .users import mapped


class UserRuntime(Runtime):
    """The command line as the user runs it. prefix: the words that make the user of root."""

    systemd = False  # this user has none

    def __init__(self, scratch: Path, prefix: tuple[str, ...] = AS_USER) -> None:
        super().__init__(scratch)
        self.user = prefix
        for directory in scratch, self.root:
            os.chown(directory, UID, UID)

    def _prepare(self, words, flags):
        full, files = super()._prepare(words, flags)
        return [*self.user, *full], files

    def without_root(self, *words: object, **env: str) -> tuple[int, str]:
        """Runs the command without --root, in an environment of `env` and PATH alone; gives exit code and errors."""
        # A file, for what runs on in a container holds a pipe open.
        with open(self.scratch / "errors", "w+") as errors:
            done = subprocess.run(
                [*self.user, command(), *map(str, words)], env=ENVIRONMENT | env, stdin=subprocess.DEVNULL,
                stdout=errors, stderr=errors, timeout=host.PATIENCE,
            )  # fmt: skip
            errors.seek(0)
            return done.returncode, errors.read()


def with_own_id(bundle: Bundle) -> Bundle:
    """Gives the bundle a user namespace in which root is the user, and nobody else is there."""
    for mount in bundle.mounts:
        if "gid=5" in mount.get("options", ()):
            mount["options"].remove("gid=5")
    return mapped(bundle, (0, UID, 1))


@pytest.fixture
def user(scratch, subreaper):
    """The command line as an ordinary user runs it; gives a function that makes one, by the words that become it."""
    made = []

    def make(*prefix):
        directory = scratch / f"output{len(made)}"
        directory.mkdir()
        made.append(UserRuntime(directory, prefix or AS_USER))
        return made[-1]

    yield make
    left = [line for runtime in made for line in runtime.close()]
    reap()
    assert not left, "left behind:\n" + "\n".join(left)


@pytest.fixture
def user_interpreter(scratch, monkeypatch):
    """A copy of the interpreter that belongs to the user, from which the command line runs."""
    copy = scratch / "python"
    shutil.copy(os.path.realpath("/usr/bin/python3"), copy)
    os.chown(copy, UID, UID)
    runner = scratch / "runner"
    runner.write_text(f'#!/bin/sh\nexec {copy} -IS {LAUNCHER.parents[1]}/__main__.py "$@"\n')
    runner.chmod(0o755)
    monkeypatch.setenv("OCIPY_RUNTIME", str(runner))
    return copy
