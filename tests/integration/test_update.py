"""update: limits of a container that exists, read back from the files of its cgroup."""

import json

import pytest
from support import host, requires

MIB = 1 << 20
# Flag and value; controller, file of v1 and what it holds then; the same for v2.
FLAGS = [
    ("cpu-period", "50000", "cpu", "cpu.cfs_period_us", "50000", "cpu.max", "max 50000"),
    ("cpu-quota", "30000", "cpu", "cpu.cfs_quota_us", "30000", "cpu.max", "30000 100000"),
    ("cpu-quota", "-1", "cpu", "cpu.cfs_quota_us", "-1", "cpu.max", "max 100000"),
    ("cpu-share", "512", "cpu", "cpu.shares", "512", "cpu.weight", None),
    ("cpu-idle", "1", "cpu", "cpu.idle", "1", "cpu.idle", "1"),
    ("cpuset-cpus", "0", "cpuset", "cpuset.cpus", "0", "cpuset.cpus", "0"),
    ("cpuset-mems", "0", "cpuset", "cpuset.mems", "0", "cpuset.mems", "0"),
    ("memory", "67108864", "memory", "memory.limit_in_bytes", str(64 * MIB), "memory.max", str(64 * MIB)),
    ("memory", "64M", "memory", "memory.limit_in_bytes", str(64 * MIB), "memory.max", str(64 * MIB)),
    ("memory", "64MiB", "memory", "memory.limit_in_bytes", str(64 * MIB), "memory.max", str(64 * MIB)),
    ("memory", "64 mb", "memory", "memory.limit_in_bytes", str(64 * MIB), "memory.max", str(64 * MIB)),
    ("memory", "0.5g", "memory", "memory.limit_in_bytes", str(512 * MIB), "memory.max", str(512 * MIB)),
    ("memory-reservation", "32m", "memory", "memory.soft_limit_in_bytes", str(32 * MIB), "memory.low", str(32 * MIB)),
    ("pids-limit", "44", "pids", "pids.max", "44", "pids.max", "44"),
    ("pids-limit", "-1", "pids", "pids.max", "max", "pids.max", "max"),
]


@pytest.fixture
def box(ocipy, bundle):
    return ocipy.start(bundle, "sleep", "1000")


def value(box, controller, v1, v2):
    return host.read_cgroup(box.pid, controller, v2 if host.CGROUP_V2 else v1)


def limits(box):
    """All limits of the container's cgroups that this test has to do with."""
    return {
        (controller, file): (host.cgroup(box.pid, controller) / file).read_text()
        for _flag, _value, controller, v1, _shown, v2, _new in FLAGS
        for file in [v2 if host.CGROUP_V2 else v1]
        if (host.cgroup(box.pid, controller) / file).exists()
    }


def copy(ocipy, box):
    """linux.resources of the container's copy of config.json."""
    return json.loads((ocipy.root / box.id / "config.json").read_text())["linux"]["resources"]


@pytest.mark.parametrize(
    ("flag", "given", "controller", "v1", "shown", "v2", "new"),
    [pytest.param(*row, marks=requires.controller(row[2])) for row in FLAGS],
)  # fmt: skip
def test_flag_sets_its_limit(ocipy, box, flag, given, controller, v1, shown, v2, new):
    if not (host.cgroup(box.pid, controller) / (v2 if host.CGROUP_V2 else v1)).exists():
        pytest.skip(f"this kernel has no {v1}")
    before = limits(box)
    result = ocipy("update", f"--{flag}", given, box.id).ok()
    assert (result.out, result.err) == ("", "")
    now = value(box, controller, v1, v2)
    if host.CGROUP_V2 and new is None:
        assert now != "100"
    else:
        assert now == (new if host.CGROUP_V2 else shown)
    # Nothing else has changed; being idle takes the shares along.
    changed = {file for (_controller, file), text in limits(box).items() if text != before[_controller, file]}
    assert changed <= {v2 if host.CGROUP_V2 else v1} | ({"cpu.shares", "cpu.weight"} if flag == "cpu-idle" else set())


