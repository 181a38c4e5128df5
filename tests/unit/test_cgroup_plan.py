"""config.json fragments -> cgroup operations, for hosts with v1, hybrid, v2 and no cgroups."""

import pytest

from ocipy.errors import ConfigError
from ocipy.plan.cgroup import cgroup_directories, compile_cgroup, compile_resources
from ocipy.plan.cgroup_v2 import cpu_weight, io_weight
from ocipy.plan.controllers import remedy
from ocipy.plan.facts import CgroupFacts
from ocipy.spec.model import (
    CPU,
    BlockIO,
    DeviceRule,
    Hooks,
    HugepageLimit,
    Linux,
    Memory,
    Mount,
    Namespace,
    Network,
    NetworkPriority,
    Process,
    Resources,
    Spec,
    ThrottleDevice,
    User,
    WeightDevice,
)

ROOT = "/sys/fs/cgroup"
NAMES = ("name=systemd", "memory", "cpu,cpuacct", "cpuset", "pids", "blkio", "devices", "freezer", "hugetlb",
         "net_cls,net_prio", "rdma")  # fmt: skip
MOUNTS = tuple((name, f"{ROOT}/{name.removeprefix('name=')}") for name in NAMES)
V1 = CgroupFacts(version=1, hierarchies=MOUNTS, own=tuple((name, "/") for name in NAMES))
HYBRID = CgroupFacts(version=1, unified=f"{ROOT}/unified", hierarchies=MOUNTS, own=V1.own)
BARE = CgroupFacts(version=1, hierarchies=(("name=systemd", f"{ROOT}/systemd"),))
CONTROLLERS = ("cpuset", "cpu", "io", "memory", "hugetlb", "pids", "rdma")
V2 = CgroupFacts(version=2, unified=ROOT, own=(("", "/user.slice/session.scope"),), available=CONTROLLERS)
NONE = CgroupFacts()


def spec(path="/box", resources=None):
    return Spec(ociVersion="1.3.0", hooks=Hooks(), linux=Linux(cgroupsPath=path, resources=resources))


def compiled(resources, facts):
    return compile_cgroup(spec(resources=resources), facts, "id")


def writes(resources, facts):
    """Gives property, place below /sys/fs/cgroup and value of each limit, without the devices."""
    result = []
    for operation in compiled(resources, facts)[0]:
        kind, property, *fields = operation.wire()
        property = property.removeprefix("linux.resources.")
        if kind == "WriteCgroupFile":
            directory, file, value, _ = fields
            result.append((property, f"{directory.removeprefix(ROOT + '/')}/{file}", value))
        elif kind not in ("CreateCgroup", "EnableControllers", "WriteDeviceRules", "AttachDeviceProgram"):
            result.append((property, kind, *fields[1:]))
    return result


def problems(resources, facts):
    with pytest.raises(ConfigError) as caught:
        compiled(resources, facts)
    return caught.value.problems


def directories(path, facts, id="id"):
    return dict(cgroup_directories(path, facts, id))


# --- where


def test_absolute_path_is_below_every_mount_of_v1():
    assert directories("/a/b", V1) == {name: f"{mount}/a/b" for name, mount in MOUNTS}


def test_hybrid_host_gets_a_cgroup_in_the_unified_hierarchy_too():
    assert directories("/a", HYBRID)[""] == f"{ROOT}/unified/a"


def test_relative_path_is_below_the_callers_own_cgroup_on_v1():
    facts = CgroupFacts(version=1, hierarchies=(("cpu", f"{ROOT}/cpu"),), own=(("cpu", "/docker/x"),))
    assert directories("a/b", facts) == {"cpu": f"{ROOT}/cpu/docker/x/a/b"}


def test_absent_path_is_the_id_below_the_callers_own_cgroup_on_v1():
    facts = CgroupFacts(version=1, hierarchies=(("cpu", f"{ROOT}/cpu"),), own=(("cpu", "/docker/x"),))
    assert directories("", facts, "box") == {"cpu": f"{ROOT}/cpu/docker/x/box"}


def test_absent_path_is_beside_the_callers_own_cgroup_on_v2():
    assert directories("", V2, "box") == {"": f"{ROOT}/user.slice/box"}


def test_absolute_path_on_v2_is_below_the_mount():
    assert directories("/a", V2) == {"": f"{ROOT}/a"}


