"""What the person and the caller are told: one line on stderr, one record in the log file."""

from __future__ import annotations

import time

from ..linux import os

TYPE_CHECKING = False

_LONGEST = 8192  # a caller that never reads must not block the error: a pipe takes this much at once


class Log:
    """Writes to stderr and, when `path` is given, to a file in runc's shape. format: text or json."""

    def __init__(self, path: str = "", format: str = "text", debug: bool = False) -> None:
        self.path = path
        self.format = format
        self.debug_enabled = debug

    def error(self, message: str) -> None:
        self._record("error", message)
        self._print(f"ocipy: {message}")

    def warning(self, message: str) -> None:
        self._record("warning", message)
        if not self.path:
            self._print(f"ocipy: warning: {message}")

    def debug(self, message: str) -> None:
        if self.debug_enabled:
            self._record("debug", message)
            if not self.path:
                self._print(message)

    def _record(self, level: str, message: str) -> None:
        if not self.path:
            return
        from ..spec import jsontext

        now = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
        if self.format == "json":
            line = jsontext.encode({"level": level, "msg": message, "time": now})
        else:
            line = f'time="{now}" level={level} msg={jsontext.encode(message)}'
        try:
            # Non-blocking: a log that is a full pipe or a FIFO without a reader must not hang a container.
            descriptor = os.open(
                self.path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC, 0o644
            )
        except OSError as error:
            self._print(f"ocipy: --log {self.path}: {error.strerror}")
            self.path = ""
            return
        try:
            os.write(descriptor, f"{line}\n".encode("utf-8", "surrogateescape"))
        except OSError:
            pass
        finally:
            os.close(descriptor)

    def _print(self, line: str) -> None:
        data = line.encode("utf-8", "surrogateescape")
        if len(data) > _LONGEST:
            # The object is named first, the reason last.
            data = data[: _LONGEST // 2] + b" ... " + data[-_LONGEST // 2 :]
        # One write: conmon reads stderr once.
        try:
            os.write(2, data + b"\n")
        except OSError:
            pass