@requires.controller("cpu")
@requires.cgroup_v1
@requires.ocipy_itself
def test_burst_v1(ocipy, box):
    if not (host.cgroup(box.pid, "cpu") / "cpu.cfs_burst_us").exists():
        pytest.skip("this kernel has no cpu.cfs_burst_us")
    ocipy("update", "--cpu-quota", "50000", "--cpu-burst", "20000", box.id).ok()
    assert host.read_cgroup(box.pid, "cpu", "cpu.cfs_burst_us") == "20000"
    # Below the old burst: it gives way first.
    ocipy("update", "--cpu-quota", "10000", "--cpu-burst", "5000", box.id).ok()
    assert host.read_cgroup(box.pid, "cpu", "cpu.cfs_quota_us") == "10000"
    assert host.read_cgroup(box.pid, "cpu", "cpu.cfs_burst_us") == "5000"
    ocipy("update", "--cpu-burst", "0", box.id).ok()
    assert host.read_cgroup(box.pid, "cpu", "cpu.cfs_burst_us") == "0"


@requires.controller("cpu")
@requires.cgroup_v2
@requires.ocipy_itself
def test_burst_v2(ocipy, box):
    if not (host.cgroup(box.pid, "cpu") / "cpu.max.burst").exists():
        pytest.skip("this kernel has no cpu.max.burst")
    ocipy("update", "--cpu-quota", "50000", "--cpu-burst", "20000", box.id).ok()
    assert host.read_cgroup(box.pid, "cpu", "cpu.max.burst") == "20000"
    ocipy("update", "--cpu-quota", "10000", "--cpu-burst", "5000", box.id).ok()
    assert host.read_cgroup(box.pid, "cpu", "cpu.max") == "10000 100000"
    assert host.read_cgroup(box.pid, "cpu", "cpu.max.burst") == "5000"


@requires.controller("cpu")
@pytest.mark.parametrize(("first", "then"), [(("cpu-quota", "30000"), ("cpu-period", "60000")),
                                             (("cpu-period", "60000"), ("cpu-quota", "30000"))])  # fmt: skip
def test_the_other_half_of_a_quota_stays(ocipy, box, first, then):
    for flag, given in (first, then):
        ocipy("update", f"--{flag}", given, box.id).ok()
    if host.CGROUP_V2:
        assert host.read_cgroup(box.pid, "cpu", "cpu.max") == "30000 60000"
    else:
        assert host.read_cgroup(box.pid, "cpu", "cpu.cfs_quota_us") == "30000"
        assert host.read_cgroup(box.pid, "cpu", "cpu.cfs_period_us") == "60000"


@requires.controller("memory")
@requires.cgroup_v1
def test_memory_and_swap_are_raised_and_lowered_v1(ocipy, box):
    names = ("memory.limit_in_bytes", "memory.memsw.limit_in_bytes")
    if not (host.cgroup(box.pid, "memory") / names[1]).exists():
        pytest.skip("this kernel does not account swap")
    for limit, swap in ((64, 96), (200, 300), (32, 40), (40, 40)):
        ocipy("update", "--memory", f"{limit}M", "--memory-swap", f"{swap}M", box.id).ok()
        assert [int(host.read_cgroup(box.pid, "memory", name)) for name in names] == [limit * MIB, swap * MIB]
    ocipy("update", "--memory", "-1", box.id).ok()
    assert all(int(host.read_cgroup(box.pid, "memory", name)) > 1 << 60 for name in names)