@pytest.mark.parametrize("path", ["/../../x", "../../x", "a/../../x", "/a/../../../x", "./../x"])
@pytest.mark.parametrize("facts", [V1, HYBRID, V2])
def test_dot_dot_never_leaves_the_hierarchy(path, facts):
    for directory in directories(path, facts).values():
        assert directory.startswith(f"{ROOT}/")
        assert ".." not in directory.split("/")
        assert directory.endswith("/x")


@pytest.mark.parametrize("path", ["/", ".", "..", "/..", "a/..", "//./"])
def test_path_that_names_no_cgroup_of_its_own_is_refused(path):
    with pytest.raises(ConfigError, match=r"linux\.cgroupsPath"):
        directories(path, V1)


@pytest.mark.parametrize("path", ["/a\nb", "/a\0b"])
def test_path_with_control_characters_is_refused(path):
    with pytest.raises(ConfigError, match=r"linux\.cgroupsPath"):
        directories(path, V1)


def test_memory_is_joined_after_the_other_controllers_of_v1():
    assert list(directories("/a", V1))[-1] == "memory"


def test_controllers_are_enabled_down_to_the_cgroup_before_any_limit_of_v2():
    operations, _ = compiled(Resources(pids=5), V2)
    assert [operation.KIND.__name__ for operation in operations] == [
        "CreateCgroup", "EnableControllers", "AttachDeviceProgram", "WriteCgroupFile",
    ]  # fmt: skip
    assert operations[1].wire()[2:] == (ROOT, f"{ROOT}/box", CONTROLLERS)


def test_every_operation_runs_on_the_host_and_describes_itself_in_a_line():
    for facts in (V1, HYBRID, V2):
        resources = Resources(memory=Memory(limit=1, checkBeforeUpdate=True), blockIO=BlockIO(weight=10), pids=1)
        for operation in compiled(resources, facts)[0]:
            assert operation.side == "host"
            assert operation.describe()
            assert "\n" not in operation.describe()


# --- limits

