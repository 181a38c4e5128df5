"""linux.cgroupsPath and linux.resources, read back from the files of the container's cgroup."""

import os

import pytest
from support import host, requires


def test_container_has_a_cgroup_of_its_own_in_every_hierarchy(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    for line in host.Path(f"/proc/{box.pid}/cgroup").read_text().splitlines():
        assert box.id in line.rpartition("/")[2], line  # systemd's is called ocipy-ID.scope


def test_absolute_path_is_below_the_mount(ocipy, bundle):
    box_id = ocipy.new_id()
    bundle.linux["cgroupsPath"] = f"/{box_id}-outer/{box_id}-inner"
    box = ocipy.create(bundle, "true", id=box_id)
    base = host.CGROUP_ROOT / ("" if host.CGROUP_V2 else "pids")
    assert host.cgroup(box.pid, "pids") == base / f"{box_id}-outer" / f"{box_id}-inner"
    box.delete(force=True).ok()
    for directory in reversed(host.cgsnap(f"{box_id}-outer")):
        # Parents stay: they may be another's, too.
        assert directory.name == f"{box_id}-outer"
        directory.rmdir()


def test_relative_path_is_below_the_callers_own_cgroup(ocipy, bundle):
    box_id = ocipy.new_id()
    bundle.linux["cgroupsPath"] = f"{box_id}-relative"
    box = ocipy.create(bundle, "true", id=box_id)
    own = host.cgroup("self", "pids")
    # On v2 beside it: a cgroup that holds processes cannot hand controllers down; but for the root, which may.
    base = own.parent if host.CGROUP_V2 and own != host.CGROUP_ROOT else own
    assert host.cgroup(box.pid, "pids") == base / f"{box_id}-relative"


@pytest.mark.parametrize("start", ["/", ""])
def test_the_same_path_is_the_same_cgroup_each_time(ocipy, bundle, start):
    bundle.linux["cgroupsPath"] = f"{start}{ocipy.new_id()}-again"
    places = []
    for _ in range(2):
        box = ocipy.create(bundle, "true")
        places.append(host.Path(f"/proc/{box.pid}/cgroup").read_text())
        box.delete(force=True).ok()
    assert places[0] == places[1]


@requires.ocipy_itself
@pytest.mark.parametrize("path", ["/../../x", "../x", "/", "/a/../../b"])
def test_path_that_leaves_the_hierarchy_is_refused(ocipy, bundle, path):
    bundle.linux["cgroupsPath"] = path
    ocipy.created(bundle, "true").refused("linux.cgroupsPath")


def test_cgroup_that_another_container_uses_is_refused(ocipy, bundle, make_bundle):
    first = ocipy.start(bundle, "sleep", "100")
    other = make_bundle()
    other.linux["cgroupsPath"] = "/" + host.Path(f"/proc/{first.pid}/cgroup").read_text().splitlines()[0].split(":/")[1]
    id = ocipy.new_id()
    ocipy.created(other, "true", id=id).refused("cgroup is not empty")
    assert first.status() == "running"
    assert host.processes_of(first.id) == [first.pid]


@requires.controller("freezer")
def test_frozen_cgroup_is_refused(ocipy, bundle):
    id = ocipy.new_id()
    bundle.linux["cgroupsPath"] = f"/{id}"
    directory = host.CGROUP_ROOT / ("" if host.CGROUP_V2 else "freezer") / id
    directory.mkdir()
    file, frozen, thawed = ("cgroup.freeze", "1", "0") if host.CGROUP_V2 else ("freezer.state", "FROZEN", "THAWED")
    (directory / file).write_text(frozen)
    try:
        ocipy.created(bundle, "true", id=id).refused("frozen")
    finally:
        (directory / file).write_text(thawed)
        directory.rmdir()


@requires.cgroup_v2
@requires.ocipy_itself
def test_user_owns_its_writable_cgroup_v2(ocipy, bundle):
    bundle.unmount("/sys/fs/cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", "rw", "nosuid")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    box = ocipy.create(bundle, "sh", "-c", "mkdir /sys/fs/cgroup/below && echo made; echo 1 > /sys/fs/cgroup/pids.max")
    own = host.cgroup(box.pid, "pids")
    delegated = host.Path("/sys/kernel/cgroup/delegate").read_text().split()
    owned = {path.name for path in own.iterdir() if path.stat().st_uid == 1000}
    assert own.stat().st_uid == 1000
    assert owned == {name for name in delegated if (own / name).exists()}
    box.start().wait()
    assert box.output() == "made\n"


@requires.cgroup_v2
def test_read_only_cgroup_v2_stays_roots(ocipy, bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    own = host.cgroup(ocipy.create(bundle, "true").pid, "pids")
    assert {path.stat().st_uid for path in (own, *own.iterdir())} == {0}


@requires.controller("memory")
def test_memory_limits(ocipy, bundle):
    bundle.resources["memory"] = {"limit": 64 << 20, "reservation": 32 << 20}
    box = ocipy.create(bundle, "true")
    names = ("memory.max", "memory.low") if host.CGROUP_V2 else ("memory.limit_in_bytes", "memory.soft_limit_in_bytes")
    assert [int(host.read_cgroup(box.pid, "memory", name)) for name in names] == [64 << 20, 32 << 20]


@requires.controller("memory")
@requires.cgroup_v1
@pytest.mark.parametrize(
    ("values", "file", "shown"),
    [({"limit": 64 << 20, "swap": 96 << 20}, "memory.memsw.limit_in_bytes", str(96 << 20)),
     ({"kernelTCP": 8 << 20}, "memory.kmem.tcp.limit_in_bytes", str(8 << 20)),
     ({"swappiness": 0}, "memory.swappiness", "0"),
     ({"swappiness": 77}, "memory.swappiness", "77"),
     ({"useHierarchy": True}, "memory.use_hierarchy", "1")],
)  # fmt: skip
def test_memory_v1(ocipy, bundle, values, file, shown):
    bundle.resources["memory"] = values
    box = ocipy.create(bundle, "true")
    if not (host.cgroup(box.pid, "memory") / file).exists():
        pytest.skip(f"this kernel has no {file}")
    assert host.read_cgroup(box.pid, "memory", file) == shown


@requires.controller("memory")
@requires.cgroup_v1
def test_oom_killer_can_be_disabled_v1(ocipy, bundle):
    bundle.resources["memory"] = {"disableOOMKiller": True}
    box = ocipy.create(bundle, "true")
    assert "oom_kill_disable 1" in host.read_cgroup(box.pid, "memory", "memory.oom_control")


@requires.controller("memory")
@requires.cgroup_v1
@requires.ocipy_itself
def test_kernel_memory_is_a_warning(ocipy, bundle):
    bundle.resources["memory"] = {"kernel": 64 << 20}
    assert "linux.resources.memory.kernel" in ocipy.create(bundle, "true").result.err


@requires.controller("cpu")
@requires.cgroup_v1
@pytest.mark.parametrize(
    ("values", "file", "shown"),
    [({"shares": 512}, "cpu.shares", "512"), ({"quota": 30000, "period": 100000}, "cpu.cfs_quota_us", "30000"),
     ({"period": 50000}, "cpu.cfs_period_us", "50000"), ({"quota": -1}, "cpu.cfs_quota_us", "-1"),
     ({"quota": 50000, "period": 100000, "burst": 20000}, "cpu.cfs_burst_us", "20000"),
     ({"idle": 1}, "cpu.idle", "1")],
)  # fmt: skip
def test_cpu_v1(ocipy, bundle, values, file, shown):
    bundle.resources["cpu"] = values
    assert host.read_cgroup(ocipy.create(bundle, "true").pid, "cpu", file) == shown


@requires.controller("cpu")
@requires.cgroup_v2
@pytest.mark.parametrize(
    ("values", "file", "shown"),
    [({"quota": 30000, "period": 100000}, "cpu.max", "30000 100000"), ({"quota": -1}, "cpu.max", "max 100000"),
     ({"quota": 50000, "period": 100000, "burst": 20000}, "cpu.max.burst", "20000"), ({"idle": 1}, "cpu.idle", "1")],
)  # fmt: skip
def test_cpu_v2(ocipy, bundle, values, file, shown):
    bundle.resources["cpu"] = values
    assert host.read_cgroup(ocipy.create(bundle, "true").pid, "cpu", file) == shown


@requires.controller("cpuset")
def test_cpuset(ocipy, bundle):
    bundle.resources["cpu"] = {"cpus": "0", "mems": "0"}
    box = ocipy.start(bundle, "sleep", "100")
    assert host.read_cgroup(box.pid, "cpuset", "cpuset.cpus") == "0"
    assert host.read_cgroup(box.pid, "cpuset", "cpuset.mems") == "0"
    assert os.sched_getaffinity(box.pid) == {0}


@requires.controller("cpuset")
@requires.cgroup_v1
def test_cpuset_below_a_new_parent_v1(ocipy, bundle):
    """A new cpuset has neither cpus nor nodes; the parents get those of their parents."""
    id = ocipy.new_id()
    bundle.linux["cgroupsPath"] = f"/{id}-a/{id}-b/{id}"
    box = ocipy.create(bundle, "true", id=id)
    assert host.read_cgroup(box.pid, "cpuset", "cpuset.mems")
    box.delete(force=True).ok()
    for directory in reversed(host.cgsnap(f"{id}-a")):
        directory.rmdir()


@requires.controller("pids")
@pytest.mark.parametrize(("limit", "shown"), [(20, "20"), (-1, "max"), (1, "1")])
def test_pids_limit(ocipy, bundle, limit, shown):
    bundle.resources["pids"] = {"limit": limit}
    assert host.read_cgroup(ocipy.create(bundle, "true").pid, "pids", "pids.max") == shown


@requires.controller("pids")
@requires.ocipy_itself
def test_pids_limit_of_zero_leaves_the_program_alone(ocipy, bundle):
    """0 is a limit: the program itself, which is there already, and nothing beside it."""
    bundle.resources["pids"] = {"limit": 0}
    result = ocipy.run(bundle, "sh", "-c", "echo one; ls &")
    assert (result.out, "can't fork" in result.err) == ("one\n", True), result


@requires.controller("pids")
@requires.ocipy_itself
@requires.cgroupfs
def test_pids_without_a_limit_sets_none(ocipy, bundle):
    bundle.resources["pids"] = {}
    assert host.read_cgroup(ocipy.create(bundle, "true").pid, "pids", "pids.max") == "max"


@requires.cgroup_v2
@requires.controller("memory")
def test_unified_values_v2(ocipy, bundle):
    bundle.resources["unified"] = {"memory.high": "67108864", "memory.oom.group": "1", "cgroup.max.depth": "3"}
    box = ocipy.create(bundle, "true")
    found = {name: host.read_cgroup(box.pid, "memory", name) for name in bundle.resources["unified"]}
    assert found == bundle.resources["unified"]


@requires.cgroup_v2
@requires.ocipy_itself
def test_unified_value_of_a_missing_controller_is_refused_v2(ocipy, bundle):
    bundle.resources["unified"] = {"nosuch.max": "1"}
    ocipy.created(bundle, "true").refused("linux.resources.unified", "nosuch")


@requires.controller("blkio")
@requires.cgroup_v1
def test_block_device_throttles_v1(ocipy, bundle):
    major, minor = os.major(os.stat("/").st_dev), os.minor(os.stat("/").st_dev)
    entry = {"major": major, "minor": minor, "rate": 1 << 20}
    bundle.resources["blockIO"] = {
        "throttleReadBpsDevice": [entry], "throttleWriteBpsDevice": [entry],
        "throttleReadIOPSDevice": [{**entry, "rate": 100}], "throttleWriteIOPSDevice": [{**entry, "rate": 200}],
    }  # fmt: skip
    box = ocipy.create(bundle, "true")
    for name, rate in (
        ("read_bps", 1 << 20), ("write_bps", 1 << 20), ("read_iops", 100), ("write_iops", 200),
    ):  # fmt: skip
        assert host.read_cgroup(box.pid, "blkio", f"blkio.throttle.{name}_device") == f"{major}:{minor} {rate}"


@requires.controller("hugetlb")
@requires.cgroup_v1
def test_hugepage_limit_v1(ocipy, bundle):
    bundle.resources["hugepageLimits"] = [{"pageSize": "2MB", "limit": 4 << 20}]
    assert host.read_cgroup(ocipy.create(bundle, "true").pid, "hugetlb", "hugetlb.2MB.limit_in_bytes") == str(4 << 20)


@requires.controller("net_cls")
@requires.cgroup_v1
def test_network_class_v1(ocipy, bundle):
    bundle.resources["network"] = {"classID": 0x100001}
    assert host.read_cgroup(ocipy.create(bundle, "true").pid, "net_cls", "net_cls.classid") == str(0x100001)


@requires.controller("net_prio")
@requires.cgroup_v1
def test_network_priorities_v1(ocipy, bundle):
    bundle.resources["network"] = {"priorities": [{"name": "lo", "priority": 5}]}
    found = host.read_cgroup(ocipy.create(bundle, "true").pid, "net_prio", "net_prio.ifpriomap")
    assert "lo 5" in found.splitlines()


@requires.cgroup_v1
@requires.ocipy_itself
@pytest.mark.parametrize(
    ("resources", "path"),
    [({"unified": {"memory.max": "1"}}, "linux.resources.unified"),
     ({"rdma": {"mlx5": {"hcaHandles": 1}}}, "linux.resources.rdma")],
)  # fmt: skip
def test_what_v1_does_not_have_is_refused_by_name(ocipy, bundle, resources, path):
    if (host.CGROUP_ROOT / "rdma").exists() and "rdma" in resources:
        pytest.skip("this host has the controller rdma")
    bundle.resources.update(resources)
    ocipy.created(bundle, "true").refused(path)


@requires.cgroup_v2
@requires.ocipy_itself
@pytest.mark.parametrize(
    ("resources", "path"),
    [({"memory": {"swappiness": 1}}, "memory.swappiness"), ({"network": {"classID": 1}}, "network.classID")],
)
def test_what_v2_does_not_have_is_refused_by_name(ocipy, bundle, resources, path):
    bundle.resources.update(resources)
    ocipy.created(bundle, "true").refused(f"linux.resources.{path}")


@pytest.mark.parametrize(
    ("resources", "path"),
    [({"memory": {"limit": "64M"}}, "memory.limit"), ({"cpu": {"shares": -1}}, "cpu.shares"),
     ({"cpu": {"period": 2**64}}, "cpu.period"), ({"pids": {"limit": 1.5}}, "pids.limit"),
     ({"memory": {"swappiness": 101}}, "memory.swappiness")],
)  # fmt: skip
@requires.ocipy_itself
def test_value_that_is_none_is_refused_before_anything_is_done(ocipy, bundle, resources, path):
    bundle.resources.update(resources)
    ocipy.created(bundle, "true").refused(f"linux.resources.{path}")
    assert host.statesnap(ocipy.root) == []


@pytest.fixture
def misc():
    """The numbers of a device that root may open and that is in no list of defaults."""
    for line in host.Path("/proc/misc").read_text().splitlines():
        minor, name = line.split()
        if name == "cpu_dma_latency":
            return 10, int(minor)
    pytest.skip("needs the device cpu_dma_latency")


def opening(device):
    """A script that makes the device and opens it for reading, then for writing."""
    node = f"mknod /tmp/node c {device[0]} {device[1]}"
    return f"{node}; (: < /tmp/node) && echo read; (: >> /tmp/node) && echo write; echo > /dev/null && echo null"


def test_devices_are_closed_but_for_the_default_ones(ocipy, bundle, misc):
    bundle.capabilities("CAP_MKNOD")
    result = ocipy.run(bundle, "sh", "-c", opening(misc))
    assert result.out.split() == ["null"]
    assert result.err.count("Operation not permitted") == 2


@pytest.mark.parametrize(("access", "opened"), [("r", ["read"]), ("rw", ["read", "write"]), ("m", [])])
def test_allowed_device_can_be_opened_as_the_rule_says(ocipy, bundle, misc, access, opened):
    bundle.capabilities("CAP_MKNOD")
    rule = {"allow": True, "type": "c", "major": misc[0], "minor": misc[1], "access": access}
    bundle.resources["devices"] = [{"allow": False, "access": "rwm"}, rule]
    assert ocipy.run(bundle, "sh", "-c", opening(misc)).out.split() == [*opened, "null"]


def test_order_of_device_rules_counts(ocipy, bundle, misc):
    bundle.capabilities("CAP_MKNOD")
    one = {"type": "c", "major": misc[0], "minor": misc[1], "access": "rwm"}
    closed = {"allow": False, "access": "rwm"}
    bundle.resources["devices"] = [closed, {"allow": True, **one}, {"allow": False, **one}]
    assert ocipy.run(bundle, "sh", "-c", opening(misc)).out.split() == ["null"]
    bundle.resources["devices"] = [closed, {"allow": False, **one}, {"allow": True, **one}]
    assert ocipy.run(bundle, "sh", "-c", opening(misc)).out.split() == ["read", "write", "null"]


def test_container_is_not_charged_for_the_runtime(ocipy, bundle):
    """A limit of 512 KiB leaves room for a small program."""
    if host.CGROUP_V2 or (host.CGROUP_ROOT / "memory").is_dir():
        bundle.resources["memory"] = {"limit": 512 << 10}
        ocipy.run(bundle, "true").ok()


@requires.controller("memory")
def test_limit_that_init_dies_of_is_told(ocipy, bundle):
    bundle.resources["memory"] = {"limit": 4 << 10}
    refused = ocipy.created(bundle, "true").refused("linux.resources.memory.limit may be too small").err
    assert "internal" not in refused


@requires.cgroup_v1
@requires.controller("memory")
def test_fork_of_init_is_in_the_cgroup_too(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "sleep 100 & sleep 100 & wait")
    host.wait_for(lambda: len(host.processes_of(box.id)) == 3, "three processes")
    for pid in host.processes_of(box.id):
        assert host.cgroup(pid, "memory") == host.cgroup(box.pid, "memory")
