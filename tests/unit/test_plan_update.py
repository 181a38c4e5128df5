"""update: what a container has and what is given -> operations and what it has afterwards."""

import pytest

from ocipy.errors import ConfigError
from ocipy.plan.facts import CgroupFacts
from ocipy.plan.update import compile_update

NAMES = ("cpu,cpuacct", "cpuset", "memory", "pids", "blkio", "devices", "hugetlb", "net_cls,net_prio")
PLACES = tuple((name, f"/{name}") for name in NAMES)
V1 = CgroupFacts(version=1, hierarchies=PLACES)
V2 = CgroupFacts(version=2, unified="/", available=("cpu", "cpuset", "memory", "pids", "io", "hugetlb"))
DIRECTORIES = {1: PLACES, 2: (("", "/box"),)}


def update(present, given, facts):
    operations, _warnings, after = compile_update(present, given, facts, DIRECTORIES[facts.version])
    found = []
    for operation in operations:
        kind, _property, _directory, *fields = operation.wire()
        found.append((fields[0], fields[1]) if kind == "WriteCgroupFile" else (kind, *fields))
    return found, after


def written(present, given, facts):
    return update(present, given, facts)[0]


def refused(present, given, facts):
    with pytest.raises(ConfigError) as caught:
        update(present, given, facts)
    return caught.value.problems


@pytest.mark.parametrize("facts", [V1, V2])
def test_nothing_given_changes_nothing(facts):
    present = {"memory": {"limit": 1 << 20}, "devices": [{"allow": False}]}
    assert update(present, {}, facts) == ([], present)


@pytest.mark.parametrize("facts", [V1, V2])
def test_zeros_of_the_engines_change_nothing(facts):
    """The example of runc's help, as containerd and docker send it."""
    given = {
        "memory": {"limit": 0, "reservation": 0, "swap": 0},
        "cpu": {"shares": 0, "quota": 0, "period": 0, "realtimeRuntime": 0, "realtimePeriod": 0, "cpus": "",
                "mems": ""},
        "blockIO": {"weight": 0}, "pids": None, "devices": None, "hugepageLimits": [],
    }  # fmt: skip
    present = {"cpu": {"quota": 5000}}
    assert update(present, given, facts) == ([], present)


@pytest.mark.parametrize("facts", [V1, V2])
def test_device_rules_are_never_changed(facts):
    present = {"devices": [{"allow": False}], "pids": {"limit": 5}}
    operations, after = update(present, {"devices": [{"allow": True}], "pids": {"limit": 6}}, facts)
    assert operations == [("pids.max", "6")]
    assert after == {"devices": [{"allow": False}], "pids": {"limit": 6}}


def test_the_other_half_of_a_quota_stays():
    present = {"cpu": {"quota": 5000, "period": 50000}}
    assert written(present, {"cpu": {"quota": 9000}}, V2) == [("cpu.max", "9000 50000")]
    assert written(present, {"cpu": {"period": 60000}}, V2) == [("cpu.max", "5000 60000")]
    assert written(present, {"cpu": {"quota": -1}}, V2) == [("cpu.max", "max 50000")]
    assert written({}, {"cpu": {"period": 60000}}, V2) == [("cpu.max", "max 60000")]


def test_burst_gives_way_to_a_new_quota_and_comes_back():
    present = {"cpu": {"quota": 50000, "burst": 20000}}
    assert written(present, {"cpu": {"quota": 30000}}, V2) == [
        ("cpu.max.burst", "0"), ("cpu.max", "30000 100000"), ("cpu.max.burst", "20000"),
    ]  # fmt: skip
    assert written(present, {"cpu": {"quota": 10000, "burst": 5000}}, V1) == [
        ("cpu.cfs_burst_us", "0"), ("cpu.cfs_quota_us", "10000"), ("cpu.cfs_burst_us", "5000"),
    ]  # fmt: skip


def test_burst_is_taken_away_by_0():
    operations, after = update({"cpu": {"quota": 50000, "burst": 20000}}, {"cpu": {"burst": 0}}, V1)
    assert ("cpu.cfs_burst_us", "0") in operations
    assert ("cpu.cfs_burst_us", "20000") not in operations
    assert after["cpu"]["burst"] == 0


def test_burst_above_the_new_quota_is_refused():
    problems = refused({"cpu": {"burst": 20000, "quota": 50000}}, {"cpu": {"quota": 10000}}, V1)
    assert [path for path, _ in problems] == ["linux.resources.cpu.burst"]


def test_shares_come_back_when_the_cgroup_is_no_longer_idle():
    idle = {"cpu": {"shares": 512, "idle": 1}}
    assert written(idle, {"cpu": {"idle": 0}}, V1) == [("cpu.idle", "0"), ("cpu.shares", "512")]
    assert written(idle, {"cpu": {"shares": 700}}, V1) == [("cpu.idle", "1")]
    assert written({"cpu": {"shares": 512}}, {"cpu": {"idle": 1}}, V1) == [("cpu.idle", "1")]


