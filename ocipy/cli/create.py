"""ocipy create: make a container from a bundle; it runs its program on start."""

from __future__ import annotations

from ..linux.interpreter import ensure_sealed
from .options import Option, Verb, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..runtime.create import CreateOptions
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
    require_sealed()
    from ..runtime.create import create
    from ..runtime.store import Store

    create(Store(settings.root), arguments["operands"][0], create_options(settings, arguments), settings.log)
    return 0


def require_sealed() -> None:
    """Returns in a process that may make a container, which may be this command line executed anew."""
    try:
        ensure_sealed()
    except OSError as error:
        from ..runtime.remedies import not_sealed

        raise not_sealed(error) from None


def create_options(settings: Settings, arguments: Arguments) -> CreateOptions:
    """Gives what `create` and `run` have in common."""
    from ..runtime.create import CreateOptions

    return CreateOptions(
        bundle=arguments["bundle"],
        console_socket=arguments["console-socket"],
        pidfd_socket=arguments["pidfd-socket"],
        pid_file=arguments["pid-file"],
        no_pivot=arguments["no-pivot"],
        no_new_keyring=arguments["no-new-keyring"],
        preserve_fds=number(arguments["preserve-fds"], "preserve-fds"),
        cgroup_manager=settings.cgroup_manager,
        rootless=settings.rootless,
    )