@requires.controller("memory")
@requires.cgroup_v2
def test_memory_and_swap_are_raised_and_lowered_v2(ocipy, box):
    if not (host.cgroup(box.pid, "memory") / "memory.swap.max").exists():
        pytest.skip("this kernel does not account swap")
    for limit, swap in ((64, 96), (200, 300), (32, 40), (40, 40)):
        ocipy("update", "--memory", f"{limit}M", "--memory-swap", f"{swap}M", box.id).ok()
        assert host.read_cgroup(box.pid, "memory", "memory.max") == str(limit * MIB)
        assert host.read_cgroup(box.pid, "memory", "memory.swap.max") == str((swap - limit) * MIB)
    ocipy("update", "--memory", "-1", box.id).ok()
    for name in ("memory.max", "memory.swap.max"):
        assert host.read_cgroup(box.pid, "memory", name) == "max"


@requires.controller("memory")
def test_limit_below_the_usage_is_refused_and_changes_nothing(ocipy, bundle):
    bundle.resources["memory"] = {"limit": 64 * MIB}
    box = ocipy.start(bundle, "sleep", "1000")
    if host.CGROUP_V2:
        result = ocipy("update", "-r", "-", box.id, input=b'{"memory": {"limit": 4096, "checkBeforeUpdate": true}}')
    else:
        result = ocipy("update", "--memory", "4096", box.id)
    result.refused("memory", "4096")
    assert value(box, "memory", "memory.limit_in_bytes", "memory.max") == str(64 * MIB)
    assert host.alive(box.pid)


@requires.controller("pids")
@requires.controller("cpu")
@pytest.mark.parametrize("how", ["file", "stdin"])
def test_resources_are_read_from_a_file_or_from_standard_input(ocipy, box, scratch, how):
    text = json.dumps({"pids": {"limit": 33}, "cpu": {"shares": 300, "quota": 0}, "memory": {}, "devices": []})
    if how == "file":
        (scratch / "limits.json").write_text(text)
        ocipy("update", "--resources", scratch / "limits.json", box.id).ok()
    else:
        ocipy("update", "--resources=-", box.id, input=text.encode()).ok()
    assert host.read_cgroup(box.pid, "pids", "pids.max") == "33"
    if not host.CGROUP_V2:
        assert host.read_cgroup(box.pid, "cpu", "cpu.shares") == "300"


@requires.controller("pids")
def test_other_flags_beside_resources_are_ignored(ocipy, box):
    ocipy("update", "-r", "-", "--pids-limit", "99", box.id, input=b'{"pids": {"limit": 33}}').ok()
    assert host.read_cgroup(box.pid, "pids", "pids.max") == "33"


@requires.controller("blkio")
@requires.cgroup_v1
@requires.ocipy_itself
def test_device_throttles_are_set_and_merged(ocipy, bundle):
    devices = [path.read_text().strip().split(":") for path in sorted(host.Path("/sys/block").glob("*/dev"))][:2]
    if len(devices) < 2:
        pytest.skip("needs two block devices")
    one, other = ({"major": int(major), "minor": int(minor), "rate": MIB} for major, minor in devices)
    bundle.resources["blockIO"] = {"throttleReadBpsDevice": [one, other]}
    box = ocipy.start(bundle, "sleep", "1000")
    given = {"blockIO": {"throttleReadBpsDevice": [{**other, "rate": 2 * MIB}]}}
    ocipy("update", "-r", "-", box.id, input=json.dumps(given).encode()).ok()
    lines = host.read_cgroup(box.pid, "blkio", "blkio.throttle.read_bps_device").splitlines()
    assert sorted(lines) == sorted(f"{device['major']}:{device['minor']} {rate}"
                                   for device, rate in ((one, MIB), (other, 2 * MIB)))
    assert [entry["rate"] for entry in copy(ocipy, box)["blockIO"]["throttleReadBpsDevice"]] == [MIB, 2 * MIB]


@requires.cgroup_v2
@requires.controller("memory")
def test_unified_is_set_v2(ocipy, box):
    ocipy("update", "-r", "-", box.id, input=b'{"unified": {"memory.high": "33554432"}}').ok()
    assert host.read_cgroup(box.pid, "memory", "memory.high") == str(32 * MIB)