def test_memory_and_swap_go_together():
    present = {"memory": {"limit": 64 << 20, "swap": 96 << 20}}
    assert written(present, {"memory": {"limit": 80 << 20}}, V1) == [("SetMemoryLimits", 80 << 20, 96 << 20)]
    assert written(present, {"memory": {"swap": 128 << 20}}, V1) == [("SetMemoryLimits", 64 << 20, 128 << 20)]
    # v2 limits swap alone: what is left of the sum changes with the limit of memory.
    assert written(present, {"memory": {"limit": 80 << 20}}, V2) == [
        ("memory.swap.max", str(16 << 20)), ("memory.max", str(80 << 20)),
    ]  # fmt: skip
    assert written(present, {"memory": {"swap": 128 << 20}}, V2) == [
        ("memory.swap.max", str(64 << 20)), ("memory.max", str(64 << 20)),
    ]  # fmt: skip


def test_memory_above_memory_and_swap_is_refused():
    problems = refused({"memory": {"limit": 64 << 20, "swap": 96 << 20}}, {"memory": {"limit": 128 << 20}}, V2)
    assert [path for path, _ in problems] == ["linux.resources.memory.swap"]


@pytest.mark.parametrize("facts", [V1, V2])
def test_unlimited_memory_makes_swap_unlimited(facts):
    operations, after = update({"memory": {"limit": 64 << 20, "swap": 96 << 20}}, {"memory": {"limit": -1}}, facts)
    assert after["memory"] == {"limit": -1, "swap": -1}
    assert operations == (
        [("SetMemoryLimits", -1, -1)] if facts is V1 else [("memory.swap.max", "max"), ("memory.max", "max")]
    )


def test_reservation_alone_leaves_the_limit():
    assert written({"memory": {"limit": 64 << 20}}, {"memory": {"reservation": 8 << 20}}, V2) == [
        ("memory.low", str(8 << 20))
    ]


def test_limit_is_checked_against_the_usage_once_asked_for():
    operations = written({"memory": {"checkBeforeUpdate": True}}, {"memory": {"limit": 64 << 20}}, V2)
    assert operations[0] == ("CheckMemoryUsage", 64 << 20)


def test_devices_are_merged_by_their_numbers():
    one, other = {"major": 8, "minor": 0, "rate": 1000}, {"major": 8, "minor": 16, "rate": 2000}
    faster = {**one, "rate": 5000}
    name = "throttleReadBpsDevice"
    operations, after = update({"blockIO": {name: [one, other]}}, {"blockIO": {name: [faster]}}, V1)
    assert operations == [("blkio.throttle.read_bps_device", "8:0 5000")]
    assert after["blockIO"][name] == [faster, other]


def test_page_sizes_are_merged():
    present = {"hugepageLimits": [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 2}]}
    _operations, after = update(present, {"hugepageLimits": [{"pageSize": "1GB", "limit": 0}]}, V1)
    assert after["hugepageLimits"] == [{"pageSize": "2MB", "limit": 1}, {"pageSize": "1GB", "limit": 0}]


def test_unified_is_merged_by_file_name():
    operations, after = update({"unified": {"memory.high": "max"}}, {"unified": {"pids.max": "9"}}, V2)
    assert operations == [("pids.max", "9")]
    assert after["unified"] == {"memory.high": "max", "pids.max": "9"}


@pytest.mark.parametrize(
    ("given", "path"),
    [({"memory": {"limit": "1"}}, "linux.resources.memory.limit"),
     ({"memory": {"swap": -2}}, "linux.resources.memory.swap"),
     ({"cpu": {"idle": 2}}, "linux.resources.cpu.idle"), ({"cpu": {"shares": -1}}, "linux.resources.cpu.shares"),
     ({"cpu": 7}, "linux.resources.cpu"), ([], "linux.resources"), (None, "linux.resources"),
     ({"blockIO": {"weight": 70000}}, "linux.resources.blockIO.weight"),
     ({"unified": {"../x": "1"}}, 'linux.resources.unified["../x"]')],
)  # fmt: skip
def test_wrong_values_are_refused_by_their_property(given, path):
    assert [place for place, _ in refused({}, given, V2)] == [path]


def test_what_the_host_has_not_is_refused_with_all_problems():
    given = {"cpu": {"realtimeRuntime": 5}, "memory": {"swappiness": 5}}
    assert [path for path, _ in refused({}, given, V2)] == [
        "linux.resources.cpu.realtimeRuntime", "linux.resources.memory.swappiness",
    ]  # fmt: skip
