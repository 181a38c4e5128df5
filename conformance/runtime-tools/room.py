"""Where a test of the suite runs: one at a time, in a private mount namespace, with a time limit, cleaned up after."""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import tempfile
import time

from harness import MNT_DETACH, PR_SET_CHILD_SUBREAPER, UNIFIED, end_descendants, libc, remove_cgroups, unmount_below
from judge import FAILED, judge

TIME_LIMIT = 120.0  # seconds for one test; the longest takes 15, and eight times that in an emulated machine
CLONE_NEWNS = 0x00020000
MS_REC = 0x4000
MS_PRIVATE = 1 << 18

# What the suite calls: it knows no options before the verb, and the ids that it makes up name the cgroups to remove.
WRAPPER = """\
#!/bin/sh
echo "$*" >>{directory}/calls
exec {runtime} {options} --root {directory}/state "$@"
"""


class Room:
    """The place for the tests of one runtime. `options` are those of its every call."""

    def __init__(self, runtime: str, programs: str, options: str = "") -> None:
        self.runtime = runtime
        self.options = options
        self.programs = programs
        # The tests use cgroups of the same names each time. This directory is the same one in all mount namespaces.
        self.lock = os.open("/sys/fs/cgroup", os.O_RDONLY | os.O_CLOEXEC)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        enter_mount_namespace(hide_unified=os.path.basename(runtime) == "crun")
        libc.prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)  # All that a test leaves behind becomes our child.
        signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGCHLD})
        os.umask(0o022)
        os.chdir(programs)  # Where the tests look for what they put into a bundle.

    def run(self, test: str) -> tuple[str, float, str]:
        """Run a test. Gives the verdict, the seconds it took, and the first thing that went wrong."""
        directory = tempfile.mkdtemp(prefix=f"ocipy-runtime-tools-{os.getpid()}-")
        try:
            os.chmod(directory, 0o755)  # The bundles are looked at from user namespaces.
            for name in "state", "tmp":
                os.mkdir(f"{directory}/{name}")
            with open(f"{directory}/runtime", "w") as wrapper:
                wrapper.write(WRAPPER.format(directory=directory, runtime=self.runtime, options=self.options))
                os.fchmod(wrapper.fileno(), 0o755)
            open(f"{directory}/calls", "w").close()
            begin = time.monotonic()
            status = self.wait(self.spawn(test, directory), begin + TIME_LIMIT)
            seconds = time.monotonic() - begin
            if status is None:
                return FAILED, seconds, f"not over after {TIME_LIMIT:.0f} s"
            with open(f"{directory}/output", errors="replace") as output, open(f"{directory}/errors") as errors:
                verdict, first = judge(test, status, output.read(), errors.read())
            return verdict, seconds, first
        finally:
            clean(directory)

    def spawn(self, test: str, directory: str) -> int:
        """Start the program of a test. Gives its process id."""
        program = f"{self.programs}/validation/{test}"
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root",
            "RUNTIME": f"{directory}/runtime", "TMPDIR": f"{directory}/tmp",
        }  # fmt: skip
        create = os.O_WRONLY | os.O_CREAT
        files = [
            (os.POSIX_SPAWN_OPEN, 0, "/dev/null", os.O_RDONLY, 0),
            (os.POSIX_SPAWN_OPEN, 1, f"{directory}/output", create, 0o600),
            (os.POSIX_SPAWN_OPEN, 2, f"{directory}/errors", create, 0o600),
        ]
        return os.posix_spawn(program, [program], environment, file_actions=files, setsid=True, setsigmask=[])

    @staticmethod
    def wait(pid: int, limit: float) -> int | None:
        """Wait for a process, but not longer than `limit`. Gives its exit status, None when it was still there.

        The first processes of containers are reaped as soon as they end, as a caller of the runtime would do it.
        """
        while (left := limit - time.monotonic()) > 0:
            ended, status = os.waitpid(-1, os.WNOHANG)
            if ended == pid:
                return os.waitstatus_to_exitcode(status)
            if not ended:
                signal.sigtimedwait({signal.SIGCHLD}, left)
        return None


def enter_mount_namespace(hide_unified: bool) -> None:
    """Leave the machine's mount namespace: one test asks for a container that has none of its own.

    crun refuses a machine with both versions of cgroups, so it gets to see one of them. Raises OSError.
    """
    if libc.unshare(CLONE_NEWNS) or libc.mount(None, b"/", None, MS_REC | MS_PRIVATE, None):
        raise OSError("cannot make a mount namespace")
    if hide_unified:
        libc.umount2(UNIFIED.encode(), MNT_DETACH)


def clean(directory: str) -> None:
    """Remove all that a test left behind."""
    end_descendants()
    unmount_below(directory)
    for name in "cgrouptest", "testdir", *container_ids(directory):
        remove_cgroups(name)
    shutil.rmtree(directory)


def container_ids(directory: str) -> set[str]:
    """The ids that a test gave to containers: the last words of the calls of `create`."""
    with open(f"{directory}/calls") as calls:
        words = [line.split() for line in calls]
    return {call[-1] for call in words if call[0] == "create" and not call[-1].startswith("/")}