TABLE = [
    # resources, on v1, on v2 (None: refused there)
    (
        Resources(cpu=CPU(shares=1024, quota=50000, period=100000, burst=1000, cpus="0-1", mems="0")),
        [
            ("cpu.shares", "cpu,cpuacct/box/cpu.shares", "1024"),
            ("cpu.period", "cpu,cpuacct/box/cpu.cfs_period_us", "100000"),
            ("cpu.quota", "cpu,cpuacct/box/cpu.cfs_quota_us", "50000"),
            ("cpu.burst", "cpu,cpuacct/box/cpu.cfs_burst_us", "1000"),
            ("cpu.cpus", "cpuset/box/cpuset.cpus", "0-1"),
            ("cpu.mems", "cpuset/box/cpuset.mems", "0"),
        ],
        [
            ("cpu.shares", "box/cpu.weight", "100"),
            ("cpu.quota", "box/cpu.max", "50000 100000"),
            ("cpu.burst", "box/cpu.max.burst", "1000"),
            ("cpu.cpus", "box/cpuset.cpus", "0-1"),
            ("cpu.mems", "box/cpuset.mems", "0"),
        ],
    ),
    (
        Resources(cpu=CPU(shares=512, idle=1)),
        [("cpu.idle", "cpu,cpuacct/box/cpu.idle", "1")],
        [("cpu.idle", "box/cpu.idle", "1")],
    ),
    (
        Resources(cpu=CPU(quota=-1)),
        [("cpu.quota", "cpu,cpuacct/box/cpu.cfs_quota_us", "-1")],
        [("cpu.quota", "box/cpu.max", "max 100000")],
    ),
    (
        Resources(cpu=CPU(period=20000)),
        [("cpu.period", "cpu,cpuacct/box/cpu.cfs_period_us", "20000")],
        [("cpu.period", "box/cpu.max", "max 20000")],
    ),
    (
        Resources(cpu=CPU(realtimeRuntime=900, realtimePeriod=1000)),
        [
            ("cpu.realtimePeriod", "cpu,cpuacct/box/cpu.rt_period_us", "1000"),
            ("cpu.realtimeRuntime", "cpu,cpuacct/box/cpu.rt_runtime_us", "900"),
        ],
        None,
    ),
    (
        Resources(memory=Memory(limit=1000, swap=3000, reservation=500)),
        [
            ("memory.limit", "SetMemoryLimits", 1000, 3000),
            ("memory.reservation", "memory/box/memory.soft_limit_in_bytes", "500"),
        ],
        [
            ("memory.swap", "box/memory.swap.max", "2000"),
            ("memory.limit", "box/memory.max", "1000"),
            ("memory.reservation", "box/memory.low", "500"),
        ],
    ),
    (
        Resources(memory=Memory(limit=-1, swap=-1, reservation=-1)),
        [
            ("memory.limit", "SetMemoryLimits", -1, -1),
            ("memory.reservation", "memory/box/memory.soft_limit_in_bytes", "-1"),
        ],
        [
            ("memory.swap", "box/memory.swap.max", "max"),
            ("memory.limit", "box/memory.max", "max"),
            ("memory.reservation", "box/memory.low", "max"),
        ],
    ),
    (
        Resources(memory=Memory(limit=7, checkBeforeUpdate=True)),
        [("memory.limit", "SetMemoryLimits", 7, None)],
        [("memory.limit", "CheckMemoryUsage", 7), ("memory.limit", "box/memory.max", "7")],
    ),
    (
        Resources(memory=Memory(kernelTCP=9, swappiness=0, disableOOMKiller=True, useHierarchy=True)),
        [
            ("memory.kernelTCP", "memory/box/memory.kmem.tcp.limit_in_bytes", "9"),
            ("memory.swappiness", "memory/box/memory.swappiness", "0"),
            ("memory.disableOOMKiller", "memory/box/memory.oom_control", "1"),
            ("memory.useHierarchy", "memory/box/memory.use_hierarchy", "1"),
        ],
        None,
    ),
    # The engines write 0 for "no limit asked".
    (Resources(memory=Memory(limit=0, swap=0, reservation=0), cpu=CPU(shares=0, quota=0, period=0)), [], []),
    (Resources(pids=7), [("pids.limit", "pids/box/pids.max", "7")], [("pids.limit", "box/pids.max", "7")]),
    (Resources(pids=-1), [("pids.limit", "pids/box/pids.max", "max")], [("pids.limit", "box/pids.max", "max")]),
    (Resources(pids=0), [("pids.limit", "pids/box/pids.max", "1")], [("pids.limit", "box/pids.max", "1")]),
    (
        Resources(blockIO=BlockIO(weight=500)),
        [("blockIO.weight", "WriteFirstCgroupFile", (("blkio.bfq.weight", "500"), ("blkio.weight", "500")))],
        [("blockIO.weight", "WriteFirstCgroupFile", (("io.bfq.weight", "500"), ("io.weight", "default 4950")))],
    ),
    (
        Resources(blockIO=BlockIO(weightDevice=(WeightDevice(property="W", major=8, minor=0, weight=10),))),
        [
            (
                "W.weight",
                "WriteFirstCgroupFile",
                (("blkio.bfq.weight_device", "8:0 10"), ("blkio.weight_device", "8:0 10")),
            )
        ],
        [("W.weight", "WriteFirstCgroupFile", (("io.bfq.weight", "8:0 10"), ("io.weight", "8:0 1")))],
    ),
    (
        Resources(blockIO=BlockIO(leafWeight=300)),
        [("blockIO.leafWeight", "WriteFirstCgroupFile", (("blkio.leaf_weight", "300"),))],
        None,
    ),
    (
        Resources(
            blockIO=BlockIO(
                throttleReadBpsDevice=(ThrottleDevice(property="A", major=8, minor=0, rate=1),),
                throttleWriteBpsDevice=(ThrottleDevice(property="B", major=8, minor=0, rate=2),),
                throttleReadIOPSDevice=(ThrottleDevice(property="C", major=8, minor=0, rate=3),),
                throttleWriteIOPSDevice=(ThrottleDevice(property="D", major=8, minor=0, rate=0),),
            )
        ),
        [
            ("A.rate", "blkio/box/blkio.throttle.read_bps_device", "8:0 1"),
            ("B.rate", "blkio/box/blkio.throttle.write_bps_device", "8:0 2"),
            ("C.rate", "blkio/box/blkio.throttle.read_iops_device", "8:0 3"),
            ("D.rate", "blkio/box/blkio.throttle.write_iops_device", "8:0 0"),
        ],
        [
            ("A.rate", "box/io.max", "8:0 rbps=1"),
            ("B.rate", "box/io.max", "8:0 wbps=2"),
            ("C.rate", "box/io.max", "8:0 riops=3"),
            ("D.rate", "box/io.max", "8:0 wiops=max"),
        ],
    ),
    (
        Resources(hugepageLimits=(HugepageLimit(property="H", pageSize="2MB", limit=4096),)),
        [
            ("H.limit", "hugetlb/box/hugetlb.2MB.limit_in_bytes", "4096"),
            ("H.limit", "hugetlb/box/hugetlb.2MB.rsvd.limit_in_bytes", "4096"),
        ],
        [("H.limit", "box/hugetlb.2MB.max", "4096"), ("H.limit", "box/hugetlb.2MB.rsvd.max", "4096")],
    ),
    (
        Resources(network=Network(classID=17, priorities=(NetworkPriority(property="N", name="eth0", priority=3),))),
        [
            ("network.classID", "net_cls,net_prio/box/net_cls.classid", "17"),
            ("N.priority", "net_cls,net_prio/box/net_prio.ifpriomap", "eth0 3"),
        ],
        None,
    ),
    (
        Resources(rdma=(("mlx5_1", 3, None), ("mlx5_2", 1, 2))),
        [
            ("rdma.mlx5_1", "rdma/box/rdma.max", "mlx5_1 hca_handle=3"),
            ("rdma.mlx5_2", "rdma/box/rdma.max", "mlx5_2 hca_handle=1 hca_object=2"),
        ],
        [
            ("rdma.mlx5_1", "box/rdma.max", "mlx5_1 hca_handle=3"),
            ("rdma.mlx5_2", "box/rdma.max", "mlx5_2 hca_handle=1 hca_object=2"),
        ],
    ),
]


