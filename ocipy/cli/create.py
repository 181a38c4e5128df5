"""ocipy create: make a container from a bundle; it runs its program on start."""

from __future__ import annotations

from .. import archive
from ..errors import OcipyError
from .options import Option, Verb, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..runtime.create import CreateOptions
    from ..runtime.stage import Stage
    from .main import Settings
    from .options import Arguments

OPTIONS = (
    Option("bundle", "b", value="DIR", default=".", help="directory of config.json (default the current one)"),
    Option("console-socket", value="SOCKET", default="", help="Unix socket that gets the terminal"),
    Option("pidfd-socket", value="SOCKET", default="", help="Unix socket that gets a pidfd of the init process"),
    Option("pid-file", value="FILE", default="", help="file for the pid of the init process"),
    Option("no-pivot", help="do not use pivot_root (for a root on a ramdisk)"),
    Option("no-new-keyring", help="keep the caller's session keyring"),
    Option("preserve-fds", value="N", default="0", help="pass N more descriptors after stderr"),
)
VERB = Verb("make a container from a bundle", operands="ID", least=1, most=1, options=OPTIONS)


def execute(settings: Settings, arguments: Arguments) -> int:
    stage = start_stage(settings, arguments, "create")
    from ..runtime.create import create
    from ..runtime.store import Store

    create(Store(settings.root), arguments.operands[0], create_options(arguments), stage, settings.log)
    return 0


def start_stage(settings: Settings, arguments: Arguments, verb: str) -> Stage:
    """Starts the interpreter that becomes init: it gets ready while this process still imports its modules.

    verb: names the archive of those modules.
    """
    if settings.cgroup_manager != "cgroupfs":
        raise OcipyError(
            f"cgroup manager {settings.cgroup_manager} is not supported yet", hint="use --cgroup-manager cgroupfs"
        )
    from ..runtime.stage import Stage

    stage = Stage(number(arguments["preserve-fds"], "preserve-fds"))
    archive.load(f"{verb}-work")
    return stage


def create_options(arguments: Arguments) -> CreateOptions:
    """Gives what `create` and `run` have in common."""
    from ..runtime.create import CreateOptions

    return CreateOptions(
        bundle=arguments["bundle"],
        console_socket=arguments["console-socket"],
        pidfd_socket=arguments["pidfd-socket"],
        pid_file=arguments["pid-file"],
        no_pivot=arguments["no-pivot"],
        no_new_keyring=arguments["no-new-keyring"],
    )
