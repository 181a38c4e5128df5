"""wait: the end of a container, and how it came about."""

from __future__ import annotations

import select

from ..errors import OcipyError
from ..linux import os
from ..linux.exit_status import exit_status, zombie_status
from .state import CREATING, Container
from .store import read_exit

TYPE_CHECKING = False


def wait(container: Container) -> int | None:
    """Returns when the init process has ended, with its exit code, 128+N when signal N ended it.

    None when that cannot be told: nobody recorded it, and the kernel has forgotten. Raises OcipyError while the
    container is being created.
    """
    if container.status() == CREATING:
        raise OcipyError(f"cannot wait for container {container.id}: it is being created")
    pid, start = container.record["init_process_pid"], container.record["init_process_start"]
    # Opened before the end: `run` writes the code into this very file and then deletes it.
    record = container.store.open_exit(container.id)
    pidfd = container.open_init()
    try:
        if pidfd is None:
            status = zombie_status(pid, start)
        else:
            poll = select.poll()
            poll.register(pidfd, select.POLLIN)
            poll.poll()
            status = exit_status(pidfd, pid, start)
        return read_exit(record) if status is None else _code(status)
    finally:
        for descriptor in (record, pidfd):
            if descriptor is not None:
                os.close(descriptor)


def _code(status: int) -> int:
    code = os.waitstatus_to_exitcode(status)
    return code if code >= 0 else 128 - code