@pytest.mark.parametrize(("resources", "on_v1", "on_v2"), TABLE)
def test_limits_become_writes_with_the_property_that_asks(resources, on_v1, on_v2):
    assert writes(resources, V1) == on_v1
    assert writes(resources, HYBRID) == on_v1
    if on_v2 is not None:
        assert writes(resources, V2) == on_v2


def test_reservation_of_huge_pages_is_optional_because_older_kernels_lack_it():
    limits = (HugepageLimit(property="H", pageSize="2MB", limit=1),)
    for facts in (V1, V2):
        assert [operation.optional for operation in compiled(Resources(hugepageLimits=limits), facts)[0][-2:]] == [
            False,
            True,
        ]


def test_unified_values_come_last_and_win():
    resources = Resources(memory=Memory(limit=1), unified=(("memory.max", "2"), ("cgroup.max.depth", "1")))
    assert writes(resources, V2)[1:] == [
        ("unified.memory.max", "box/memory.max", "2"),
        ("unified.cgroup.max.depth", "box/cgroup.max.depth", "1"),
    ]


@pytest.mark.parametrize(("shares", "weight"), [(0, 1), (2, 1), (1024, 100), (262144, 10000), (2**63, 10000)])
def test_shares_keep_minimum_default_and_maximum_as_weight(shares, weight):
    assert cpu_weight(shares) == weight


def test_block_weight_keeps_minimum_and_maximum():
    assert (io_weight(10), io_weight(1000)) == (1, 10000)


def test_an_update_leaves_the_device_rules():
    limits, _ = compile_resources(Resources(pids=3), V1, cgroup_directories("/box", V1, "id"), devices=False)
    assert [operation.KIND.__name__ for operation in limits] == ["WriteCgroupFile"]


# --- what the host can't do


@pytest.mark.parametrize("facts", [BARE, NONE])
@pytest.mark.parametrize(
    ("resources", "property", "controller"),
    [
        (Resources(memory=Memory(limit=1)), "linux.resources.memory.limit", "memory"),
        (Resources(memory=Memory(swap=1)), "linux.resources.memory.swap", "memory"),
        (Resources(cpu=CPU(shares=5)), "linux.resources.cpu.shares", "cpu"),
        (Resources(cpu=CPU(cpus="0")), "linux.resources.cpu.cpus", "cpuset"),
        (Resources(pids=5), "linux.resources.pids.limit", "pids"),
        (Resources(network=Network(classID=5)), "linux.resources.network.classID", "net_cls"),
        (Resources(rdma=(("mlx", 1, None),)), "linux.resources.rdma.mlx", "rdma"),
        (Resources(hugepageLimits=(HugepageLimit(property="H", pageSize="2MB", limit=1),)), "H.limit", "hugetlb"),
    ],
)
def test_a_limit_without_its_controller_names_property_and_controller(resources, property, controller, facts):
    found = problems(resources, facts)
    assert found[0][0] == property
    assert f"no {controller} controller" in found[0][1]


