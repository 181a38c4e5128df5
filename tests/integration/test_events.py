"""events: statistics and out-of-memory events, one JSON document a line, in runc's shape."""

import json
import subprocess

import pytest
from support import host, requires

ENTRY = {"limit", "usage", "max", "failcnt"}


@pytest.fixture
def busy(ocipy, bundle):
    """A container that has used some processor time, and runs on."""
    box = ocipy.start(bundle, "sh", "-c", "n=0; while [ $n -lt 100000 ]; do n=$((n+1)); done; echo done; sleep 1000")
    host.wait_for(lambda: "done" in box.output(), "the work")

    def at_rest():
        status = host.status(box.pid)
        return status["Name"] == "sleep" and status["State"].startswith("S")

    # The execution of sleep takes processor time, too.
    host.wait_for(at_rest, "the sleep")
    return box


def stats(ocipy, box):
    text = ocipy("events", "--stats", box.id).ok().out
    assert text.endswith("}\n") and text.count("\n") == 1
    document = json.loads(text)
    assert list(document) == ["type", "id", "data"]
    assert (document["type"], document["id"]) == ("stats", box.id)
    return document["data"]


def test_document_has_the_members_that_callers_know(ocipy, busy):
    data = stats(ocipy, busy)
    assert list(data) == [
        "cpu", "cpuset", "memory", "pids", "blkio", "hugetlb", "intel_rdt", "network_interfaces"
    ]  # fmt: skip
    assert set(data["cpu"]) - {"psi"} == {"usage", "throttling"}
    assert {"total", "kernel", "user"} <= set(data["cpu"]["usage"])
    assert {"usage", "swap", "kernel", "kernelTCP", "raw"} <= set(data["memory"])
    for name in ("usage", "swap", "kernel", "kernelTCP"):
        assert {"limit", "failcnt"} <= set(data["memory"][name]) <= ENTRY
    assert set(data["cpuset"]) - {"cpus", "mems"} == {
        "cpu_exclusive", "mem_hardwall", "mem_exclusive", "memory_migrate", "memory_spread_page", "memory_spread_slab",
        "memory_pressure", "sched_load_balance", "sched_relax_domain_level",
    }  # fmt: skip
    assert data["intel_rdt"] == {}
    assert data["network_interfaces"] is None


def test_processor_time_is_in_nanoseconds(ocipy, busy):
    usage = stats(ocipy, busy)["cpu"]["usage"]
    if host.CGROUP_V2:
        lines = dict(line.split() for line in host.read_cgroup(busy.pid, "cpu", "cpu.stat").splitlines())
        assert usage["total"] == int(lines["usage_usec"]) * 1000
        assert usage["user"] == int(lines["user_usec"]) * 1000
    else:
        assert usage["total"] == int(host.read_cgroup(busy.pid, "cpuacct", "cpuacct.usage"))
        assert usage["percpu"] == list(map(int, host.read_cgroup(busy.pid, "cpuacct", "cpuacct.usage_percpu").split()))
        assert len(usage["percpu_user"]) == len(usage["percpu_kernel"]) == len(usage["percpu"])
        ticks = dict(line.split() for line in host.read_cgroup(busy.pid, "cpuacct", "cpuacct.stat").splitlines())
        assert (usage["user"], usage["kernel"]) == (int(ticks["user"]) * 10**7, int(ticks["system"]) * 10**7)
    assert usage["total"] > 10**6


@requires.controller("cpu")
def test_throttling_is_counted(ocipy, bundle):
    bundle.resources["cpu"] = {"quota": 5000, "period": 50000}
    box = ocipy.start(bundle, "sh", "-c", "while :; do :; done")
    # The kernel counts a period when it ends, its time when the processes go on.
    host.wait_for(lambda: stats(ocipy, box)["cpu"]["throttling"].get("throttledTime", 0) > 10**6, "throttled time")
    throttling = stats(ocipy, box)["cpu"]["throttling"]
    assert set(throttling) == {"periods", "throttledPeriods", "throttledTime"}
    assert throttling["periods"] >= throttling["throttledPeriods"]
    assert throttling["throttledTime"] > 10**6


@requires.controller("memory")
def test_memory_usage_and_limit(ocipy, bundle):
    bundle.resources["memory"] = {"limit": 64 << 20}
    box = ocipy.start(bundle, "sleep", "1000")
    memory = stats(ocipy, box)["memory"]
    assert memory["usage"]["limit"] == 64 << 20
    assert 0 < memory["usage"]["usage"] <= 64 << 20
    assert memory["usage"]["failcnt"] == 0
    lines = dict(line.split() for line in host.read_cgroup(box.pid, "memory", "memory.stat").splitlines())
    assert set(memory["raw"]) == set(lines)


