"""Files of a cgroup -> the document of `events`, for what the machines of the tests don't have."""

import pytest

from ocipy.cgroup.statistics import statistics
from ocipy.cli.events import duration

EMPTY_MEMORY = {name: {"limit": 0, "failcnt": 0} for name in ("usage", "swap", "kernel", "kernelTCP")}


@pytest.fixture
def v1(tmp_path):
    """A function that gives the document for a cgroup of v1 with these files (controller/file: text)."""
    return lambda files, *controllers: statistics(directories(tmp_path, files, controllers))


@pytest.fixture
def v2(tmp_path):
    """The same for a cgroup of v2 (file: text)."""

    def document(files):
        directories(tmp_path, {f"box/{name}": text for name, text in files.items()}, ["box"])
        return statistics({"": str(tmp_path / "box")})

    return document


def directories(root, files, controllers):
    for controller in controllers:
        (root / controller).mkdir()
    for name, text in files.items():
        (root / name).write_text(text)
    return {controller: str(root / controller) for controller in controllers}


def test_controllers_that_are_missing_leave_their_part_empty(v1, v2):
    nothing = v2({})
    assert nothing == {
        "cpu": {"usage": {"kernel": 0, "user": 0}, "throttling": {}}, "cpuset": nothing["cpuset"],
        "memory": EMPTY_MEMORY, "pids": {}, "blkio": {}, "hugetlb": {}, "intel_rdt": {}, "network_interfaces": None,
    }  # fmt: skip
    assert set(nothing["cpuset"].values()) == {0}
    assert v1({}, "name=systemd") == nothing


def test_container_without_cgroups_has_an_empty_document():
    assert statistics({})["memory"] == EMPTY_MEMORY


def test_cgroup_that_is_gone_has_an_empty_document(tmp_path):
    gone = str(tmp_path / "gone")
    assert statistics({"pids": gone, "memory": gone, "hugetlb": gone})["memory"] == EMPTY_MEMORY
    assert statistics({"": gone})["hugetlb"] == {}


def test_block_devices_of_v2_are_told_in_the_words_of_v1(v2):
    text = "8:0 rbytes=100 wbytes=200 rios=3 wios=4 dbytes=5 dios=6\n254:16 rbytes=0 wbytes=9 rios=0 wios=1\n"
    assert v2({"io.stat": text})["blkio"] == {
        "ioServiceBytesRecursive": [
            {"major": 8, "op": "Read", "value": 100}, {"major": 8, "op": "Write", "value": 200},
            {"major": 254, "minor": 16, "op": "Read"}, {"major": 254, "minor": 16, "op": "Write", "value": 9},
        ],
        "ioServicedRecursive": [
            {"major": 8, "op": "Read", "value": 3}, {"major": 8, "op": "Write", "value": 4},
            {"major": 254, "minor": 16, "op": "Read"}, {"major": 254, "minor": 16, "op": "Write", "value": 1},
        ],
    }  # fmt: skip


def test_device_without_traffic_is_no_entry_of_v2(v2):
    assert v2({"io.stat": "8:0\n7:0 \n"})["blkio"] == {}


def test_bfq_comes_before_throttling_on_v1(v1):
    blkio = v1({
        "blkio/blkio.bfq.io_serviced_recursive": "8:0 Read 7\n8:0 Total 7\nTotal 7\n",
        "blkio/blkio.bfq.io_service_bytes_recursive": "8:0 Read 70\nTotal 70\n",
        "blkio/blkio.throttle.io_serviced_recursive": "8:0 Read 8\nTotal 8\n",
    }, "blkio")["blkio"]  # fmt: skip
    assert blkio == {
        "ioServicedRecursive": [{"major": 8, "op": "Read", "value": 7}, {"major": 8, "op": "Total", "value": 7}],
        "ioServiceBytesRecursive": [{"major": 8, "op": "Read", "value": 70}],
    }


def test_throttling_counts_where_no_scheduler_does_on_v1(v1):
    blkio = v1({
        "blkio/blkio.bfq.io_serviced_recursive": "Total 0\n",
        "blkio/blkio.throttle.io_serviced_recursive": "8:16 Write 8\nTotal 8\n",
    }, "blkio")["blkio"]  # fmt: skip
    assert blkio == {"ioServicedRecursive": [{"major": 8, "minor": 16, "op": "Write", "value": 8}]}


def test_sectors_and_times_have_no_operation_on_v1(v1):
    files = {"blkio/blkio.sectors_recursive": "8:0 6792\n", "blkio/blkio.time_recursive": "8:0 5\n"}
    blkio = v1(files, "blkio")["blkio"]
    assert blkio == {"sectorsRecursive": [{"major": 8, "value": 6792}], "ioTimeRecursive": [{"major": 8, "value": 5}]}


def test_huge_pages_by_size(v1, v2):
    assert v2({
        "hugetlb.2MB.current": "4194304\n", "hugetlb.2MB.events": "max 3\n", "hugetlb.2MB.rsvd.current": "0\n",
        "hugetlb.1GB.current": "0\n", "hugetlb.1GB.events": "max 0\n",
    })["hugetlb"] == {"2MB": {"usage": 4194304, "failcnt": 3}, "1GB": {"failcnt": 0}}  # fmt: skip
    assert v1({
        "hugetlb/hugetlb.2MB.usage_in_bytes": "2097152\n", "hugetlb/hugetlb.2MB.max_usage_in_bytes": "4194304\n",
        "hugetlb/hugetlb.2MB.failcnt": "1\n",
    }, "hugetlb")["hugetlb"] == {"2MB": {"usage": 2097152, "max": 4194304, "failcnt": 1}}  # fmt: skip


def test_pressure_of_each_resource(v2):
    line = "avg10=1.50 avg60=0.25 avg300=0.00 total=4242"
    data = v2({f"{name}.pressure": f"some {line}\nfull {line}\n" for name in ("cpu", "memory", "io")})
    found = {"avg10": 1.5, "avg60": 0.25, "avg300": 0.0, "total": 4242}
    for part in ("cpu", "memory", "blkio"):
        assert data[part]["psi"] == {"some": found, "full": found}


def test_swap_of_v2_is_memory_and_swap_and_no_limit_stays_none(v2):
    memory = v2({
        "memory.stat": "anon 5\nfile 7\n", "memory.current": "100\n", "memory.max": "max\n", "memory.peak": "300\n",
        "memory.swap.current": "20\n", "memory.swap.max": "50\n", "memory.swap.peak": "40\n",
    })["memory"]  # fmt: skip
    assert memory["usage"] == {"limit": 2**64 - 1, "usage": 100, "max": 300, "failcnt": 0}
    assert memory["swap"] == {"limit": 2**64 - 1, "usage": 120, "failcnt": 0}
    assert (memory["cache"], memory["raw"]) == (7, {"anon": 5, "file": 7})


def test_processes_are_counted_without_the_pids_controller_v2(v2):
    assert v2({"cgroup.procs": "5\n6\n"})["pids"] == {"current": 2}


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("5s", 5), ("1m30s", 90), ("1.5h", 5400), ("250ms", 0.25), ("0", 0), ("-2s", -2), ("1h0m1s", 3601), (".5s", 0.5)],
)  # fmt: skip
def test_duration_is_read_as_go_does(text, seconds):
    assert duration(text) == pytest.approx(seconds)