def test_a_limit_without_its_controller_is_refused_on_v2():
    facts = CgroupFacts(version=2, unified=ROOT, available=("cpu",))
    assert problems(Resources(pids=5), facts)[0] == (
        "linux.resources.pids.limit",
        f"this host (cgroup v2) has no pids controller ({remedy('pids', 2)})",
    )


def test_all_problems_are_told_at_once():
    found = problems(Resources(pids=5, memory=Memory(limit=5)), BARE)
    assert [path for path, _ in found] == ["linux.resources.pids.limit", "linux.resources.memory.limit"]


@pytest.mark.parametrize("facts", [V1, HYBRID, NONE])
def test_unified_is_refused_without_v2(facts):
    assert problems(Resources(unified=(("memory.high", "1"),)), facts)[0][0] == "linux.resources.unified"


@pytest.mark.parametrize(
    "name", ["../x.y", "memory", "memory/../cpu.max", ".hidden", "memory.", "memory.high\n", "ме.max", "cgroup.procs",
             "cgroup.kill", "cgroup.freeze", "cgroup.type", "nosuch.max"],
)  # fmt: skip
def test_unified_takes_only_names_of_limits(name):
    assert problems(Resources(unified=((name, "1"),)), V2)[0][0] == f"linux.resources.unified.{name}"


@pytest.mark.parametrize("size", ["../x", "2MB/../../memory", "2mb", "MB", "0MB", "2MB\n", "２MB", ""])
@pytest.mark.parametrize("facts", [V1, V2])
def test_a_page_size_that_is_no_size_never_becomes_a_file_name(size, facts):
    limits = (HugepageLimit(property="H", pageSize=size, limit=1),)
    assert problems(Resources(hugepageLimits=limits), facts)[0][0] == "H.pageSize"


@pytest.mark.parametrize("name", ["eth0 5", "a\nb", ""])
def test_an_interface_name_is_one_word(name):
    network = Network(priorities=(NetworkPriority(property="N", name=name, priority=1),))
    assert problems(Resources(network=network), V1)[0][0] == "N.name"


def test_an_rdma_device_is_one_word():
    assert problems(Resources(rdma=(("a b", 1, 1),)), V2)[0][0] == "linux.resources.rdma.a b"


@pytest.mark.parametrize("limit", [None, -1, 0])
def test_swap_without_a_limit_is_refused_on_v2(limit):
    found = problems(Resources(memory=Memory(limit=limit, swap=100)), V2)
    assert found == [("linux.resources.memory.swap", "unable to set swap limit without memory limit")]


def test_swap_below_the_limit_is_refused_on_v2():
    assert problems(Resources(memory=Memory(limit=100, swap=99)), V2)[0][0] == "linux.resources.memory.swap"


@pytest.mark.parametrize(
    ("resources", "refused"),
    [
        (Resources(memory=Memory(kernel=1)), ["memory.kernel"]),
        (
            Resources(memory=Memory(kernelTCP=1, swappiness=0, disableOOMKiller=True, useHierarchy=False)),
            ["memory.kernelTCP", "memory.swappiness", "memory.disableOOMKiller", "memory.useHierarchy"],
        ),
        (Resources(cpu=CPU(realtimeRuntime=1, realtimePeriod=2)), ["cpu.realtimeRuntime", "cpu.realtimePeriod"]),
        (Resources(blockIO=BlockIO(leafWeight=10)), ["blockIO.leafWeight"]),
        (
            Resources(blockIO=BlockIO(weightDevice=(WeightDevice(property="linux.resources.W", major=8, minor=0,
                                                                 leafWeight=10),))),
            ["W.leafWeight"],
        ),
        (
            Resources(network=Network(classID=1, priorities=(NetworkPriority(property="N", name="x", priority=1),))),
            ["network.classID", "network.priorities"],
        ),
    ],
)  # fmt: skip
def test_what_cannot_be_converted_for_v2_is_refused_by_name(resources, refused):
    assert [path for path, _ in problems(resources, V2)] == [f"linux.resources.{name}" for name in refused]


