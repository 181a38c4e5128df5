"""Taking back changes of limits when a later one fails."""

from __future__ import annotations

from .files import read, write

TYPE_CHECKING = False


class Undo:
    """What files of cgroups held before they were written."""

    def __init__(self) -> None:
        self._before: list[tuple[str, str, str]] = []

    def remember(self, directory: str, files: tuple[str, ...]) -> None:
        """Notes what the files hold, as far as they are there."""
        for file in files:
            try:
                self._before.append((directory, file, read(directory, file)))
            except OSError:
                # Not there, or write-only: nothing of it can be restored.
                continue

    def restore(self) -> None:
        """Writes back what was noted, the last first, as far as the kernel takes it."""
        left = list(reversed(self._before))
        # A limit may have to wait for another one: memory, and memory plus swap.
        for _ in range(2):
            left = [(directory, file, text) for directory, file, text in left if not _write(directory, file, text)]


def _write(directory: str, file: str, text: str) -> bool:
    try:
        if read(directory, file) != text:
            for line in text.splitlines():
                write(directory, file, line)
    except OSError:
        return False
    return True
