"""An error that comes of what the host lacks names it, and the remedy, in the words of doctor."""

import json

import pytest
from support import requires

from ocipy.host.privileges import NEEDED, WANTED

pytestmark = [requires.ocipy_itself, requires.program("setpriv"), requires.program("unshare")]
LIMITED = ("unshare", "--user", "--map-root-user", "--mount", "sh", "-ec")
ALL = {**NEEDED, **WANTED}


def without(name):
    return ("setpriv", f"--bounding-set=-{name.removeprefix('CAP_').lower()}")


def schedule(bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_FIFO", "priority": 5}


@pytest.mark.parametrize(("name", "change"), [
    *((name, lambda _bundle: None) for name in NEEDED),
    ("CAP_SETUID", lambda bundle: bundle.process["user"].update(uid=1000)),
    ("CAP_SETGID", lambda bundle: bundle.process["user"].update(gid=1000)),
    ("CAP_SYS_RESOURCE", lambda bundle: bundle.process.update(oomScoreAdj=-999)),
    ("CAP_SYS_NICE", schedule),
])  # fmt: skip
def test_missing_capability_is_named_with_what_cannot_be_done_without_it(ocipy, bundle, name, change):
    bundle.capabilities()
    change(bundle)
    ocipy.run(bundle, "true", prefix=without(name)).refused(f"this process lacks {name}: {ALL[name]}")


def test_capability_that_is_there_is_not_blamed(ocipy, bundle):
    """The kernel refuses for many reasons."""
    bundle.linux["resources"] = {"unified": {"memory.max": "1"}}
    assert "lacks" not in ocipy.run(bundle, "true").refused().err


@pytest.mark.parametrize(("kind", "file"), [("network", "net"), ("pid", "pid"), ("ipc", "ipc"), ("uts", "uts")])
def test_limit_of_namespaces_is_named_with_the_setting_that_raises_it(ocipy, bundle, scratch, kind, file):
    # Cgroups of the host are not for root of a user namespace to write.
    inside = f'mount -t tmpfs none /sys/fs/cgroup; echo 0 > /proc/sys/user/max_{file}_namespaces; exec "$@"'
    bundle.unmount("/sys/fs/cgroup").capabilities()
    result = ocipy.run(bundle, "true", prefix=(*LIMITED, inside, "sh"))
    result.refused(f"{kind} namespace: raise the limit: sysctl -w user.max_{file}_namespaces=15000")


def test_missing_proc_is_named(ocipy, bundle):
    result = ocipy.run(bundle, "true", prefix=("unshare", "-m", "sh", "-ec", 'umount -l /proc; exec "$@"', "sh"))
    result.refused("(mount -t proc proc /proc)")


def test_missing_cgroups_are_named(ocipy, bundle):
    inside = 'umount -lR /sys/fs/cgroup; exec "$@"'
    bundle.resources["pids"] = {"limit": 5}
    result = ocipy.run(bundle, "true", prefix=("unshare", "-m", "sh", "-ec", inside, "sh"))
    assert result.refused("no pids controller").err.count("(mount -t cgroup2 none /sys/fs/cgroup)") == 2


@requires.cgroup_v1
@requires.controller("pids")
def test_remedy_of_a_missing_controller_is_the_one_of_doctor(ocipy, bundle):
    """Without v1 beside it, where one of the two may have it."""
    inside = 'umount -l /sys/fs/cgroup/unified /sys/fs/cgroup/pids; exec "$@"'
    prefix = ("unshare", "-m", "sh", "-ec", inside, "sh")
    told = ocipy("doctor", "--format", "json", prefix=prefix)
    rows = {row["name"]: row for row in json.loads(told.out)["findings"]}
    bundle.resources["pids"] = {"limit": 5}
    ocipy.run(bundle, "true", prefix=prefix).refused(rows["controller pids"]["remedy"])