def test_what_asks_for_nothing_is_no_error_on_v2():
    """What the engines write where they want no limit, and what v2 does anyhow."""
    memory = Memory(kernel=-1, kernelTCP=0, disableOOMKiller=False, useHierarchy=True)
    nothing = Resources(memory=memory, cpu=CPU(realtimeRuntime=0), network=Network(classID=0), blockIO=BlockIO())
    assert writes(nothing, V2) == []


def test_kernel_memory_is_a_warning_on_v1_because_the_kernel_ignores_it():
    assert compiled(Resources(memory=Memory(kernel=1)), V1)[1][0].startswith("linux.resources.memory.kernel: ")


def test_a_host_without_cgroups_runs_unrestricted_with_a_warning():
    operations, warnings = compiled(Resources(devices=(DeviceRule(property="d", allow=False),)), NONE)
    assert operations == []
    assert [text.split(": ")[0] for text in warnings] == ["linux.resources.devices"]


# --- delegation

CGROUP_MOUNT = Mount(property="mounts[0]", destination="/sys/fs/cgroup/", type="cgroup", source="cgroup")
CGROUP_NAMESPACE = Namespace(property="linux.namespaces[0]", type="cgroup")


def owners(facts=V2, mount=CGROUP_MOUNT, namespace=CGROUP_NAMESPACE, uid=1000):
    """Gives what the plan makes another user the owner of."""
    wanted = Spec(
        ociVersion="1.3.0", hooks=Hooks(), mounts=(mount,) if mount else (),
        process=Process(args=("sh",), cwd="/", user=User(uid=uid)),
        linux=Linux(cgroupsPath="/box", namespaces=(namespace,) if namespace else ()),
    )  # fmt: skip
    operations, _ = compile_cgroup(wanted, facts, "id")
    return [operation.wire()[2:] for operation in operations if operation.KIND.__name__ == "DelegateCgroup"]


@pytest.mark.parametrize("options", [(), ("rw", "nosuid")])
def test_the_user_owns_a_cgroup_of_v2_that_is_mounted_writable_in_a_new_namespace(options):
    mount = Mount(property="mounts[0]", destination="/sys/fs/cgroup", source="cgroup", options=options)
    assert owners(mount=mount) == [(f"{ROOT}/box", 1000)]


@pytest.mark.parametrize("facts", [V1, HYBRID, NONE])
def test_the_owner_of_a_cgroup_is_not_changed_on_v1(facts):
    assert owners(facts) == []


@pytest.mark.parametrize(
    "namespace", [None, Namespace(property="linux.namespaces[0]", type="cgroup", path="/proc/1/ns/cgroup")]
)
def test_the_owner_of_a_cgroup_is_not_changed_without_a_new_cgroup_namespace(namespace):
    assert owners(namespace=namespace) == []


@pytest.mark.parametrize(
    "mount",
    [
        None,
        Mount(property="mounts[0]", destination="/sys/fs/cgroup", source="cgroup", options=("nosuid", "ro")),
        Mount(property="mounts[0]", destination="/elsewhere", source="cgroup"),
        Mount(property="mounts[0]", destination="/sys/fs/cgroup", type="tmpfs", source="tmpfs"),
    ],
    ids=["absent", "read-only", "elsewhere", "another source"],
)
def test_the_owner_of_a_cgroup_is_not_changed_without_its_writable_mount(mount):
    assert owners(mount=mount) == []


def test_unified_writes_a_file_that_ocipy_does_not_know():
    assert writes(Resources(unified=(("memory.of_2040", "x y"),)), V2) == [
        ("unified.memory.of_2040", "box/memory.of_2040", "x y")
    ]


def test_unified_refuses_a_controller_that_is_not_there():
    found = problems(Resources(unified=(("misc.max", "1"),)), V2)
    text = f"this host (cgroup v2) has no misc controller ({remedy('misc', 2)})"
    assert found == [("linux.resources.unified.misc.max", text)]
