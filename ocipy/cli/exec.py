"""ocipy exec: run another process in a container."""

from __future__ import annotations

from ..errors import OcipyError, describe_os_error
from .create import require_sealed
from .options import Option, UsageError, Verb, number

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..runtime.exec import ExecOptions
    from .main import Settings
    from .options import Arguments

# runc's, by which a caller tells a failure of the runtime from one of the program.
_FAILED = 255

VERB = Verb(
    "run another process in a container; its exit code is that of the process",
    operands="ID [COMMAND [ARGUMENT...]]",
    least=1,
    most=None,
    stop=True,
    options=(
        Option("process", "p", value="FILE", default="", help="JSON file with a process block, instead of a command"),
        Option("detach", "d", help="do not wait for the process to end"),
        Option("tty", "t", help="give the process a terminal"),
        Option("user", "u", value="UID[:GID]", default="", help="numbers of user and group"),
        Option("additional-gids", "g", value="GID", repeated=True, help="number of a further group"),
        Option("cwd", value="DIR", default="", help="working directory in the container"),
        Option("env", "e", value="NAME=VALUE", repeated=True, help="variable to add or replace"),
        Option("cap", "c", value="CAP_NAME", repeated=True, help="capability to add"),
        Option("no-new-privs", default="", help="set noNewPrivileges"),
        Option("apparmor", value="PROFILE", default="", help="AppArmor profile"),
        Option("process-label", value="LABEL", default="", help="SELinux label"),
        Option("cgroup", value="[CONTROLLER:]PATH", repeated=True, help="cgroup below the container's"),
        Option("ignore-paused", help="also in a paused container; the process waits with it"),
        Option("console-socket", value="SOCKET", default="", help="Unix socket that gets the terminal"),
        Option("pidfd-socket", value="SOCKET", default="", help="Unix socket that gets a pidfd of the process"),
        Option("pid-file", value="FILE", default="", help="file for the pid of the process"),
        Option("preserve-fds", value="N", default="0", help="pass N more descriptors after stderr"),
    ),
)


def execute(settings: Settings, arguments: Arguments) -> int:
    try:
        require_sealed()
        from ..runtime.exec import execute
        from ..runtime.store import Store

        return execute(Store(settings.root), arguments["operands"][0], _options(settings, arguments), settings.log)
    except OcipyError as error:
        error.status = _FAILED
        raise
    except OSError as error:
        raise OcipyError(describe_os_error(error), status=_FAILED) from None


def _options(settings: Settings, arguments: Arguments) -> ExecOptions:
    from ..plan.exec import Changes
    from ..runtime.exec import ExecOptions

    uid, gid = _user(arguments["user"])
    changes = Changes(
        args=tuple(arguments["operands"][1:]),
        cwd=arguments["cwd"],
        env=tuple(arguments["env"]),
        terminal=arguments["tty"],
        uid=uid,
        gid=gid,
        additionalGids=tuple(number(text, "additional-gids") for text in arguments["additional-gids"]),
        capabilities=tuple(arguments["cap"]),
        noNewPrivileges=arguments["no-new-privs"] if arguments["no-new-privs"] != "" else None,
        apparmorProfile=arguments["apparmor"],
        selinuxLabel=arguments["process-label"],
    )
    return ExecOptions(
        process=arguments["process"],
        changes=changes,
        detach=arguments["detach"],
        console_socket=arguments["console-socket"],
        pidfd_socket=arguments["pidfd-socket"],
        pid_file=arguments["pid-file"],
        preserve_fds=number(arguments["preserve-fds"], "preserve-fds"),
        cgroups=tuple(arguments["cgroup"]),
        ignore_paused=arguments["ignore-paused"],
        rootless=settings.rootless,
    )


def _user(text: str) -> tuple[int | None, int | None]:
    """Gives the ids of UID[:GID]; without a group the container's stays. They are numbers, never names: what they
    would mean, the image would say (CVE-2016-3697).
    """
    if not text:
        return None, None
    uid, colon, gid = text.partition(":")
    try:
        return number(uid, "user"), number(gid, "user") if colon else None
    except UsageError:
        raise UsageError(f"--user {text!r}: UID[:GID] in decimal digits is needed") from None
