"""The tables of the process block: config.md, from Process to User."""

from __future__ import annotations

from .fields import (
    absolute_path,
    array,
    boolean,
    choice,
    env_entry,
    integer,
    matching,
    members,
    not_empty_array,
    record,
    text,
)
from .model import Capabilities, ConsoleSize, ExecCPUAffinity, IOPriority, Process, Rlimit, Scheduler, User

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .fields import Problems

# -1, as an unsigned number, means "leave unchanged" to the system calls that take an id.
ID = integer(0, 2**32 - 2)
UINT64 = integer(0, 2**64 - 1)
_UINT = integer(0, 2**32 - 1)

RLIMITS = tuple("RLIMIT_" + name for name in (
    "AS", "CORE", "CPU", "DATA", "FSIZE", "LOCKS", "MEMLOCK", "MSGQUEUE", "NICE", "NOFILE", "NPROC", "RSS", "RTPRIO",
    "RTTIME", "SIGPENDING", "STACK",
))  # fmt: skip
POLICIES = tuple("SCHED_" + name for name in ("OTHER", "FIFO", "RR", "BATCH", "ISO", "IDLE", "DEADLINE"))
SCHED_FLAGS = tuple("SCHED_FLAG_" + name for name in (
    "RESET_ON_FORK", "RECLAIM", "DL_OVERRUN", "KEEP_POLICY", "KEEP_PARAMS", "UTIL_CLAMP_MIN", "UTIL_CLAMP_MAX",
))  # fmt: skip
IO_CLASSES = ("IOPRIO_CLASS_RT", "IOPRIO_CLASS_BE", "IOPRIO_CLASS_IDLE")


def is_cpu_list(value: str) -> bool:
    """Tells whether a string is a list of CPUs such as `0-3,7`: config.md, execCPUAffinity."""
    for part in value.split(","):
        first, dash, last = part.partition("-")
        if not _is_number(first) or (dash and not (_is_number(last) and int(first) <= int(last))):
            return False
    return True


def _is_number(value: str) -> bool:
    # isdigit alone would also take digits of other scripts. The kernel's CPU numbers have at most four digits.
    return value.isascii() and value.isdigit() and len(value) <= 9


# --- user, rlimits, capabilities

user = record(
    User,
    required={"uid": ID, "gid": ID},
    optional={
        "umask": integer(0, 0o777),
        "additionalGids": array(ID),
    },
)


def _check_soft(limit: dict[str, Any], path: str, problems: Problems) -> None:
    if limit["soft"] > limit["hard"]:
        problems.append((f"{path}.soft", f"{limit['soft']} is larger than the hard limit, {limit['hard']}"))


_rlimit = record(
    Rlimit,
    check=_check_soft,
    required={
        "type": choice(*RLIMITS),
        "soft": UINT64,
        "hard": UINT64,
    },
)

_names = array(text)
_capabilities = record(
    Capabilities,
    optional={
        "bounding": _names,
        "effective": _names,
        "inheritable": _names,
        "permitted": _names,
        "ambient": _names,
    },
)

# --- scheduling


def _check_policy(scheduler: dict[str, Any], path: str, problems: Problems) -> None:
    """sched(7): which policy has which parameters."""
    policy = scheduler["policy"]
    if scheduler.get("nice") and policy not in ("SCHED_OTHER", "SCHED_BATCH"):
        problems.append((f"{path}.nice", f"{policy} has no nice value; SCHED_OTHER and SCHED_BATCH have"))
    if policy in ("SCHED_FIFO", "SCHED_RR"):
        if not scheduler.get("priority"):
            problems.append((f"{path}.priority", f"{policy} needs a priority from 1 to 99"))
    elif scheduler.get("priority"):
        problems.append((f"{path}.priority", f"{policy} has no priority; SCHED_FIFO and SCHED_RR have"))
    if policy != "SCHED_DEADLINE":
        for name in ("runtime", "deadline", "period"):
            if scheduler.get(name):
                problems.append((f"{path}.{name}", f"{policy} has no {name}; SCHED_DEADLINE has"))


_scheduler = record(
    Scheduler,
    check=_check_policy,
    required={
        "policy": choice(*POLICIES),
    },
    optional={
        "nice": integer(-20, 19),
        "priority": integer(0, 99),
        "flags": array(choice(*SCHED_FLAGS)),
        "runtime": UINT64,
        "deadline": UINT64,
        "period": UINT64,
    },
)

_io_priority_members = members(required={"class": choice(*IO_CLASSES), "priority": integer(0, 7)})


def _io_priority(value: Any, path: str, problems: Problems) -> Any:
    found = _io_priority_members(value, path, problems)
    return found and IOPriority(class_=found["class"], priority=found["priority"])


_cpu_list = matching(lambda value: not value or is_cpu_list(value), "a list of CPUs such as 0-3,7")
_exec_cpu_affinity = record(ExecCPUAffinity, optional={"initial": _cpu_list, "final": _cpu_list})

# --- the block


def _check_console(block: dict[str, Any], path: str, problems: Problems) -> None:
    """Without a terminal the size must be ignored, whatever it is."""
    size = block.get("consoleSize")
    if size and block.get("terminal"):
        for name, cells in size.items():
            # struct winsize has 16 bits for each.
            if cells >= 2**16:
                stem = f"{path}." if path else ""
                problems.append((f"{stem}consoleSize.{name}", f"{cells} is not in the range from 0 to 65535"))


process = record(
    Process,
    check=_check_console,
    required={
        "args": not_empty_array(text),
        "cwd": absolute_path,
        "user": user,
    },
    optional={
        "terminal": boolean,
        "consoleSize": record(ConsoleSize, required={"height": _UINT, "width": _UINT}),
        "env": array(env_entry),
        "capabilities": _capabilities,
        "rlimits": array(_rlimit, unique="type"),
        "noNewPrivileges": boolean,
        "apparmorProfile": text,
        "selinuxLabel": text,
        "oomScoreAdj": integer(-1000, 1000),
        "scheduler": _scheduler,
        "ioPriority": _io_priority,
        "execCPUAffinity": _exec_cpu_affinity,
    },
)