@requires.controller("devices")
@requires.controller("pids")
def test_device_rules_survive(ocipy, bundle):
    bundle.resources["devices"] = [{"allow": False, "access": "rwm"}]
    box = ocipy.start(bundle, "sleep", "1000")
    if not host.CGROUP_V2:
        # What somebody else has added, such as a plugin for graphics cards.
        (host.cgroup(box.pid, "devices") / "devices.allow").write_text("c 1:11 r")
    before = host.device_rules(box.pid)
    given = {"pids": {"limit": 30}, "devices": [{"allow": True, "access": "rwm"}]}
    ocipy("update", "-r", "-", box.id, input=json.dumps(given).encode()).ok()
    assert host.read_cgroup(box.pid, "pids", "pids.max") == "30"
    after = host.device_rules(box.pid)
    # systemd adds a program of its own when its unit changes: all must allow, so the rules are no weaker.
    assert (after[: len(before)] if ocipy.systemd else after) == before


@requires.controller("pids")
def test_container_feels_the_new_limit(ocipy, bundle, scratch):
    place = scratch / "shared"
    place.mkdir()
    bundle.mount("/run", "bind", place, "rbind", "rw")
    box = ocipy.start(bundle, "sh", "-c", "while [ ! -e /run/go ]; do :; done; (true) || echo none; sleep 1000 & wait")
    ocipy("update", "--pids-limit", "1", box.id).ok()
    (place / "go").touch()
    host.wait_for(lambda: "fork" in box.result.err.lower(), "the refused fork")


@requires.controller("pids")
@requires.ocipy_itself
def test_next_update_and_the_copy_of_the_configuration_know_the_changes(ocipy, bundle):
    bundle.resources["pids"] = {"limit": 60}
    box = ocipy.start(bundle, "sleep", "1000")
    before = copy(ocipy, box)
    ocipy("update", "--cpu-share", "700", box.id).ok()
    assert copy(ocipy, box) == {**before, "cpu": {"shares": 700}}
    state = box.state()
    ocipy("update", "--pids-limit", "50", box.id).ok()
    assert copy(ocipy, box) == {**before, "cpu": {"shares": 700}, "pids": {"limit": 50}}
    assert box.state() == state
    assert json.loads((bundle.path / "config.json").read_text())["linux"]["resources"]["pids"] == {"limit": 60}


def test_rlimits_are_untouched(ocipy, bundle):
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    box = ocipy.start(bundle, "sleep", "1000")
    before = host.Path(f"/proc/{box.pid}/limits").read_text()
    ocipy("update", "--pids-limit", "50", box.id).ok()
    assert host.Path(f"/proc/{box.pid}/limits").read_text() == before


@requires.controller("pids")
@pytest.mark.parametrize("status", ["created", "paused"])
def test_created_and_paused_containers_are_updated(ocipy, bundle, status):
    box = ocipy.create(bundle, "sleep", "1000")
    if status == "paused":
        box.start()
        ocipy("pause", box.id).ok()
    ocipy("update", "--pids-limit", "50", box.id).ok()
    assert host.read_cgroup(box.pid, "pids", "pids.max") == "50"
    assert box.status() == status


