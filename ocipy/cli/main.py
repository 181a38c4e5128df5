"""The entry point: global flags, the verb, errors and exit codes."""

from __future__ import annotations

import sys

from ..errors import OcipyError, describe_os_error
from ..linux import os
from ..runtime.log import Log
from .options import Option, UsageError, Verb, option_lines, parse, usage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .options import Arguments

VERBS = (
    "create", "start", "run", "exec", "state", "wait", "kill", "delete", "pause", "resume", "update", "mounts", "ps",
    "events", "list", "spec", "features", "plan", "validate", "bundle", "doctor",
)  # fmt: skip
_CHOICES = {
    "log-format": ("text", "json"),
    "rootless": ("true", "false", "auto"),
    "cgroup-manager": ("cgroupfs", "systemd", "disabled"),
}
_UNKNOWN_VERB = 3  # what runc ends with
# podman takes an exit code of 0, also of --help, for support.
_UNSUPPORTED = ("checkpoint", "restore")
OPTIONS = (
    Option("root", value="DIR", help="directory of the containers' state (default /run/ocipy, $XDG_RUNTIME_DIR/ocipy)"),
    Option("log", value="FILE", default="", help="file to append errors and warnings to"),
    Option("log-format", value="FORMAT", default="text", help="text or json (default text)"),
    Option("debug", help="print each operation with its time as it runs"),
    Option("rootless", value="BOOL", default="auto", help="whether to be rootless: true, false or auto (default auto)"),
    Option("systemd-cgroup", help="let systemd manage the cgroup: cgroupsPath is slice:prefix:name"),
    Option("cgroup-manager", value="NAME", default="cgroupfs", help="cgroupfs, systemd, or disabled: no cgroup at all"),
    Option("help", "h", help="show help"),
    Option("version", "v", help="print the version"),
)


class Settings:
    """The values of the global flags, and the log, which learns its own. root: the state directory.

    Raises UsageError.
    """

    def __init__(self, arguments: Arguments, log: Log) -> None:
        # First: the caller's log is told of a bad flag, too.
        log.path = os.path.abspath(arguments["log"]) if arguments["log"] else ""
        log.format = arguments["log-format"]
        log.debug_enabled = arguments["debug"]
        for flag, choices in _CHOICES.items():
            if arguments[flag] not in choices:
                *others, last = choices
                raise UsageError(f"invalid {flag}: {arguments[flag]}: {', '.join(others)} or {last}")
        self.log = log
        self.root: str = arguments["root"] or _default_root()
        self.root_given = arguments["root"] is not None
        self.rootless: str = arguments["rootless"]
        self.cgroup_manager: str = "systemd" if arguments["systemd-cgroup"] else arguments["cgroup-manager"]


def _default_root() -> str:
    if b"XDG_RUNTIME_DIR" not in os.environ:
        return "/run/ocipy"
    from ..runtime.store import default_root

    return default_root()


def main(words: list[str]) -> None:
    """Runs the command line `words` (without the program's name) and ends the process with its exit code."""
    open_closed()
    log = Log()
    try:
        code = _dispatch(words, log)
    except OcipyError as error:
        log.error(str(error))
        code = error.status
    except OSError as error:
        log.error(describe_os_error(error))
        code = 1
    except KeyboardInterrupt:
        code = 130
    except Exception as error:
        log.error(f"internal error: {type(error).__name__}: {error}")
        if log.debug_enabled:
            sys.excepthook(*sys.exc_info())
        code = 1
    # An interpreter that shuts down in order costs 2 ms.
    _flush()
    recording = sys.modules.get("ocipy.archive")
    if code == 0 and recording:
        recording.save()
    os._exit(code)


def open_closed() -> None:
    """Opens the standard streams that the caller closed: else the next file opened would get our output."""
    for descriptor in 0, 1, 2:
        try:
            os.fstat(descriptor)
        except OSError:
            os.set_inheritable(os.open("/dev/null", os.O_RDWR), True)


def _dispatch(words: list[str], log: Log) -> int:
    arguments = parse(words, OPTIONS, stop=True)
    if arguments["version"]:
        from .. import __version__

        return write(f"ocipy version {__version__}\nspec: 1.3.0\n")
    name, *rest = arguments["operands"] or [""]
    settings = Settings(arguments, log)
    if arguments["help"] or not name:
        return write(_help())
    if name in _UNSUPPORTED:
        raise OcipyError(f"{name} is not supported: ocipy cannot save the processes of a container")
    if name not in VERBS:
        raise UsageError(f"no such command: {name}", hint=f"one of {', '.join(VERBS)}", status=_UNKNOWN_VERB)
    module = __import__(f"ocipy.cli.{name}", fromlist=["VERB"])
    return _run_verb(module, name, settings, rest)


def _run_verb(module: Any, name: str, settings: Settings, words: list[str]) -> int:
    verb: Verb = module.VERB
    help_option = Option("help", "h", help="show help")
    arguments = parse(words, (*verb.options, help_option), stop=verb.stop)
    if arguments["help"]:
        return write(usage(f"ocipy {name}", verb))
    count = len(arguments["operands"])
    if count < verb.least or (verb.most is not None and count > verb.most):
        write(usage(f"ocipy {name}", verb))
        needed = str(verb.least)
        if verb.most != verb.least:
            needed += " or more" if verb.most is None else f" to {verb.most}"
        raise UsageError(f"{name} takes {needed} argument(s), {count} given")
    code: int = module.execute(settings, arguments)
    return code


def _help() -> str:
    lines = ["usage: ocipy [global options] COMMAND [options] [arguments]", "", "commands:"]
    for name in VERBS:
        verb = __import__(f"ocipy.cli.{name}", fromlist=["VERB"]).VERB
        lines.append(f"  {name:<10}{verb.help.partition(chr(10))[0]}")
    return "\n".join([*lines, "", "global options:", *option_lines(OPTIONS)]) + "\n"


def write(text: str) -> int:
    """Writes text to standard output and gives 0, the exit code of a success."""
    data = memoryview(text.encode("utf-8", "surrogateescape"))
    while data:
        data = data[os.write(1, data) :]
    return 0


def _flush() -> None:
    for stream in (sys.stdout, sys.stderr):
        try:
            if stream:
                stream.flush()
        except OSError:
            pass