@requires.controller("memory")
@requires.cgroup_v2
def test_no_limit_is_the_largest_number_v2(ocipy, busy):
    memory = stats(ocipy, busy)["memory"]
    assert memory["usage"]["limit"] == 2**64 - 1
    assert memory["swap"]["usage"] >= memory["usage"]["usage"]


@requires.controller("memory")
@requires.cgroup_v2
def test_swap_is_memory_and_swap_together_v2(ocipy, bundle):
    bundle.resources["memory"] = {"limit": 64 << 20, "swap": 96 << 20}
    box = ocipy.start(bundle, "sleep", "1000")
    if not (host.cgroup(box.pid, "memory") / "memory.swap.max").exists():
        pytest.skip("this kernel does not account swap")
    assert stats(ocipy, box)["memory"]["swap"]["limit"] == 96 << 20


@requires.controller("memory")
def test_cache_is_what_the_kernel_says(ocipy, bundle, scratch):
    bundle.mount("/tmp", "bind", scratch, "rbind")
    script = "dd if=/dev/zero of=/tmp/new bs=1M count=3 2>/dev/null; echo done; sleep 1000"
    box = ocipy.start(bundle, "sh", "-c", script)
    host.wait_for(lambda: "done" in box.output(), "the file")
    memory = stats(ocipy, box)["memory"]
    assert memory["cache"] == memory["raw"]["file" if host.CGROUP_V2 else "cache"]
    assert memory["cache"] >= 3 << 20


@requires.controller("pids")
def test_pids_and_their_limit(ocipy, bundle):
    bundle.resources["pids"] = {"limit": 77}
    box = ocipy.start(bundle, "sh", "-c", "sleep 1000 & echo ready; wait")
    host.wait_for(lambda: len(host.processes_of(box.id)) == 2, "two processes")
    assert stats(ocipy, box)["pids"] == {"current": 2, "limit": 77}


@requires.controller("pids")
@requires.cgroupfs
def test_no_limit_of_pids_is_left_out(ocipy, busy):
    assert set(stats(ocipy, busy)["pids"]) == {"current"}


@requires.controller("cpuset")
@requires.cgroup_v1
def test_cpuset_is_a_list_of_numbers_v1(ocipy, bundle):
    bundle.resources["cpu"] = {"cpus": "0-1", "mems": "0"}
    cpuset = stats(ocipy, ocipy.start(bundle, "sleep", "1000"))["cpuset"]
    assert (cpuset["cpus"], cpuset["mems"]) == ([0, 1], [0])
    assert (cpuset["sched_load_balance"], cpuset["sched_relax_domain_level"]) == (1, -1)


@requires.cgroup_v2
def test_pressure_is_told_v2(ocipy, busy):
    data = stats(ocipy, busy)
    if not (host.cgroup(busy.pid, "cpu") / "cpu.pressure").exists():
        pytest.skip("this kernel has no pressure stall information")
    assert set(data["cpu"]["psi"]["some"]) == {"avg10", "avg60", "avg300", "total"}


@requires.controller("blkio")
def test_traffic_of_block_devices_is_told(ocipy, bundle, scratch):
    bundle.mount("/tmp", "bind", scratch, "rbind")
    script = "dd if=/dev/zero of=/tmp/new bs=1M count=4 conv=fsync 2>&1; dd if=/tmp/new of=/dev/null iflag=direct 2>&1"
    box = ocipy.start(bundle, "sh", "-c", f"({script}) >/dev/null; echo done; sleep 1000")
    host.wait_for(lambda: "done" in box.output(), "the file")
    blkio = stats(ocipy, box)["blkio"]
    seen = {name for name in blkio if name != "psi"}
    if not seen:
        lines = [
            path for path in host.cgroup(box.pid, "blkio").iterdir()
            if path.name in ("io.stat", "blkio.throttle.io_serviced") and ":" in path.read_text()
        ]
        assert not lines
        pytest.skip("the kernel counted nothing on the disk of this machine")
    entry = blkio["ioServiceBytesRecursive"][0]
    assert {"major", "op"} <= set(entry) <= {"major", "minor", "op", "value"}


