"""The one error object: what went wrong, with which object, where in config.json, and what helps."""

from __future__ import annotations

from errno import errorcode

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence


class OcipyError(Exception):
    """A failure that a person or a caller is told in one line.

    message: what failed, with the object's name. property: path in config.json (`mounts[2].source`) or "".
    hint: the remedy, or "". status: exit code of the command.
    """

    def __init__(self, message: str, *, property: str = "", hint: str = "", status: int = 1) -> None:
        super().__init__(message)
        self.message = message
        self.property = property
        self.hint = hint
        self.status = status

    def __str__(self) -> str:
        text = f"{self.property}: {self.message}" if self.property else self.message
        if self.hint:
            text = f"{text} ({self.hint})"
        return text.replace("\n", "\\n")


class ConfigError(OcipyError):
    """A config.json that is refused before the first side effect, with all its errors.

    problems: pairs of property path and message, in the order of the document.
    """

    def __init__(self, problems: Sequence[tuple[str, str]]) -> None:
        super().__init__("; ".join(f"{path}: {text}" if path else text for path, text in problems))
        self.problems = list(problems)


def describe_error(error: BaseException) -> tuple[bool, str, str, str]:
    """Gives what can be told of any exception: whether its message is a sentence of its own, message, property, hint.

    What the kernel says is none: it needs the operation that it was said to.
    """
    if isinstance(error, OcipyError):
        return True, error.message, error.property, error.hint
    if isinstance(error, OSError):
        return False, describe_os_error(error), "", ""
    return False, f"internal error: {type(error).__name__}: {error}", "", ""


def describe_os_error(error: OSError) -> str:
    """Gives `syscall object: text (ENAME)` of an OSError, without the parts that it lacks."""
    name = getattr(error, "syscall", "")
    subject = " ".join(str(part) for part in (name, error.filename) if part)
    text = error.strerror or str(error)
    if error.errno is not None and error.errno in errorcode:
        text = f"{text} ({errorcode[error.errno]})"
    return f"{subject}: {text}" if subject else text
