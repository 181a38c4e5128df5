"""A container in a container: the outer one has a writable view of its cgroup, in which the inner one's is made."""

from pathlib import Path

import pytest
from support import host, requires

pytestmark = [requires.ocipy_itself, requires.controller("memory"), requires.controller("pids")]

_CHECKOUT = Path(__file__).resolve().parents[2]
_CAPABILITIES = (
    "CAP_AUDIT_WRITE", "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FOWNER", "CAP_KILL", "CAP_MKNOD", "CAP_NET_ADMIN",
    "CAP_NET_BIND_SERVICE", "CAP_SETGID", "CAP_SETPCAP", "CAP_SETUID", "CAP_SYS_ADMIN", "CAP_SYS_CHROOT",
)  # fmt: skip
# A cgroup of v2 that hands controllers down has no processes itself (cgroups(7)): engines in containers do the same.
_MAKE_ROOM = "cd /sys/fs/cgroup && mkdir init && echo $$ > init/cgroup.procs && cd /; " if host.CGROUP_V2 else ""


@pytest.fixture
def inner(make_bundle):
    made = make_bundle()
    made.resources.update(memory={"limit": 16 << 20}, pids={"limit": 5})
    return made


@pytest.fixture
def outer(bundle, inner):
    """Gives how to make the outer bundle: it runs the inner one, and `then` a script."""
    bundle.host_python()
    bundle.mount("/checkout", "bind", _CHECKOUT, "rbind", "ro").mount("/inner", "bind", inner.path, "bind")
    bundle.mount("/run", "tmpfs", "tmpfs", "mode=755").unmount("/sys/fs/cgroup")
    bundle.mount("/sys/fs/cgroup", "cgroup", "cgroup", "rw").capabilities(*_CAPABILITIES)

    def make(*args, then=""):
        inner.args(*args).write()
        return bundle.shell(f"{_MAKE_ROOM}/checkout/ocipy/bin/ocipy run --bundle /inner one; {then}").write()

    return make


def test_container_in_a_container_has_its_cgroup_below_it(ocipy, outer):
    box = ocipy.start(outer("sh", "-c", "echo $$; exec sleep 100"))
    host.wait_for(lambda: box.output() == "1\n", "the inner program")
    own = host.CGROUP_ROOT if host.CGROUP_V2 else host.CGROUP_ROOT / "memory"
    (below,) = own.rglob(f"*{box.id}*/one")
    (pid,) = map(int, (below / "cgroup.procs").read_text().split())
    assert Path(f"/proc/{pid}/cmdline").read_bytes() == b"sleep\x00100\x00"
    assert host.status(pid)["NSpid"].split()[-1] == "1"
    limits = ("memory", "memory.max" if host.CGROUP_V2 else "memory.limit_in_bytes"), ("pids", "pids.max")
    assert [int(host.read_cgroup(pid, controller, file)) for controller, file in limits] == [16 << 20, 5]


def test_container_in_a_container_leaves_nothing_in_its_cgroup(ocipy, outer):
    assert ocipy.run(outer("true", then="find /sys/fs/cgroup /run -name one")).ok().out == ""


def test_container_in_a_container_sees_no_cgroup_above_its_own(ocipy, outer):
    result = ocipy.run(outer("cat", "/proc/self/cgroup")).ok()
    assert {line.rpartition(":")[2] for line in result.out.splitlines()} == {"/"}