@pytest.mark.parametrize("words", [["--stats"], []])
def test_stopped_container_is_said_not_to_run(ocipy, bundle, words):
    box = ocipy.start(bundle, "true")
    box.wait()
    assert ocipy("events", *words, box.id).refused("is not running").code == 1


def test_missing_container_is_said_not_to_exist(ocipy):
    assert ocipy("events", "--stats", ocipy.new_id()).refused("container does not exist").code == 1


def test_created_container_has_statistics(ocipy, bundle):
    assert stats(ocipy, ocipy.create(bundle, "true"))["pids"]["current"] > 0


@requires.controller("freezer")
def test_paused_container_has_statistics(ocipy, busy):
    ocipy("pause", busy.id).ok()
    assert stats(ocipy, busy)["cpu"]["usage"]["total"] > 0
    ocipy("resume", busy.id).ok()


@pytest.mark.parametrize("interval", ["0", "0s", "-1s", "5", "soon", "", "1.5.5s", "１s"])
def test_interval_that_is_none_is_refused(ocipy, bundle, interval):
    ocipy("events", f"--interval={interval}", "--stats", ocipy.create(bundle, "true").id).refused("interval")


@pytest.mark.parametrize("interval", ["5s", "100ms", "1m30s", "1.5h", "20us", "7ns"])
def test_interval_is_a_duration_of_go(ocipy, bundle, interval):
    ocipy("events", "--interval", interval, "--stats", ocipy.create(bundle, "true").id).ok()


@pytest.fixture
def follow(ocipy):
    """A function that starts `events` and gives the process, whose lines are read as JSON by `document(process)`."""
    started = []

    def begin(box, *words):
        started.append(ocipy.spawn("events", *words, box.id, stdout=subprocess.PIPE))
        return started[-1]

    yield begin
    for process in started:
        process.kill()
        process.wait()
        process.stdout.close()


def document(process):
    line = process.stdout.readline()
    return json.loads(line) if line else None


def test_statistics_come_at_each_interval(follow, busy):
    process = follow(busy, "--interval", "50ms")
    for _ in range(3):
        assert (document(process)["type"]) == "stats"
    assert process.poll() is None


@requires.ocipy_itself
def test_events_end_with_the_container(follow, busy):
    process = follow(busy, "--interval", "50ms")
    assert document(process)["id"] == busy.id
    busy.kill("KILL").ok()
    host.wait_for(lambda: document(process) is None, "the end of the stream")
    assert process.wait(host.PATIENCE) == 0


@requires.controller("memory")
@pytest.mark.parametrize("times", [1, 2])
def test_running_out_of_memory_is_an_event(follow, ocipy, bundle, scratch, times):
    place = scratch / "shared"
    place.mkdir()
    bundle.mount("/run", "bind", place, "rbind", "rw")
    bundle.resources["memory"] = {"limit": 16 << 20}
    eat = "dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null"
    script = "while [ ! -e /run/go{0} ]; do sleep 0.01; done; {1}; echo $?"
    scripts = "; ".join(script.format(number, eat) for number in range(times))
    box = ocipy.start(bundle, "sh", "-c", f"{scripts}; exec sleep 1000")
    process = follow(box, "--interval", "20ms")
    # The first line says that it watches.
    assert document(process)["type"] == "stats"
    for number in range(times):
        (place / f"go{number}").touch()
        line = host.wait_for(lambda: [found for found in [document(process)] if found["type"] == "oom"], "the event")[0]
        assert line == {"type": "oom", "id": box.id}
        host.wait_for(lambda number=number: box.output() == "137\n" * (number + 1), "the end of the eater")
    if not host.CGROUP_V2:
        assert stats(ocipy, box)["memory"]["usage"]["failcnt"] > 0


@requires.controller("memory")
@requires.ocipy_itself
def test_event_that_ends_the_container_is_told(follow, ocipy, bundle, scratch):
    place = scratch / "shared"
    place.mkdir()
    bundle.mount("/run", "bind", place, "rbind", "rw")
    bundle.resources["memory"] = {"limit": 16 << 20}
    eat = "exec dd if=/dev/zero of=/dev/null bs=64M count=1 2>/dev/null"
    box = ocipy.start(bundle, "sh", "-c", f"while [ ! -e /run/go ]; do sleep 0.01; done; {eat}")
    process = follow(box, "--interval", "20ms")
    assert document(process)["type"] == "stats"
    (place / "go").touch()
    host.wait_for(lambda: document(process)["type"] == "oom", "the event")
    while document(process):
        pass
    assert process.wait(host.PATIENCE) == 0