def test_stopped_container_is_said_not_to_run(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    assert ocipy("update", "--pids-limit", "50", box.id).refused("container not running").code == 1


def test_missing_container_is_said_not_to_exist(ocipy):
    assert ocipy("update", "--pids-limit", "5", ocipy.new_id()).refused("container does not exist").code == 1


def test_unknown_flag_is_refused(ocipy, box):
    ocipy("update", "--memory-limit", "64M", box.id).refused("memory-limit")


def test_nothing_given_changes_nothing(ocipy, box):
    before = limits(box)
    ocipy("update", box.id).ok()
    assert limits(box) == before


@requires.ocipy_itself
@pytest.mark.parametrize(
    "value", ["-2", "-5M", "64X", "64Mi", "M", "1_0", "１M", "0x10", "1e6", "1..5", "64MBB", "nan", ".", ".M"]
)
def test_size_that_is_none_is_refused(ocipy, box, value):
    before = limits(box)
    ocipy("update", "--cpu-share", "300", "--memory", value, box.id).refused("memory", value)
    assert limits(box) == before


@requires.ocipy_itself
@pytest.mark.parametrize(
    ("flag", "value"),
    [("cpu-period", "many"), ("cpu-quota", "1.5"), ("cpu-burst", "1_0"), ("cpu-share", "１"), ("cpu-idle", "yes"),
     ("cpu-rt-period", "1s"), ("cpu-rt-runtime", "--1"), ("blkio-weight", "0x10"), ("pids-limit", "-")],
)  # fmt: skip
def test_number_that_is_none_is_refused(ocipy, box, flag, value):
    ocipy("update", f"--{flag}={value}", box.id).refused(f"invalid value for {flag}", value)


@requires.ocipy_itself
@pytest.mark.parametrize(
    ("given", "property"),
    [('{"pids": {"limit": "7"}, "cpu": {"shares": 300}}', "linux.resources.pids.limit"),
     ('{"cpu": {"shares": 300, "idle": 7}}', "linux.resources.cpu.idle"),
     ('{"cpu": {"shares": 300}, "hugepageLimits": [{"pageSize": "7", "limit": 1}]}',
      "linux.resources.hugepageLimits[0].pageSize"),
     ("[]", "linux.resources"), ("{", "JSON"), ("", "JSON")],
)  # fmt: skip
def test_wrong_value_is_refused_by_its_property_before_anything_changes(ocipy, box, given, property):
    before = limits(box), copy(ocipy, box)
    result = ocipy("update", "-r", "-", box.id, input=given.encode()).refused(property)
    assert len(result.err.splitlines()) == 1
    assert (limits(box), copy(ocipy, box)) == before


@requires.ocipy_itself
@requires.controller("cpuset")
@requires.controller("pids")
def test_value_that_the_kernel_refuses_changes_nothing(ocipy, box):
    """The processors are written after the shares and before pids."""
    before = limits(box), copy(ocipy, box)
    given = ("--cpu-share", "300", "--cpu-quota", "20000", "--cpuset-cpus", "4095", "--pids-limit", "7")
    ocipy("update", *given, box.id).refused("linux.resources.cpu.cpus", "4095")
    assert (limits(box), copy(ocipy, box)) == before


@requires.ocipy_itself
def test_file_that_is_missing_is_named(ocipy, box):
    ocipy("update", "-r", "/nowhere/limits.json", box.id).refused("/nowhere/limits.json", "ENOENT")


@requires.ocipy_itself
def test_file_that_never_ends_is_refused(ocipy, box):
    ocipy("update", "-r", "/dev/zero", box.id).refused("JSON", "limit")


@requires.ocipy_itself
@pytest.mark.parametrize("flag", ["kernel-memory", "kernel-memory-tcp"])
def test_obsolete_flag_is_a_warning(ocipy, box, flag):
    assert f"--{flag}" in ocipy("update", f"--{flag}", "64M", box.id).ok().err


@pytest.mark.parametrize("flag", ["l3-cache-schema", "mem-bw-schema"])
def test_intel_rdt_is_refused_where_it_is_not_enabled(ocipy, box, flag):
    if host.Path("/sys/fs/resctrl/info").exists():
        pytest.skip("this host has Intel RDT")
    ocipy("update", f"--{flag}", "L3:0=1", box.id).refused("Intel RDT", "not enabled")


@requires.ocipy_itself
@requires.controller("pids")
def test_debug_prints_each_write(ocipy, box):
    err = ocipy("update", "--pids-limit", "50", box.id, flags=["--debug"]).ok().err
    assert "write 50 to" in err and "pids.max" in err
