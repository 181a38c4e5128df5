"""linux.namespaces: new, joined by path, or the host's: by the inodes of /proc/PID/ns."""

import os
import subprocess

import pytest
from support import host, requires

FILES = {"pid": "pid", "network": "net", "mount": "mnt", "ipc": "ipc", "uts": "uts", "cgroup": "cgroup", "time": "time"}


@pytest.mark.parametrize("type", FILES)
def test_a_new_namespace_differs_from_the_hosts(ocipy, bundle, type):
    box = ocipy.start(bundle.namespace(type), "sleep", "100")
    assert host.namespace(box.pid, FILES[type]) != host.namespace("self", FILES[type])


@pytest.mark.parametrize("type", FILES)
def test_other_namespaces_are_as_asked_for(ocipy, bundle, type):
    bundle.namespace("time").share(type)
    if type == "mount":
        del bundle.linux["maskedPaths"], bundle.linux["readonlyPaths"], bundle.config["mounts"]
    if type == "uts":
        del bundle.config["hostname"]
    box = ocipy.start(bundle, "sleep", "100")
    for other, name in FILES.items():
        same = host.namespace(box.pid, name) == host.namespace("self", name)
        assert same is (other == type), other


def test_user_namespace_is_the_hosts(ocipy, bundle):
    assert host.namespace(ocipy.create(bundle, "true").pid, "user") == host.namespace("self", "user")


@pytest.fixture
def holder():
    """A process in new namespaces of every type that can be joined."""
    types = ["--net", "--ipc", "--uts", "--mount", "--cgroup", "--time", "--pid"]
    process = subprocess.Popen(["unshare", *types, "--fork", "--kill-child", "sleep", "1000"])
    (pid,) = host.wait_for(lambda: host.children(process.pid), "the process")
    host.wait_for(lambda: host.status(pid)["Name"] == "sleep", "sleep")
    yield pid
    process.kill()
    process.wait()


@pytest.mark.parametrize("type", ["pid", "network", "ipc", "uts", "cgroup", "time"])
def test_a_namespace_is_joined_by_its_path(ocipy, bundle, holder, type):
    path = f"/proc/{holder}/ns/{FILES[type]}"
    box = ocipy.start(bundle.namespace(type, path), "sleep", "100")
    assert host.namespace(box.pid, FILES[type]) == os.readlink(path)
    others = set(FILES) - {type, "time"}
    assert all(host.namespace(box.pid, FILES[o]) != host.namespace(holder, FILES[o]) for o in others)


@requires.ocipy_itself
def test_a_mount_namespace_is_joined_by_its_path(ocipy, bundle, holder):
    path = f"/proc/{holder}/ns/mnt"
    box = ocipy.start(bundle.namespace("mount", path), "sleep", "100")
    assert host.namespace(box.pid, "mnt") == os.readlink(path)


def test_two_containers_share_a_network_namespace(ocipy, bundle, make_bundle):
    first = ocipy.start(bundle, "nc", "-l", "-p", "7777", "-e", "echo", "hello from the first")
    second = make_bundle().namespace("network", f"/proc/{first.pid}/ns/net")
    tables = host.Path(f"/proc/{first.pid}/net/tcp"), host.Path(f"/proc/{first.pid}/net/tcp6")
    host.wait_for(lambda: any(":1E61 " in table.read_text() for table in tables), "the listener")
    assert ocipy.run(second, "nc", "127.0.0.1", "7777").ok().out == "hello from the first\n"


def test_two_containers_share_a_pid_namespace(ocipy, bundle, make_bundle):
    first = ocipy.start(bundle, "sleep", "1234")
    second = make_bundle().namespace("pid", f"/proc/{first.pid}/ns/pid")
    assert "sleep 1234" in ocipy.run(second, "ps").ok().out


def test_joined_pid_namespace_does_not_end_with_the_container(ocipy, bundle, make_bundle):
    first = ocipy.start(bundle, "sleep", "1000")
    second = ocipy.start(make_bundle().namespace("pid", f"/proc/{first.pid}/ns/pid"), "sleep", "1000")
    second.kill("KILL").ok()
    second.wait()
    second.delete().ok()
    assert host.alive(first.pid)


def test_new_network_namespace_has_loopback_up(ocipy, bundle):
    bundle.capabilities("CAP_NET_RAW")
    result = ocipy.run(bundle, "sh", "-c", "ip addr show lo; ping -c 1 127.0.0.1 >/dev/null && echo pong").ok()
    assert "LOOPBACK,UP" in result.out
    assert "127.0.0.1" in result.out


def test_joined_network_namespace_is_left_as_it_is(ocipy, bundle, holder):
    bundle.namespace("network", f"/proc/{holder}/ns/net")
    assert "UP" not in ocipy.run(bundle, "ip", "link", "show", "lo").ok().out.partition(">")[0]


def test_joined_pid_namespace_has_the_container_not_as_pid_1(ocipy, bundle, holder):
    bundle.namespace("pid", f"/proc/{holder}/ns/pid")
    assert int(ocipy.run(bundle, "sh", "-c", "echo $$").ok().out) > 1


def test_hosts_uts_namespace_is_not_renamed(ocipy, bundle):
    ocipy.created(bundle.share("uts"), "true").refused("hostname", "uts")


def test_offsets_of_a_time_namespace(ocipy, bundle):
    day = 86400
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"boottime": {"secs": 1000 * day}, "monotonic": {"secs": 500 * day, "nanosecs": 7}}
    seconds = float(ocipy.run(bundle, "cat", "/proc/uptime").ok().out.split()[0])
    own = float(host.Path("/proc/uptime").read_text().split()[0])
    assert 1000 * day <= seconds - own + 1 < 1000 * day + 3600


def test_offsets_of_the_time_namespace_are_the_programs(ocipy, bundle):
    bundle.namespace("time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 4000, "nanosecs": 5}, "boottime": {"secs": -1}}
    box = ocipy.start(bundle, "sleep", "100")
    offsets = host.Path(f"/proc/{box.pid}/timens_offsets").read_text().split()
    assert offsets == ["monotonic", "4000", "5", "boottime", "-1", "0"]


@requires.ocipy_itself
@pytest.mark.parametrize("setup", ["absent", "joined"])
def test_offsets_need_a_new_time_namespace(ocipy, bundle, holder, setup):
    if setup == "joined":
        bundle.namespace("time", f"/proc/{holder}/ns/time")
    bundle.linux["timeOffsets"] = {"monotonic": {"secs": 1}}
    ocipy.created(bundle, "true").refused("linux.timeOffsets")


@requires.ocipy_itself
def test_relative_path_of_a_namespace_is_refused(ocipy, bundle):
    bundle.namespace("ipc", "proc/self/ns/ipc")
    ocipy.created(bundle, "true", cwd="/").refused("linux.namespaces", "absolute")


@pytest.mark.parametrize("type", ["pid", "network", "mount", "ipc", "uts", "cgroup", "time"])
def test_path_of_another_type_of_namespace_is_refused(ocipy, bundle, holder, type):
    other = "ipc" if type != "ipc" else "uts"
    bundle.namespace(type, f"/proc/{holder}/ns/{other}")
    if type == "mount":
        del bundle.linux["maskedPaths"], bundle.linux["readonlyPaths"], bundle.config["mounts"]
    ocipy.created(bundle, "true").refused(f"/proc/{holder}/ns/{other}")
    assert host.statesnap(ocipy.root) == []


@pytest.mark.parametrize("kind", ["file", "absent"])
def test_path_that_is_no_namespace_is_refused(ocipy, bundle, scratch, kind):
    if kind == "file":
        (scratch / "place").write_text("")
    bundle.namespace("ipc", scratch / "place")
    ocipy.created(bundle, "true").refused(str(scratch / "place"))


def test_namespace_that_is_listed_twice_is_refused(ocipy, bundle):
    bundle.linux["namespaces"].append({"type": "ipc"})
    ocipy.created(bundle, "true").refused("namespace")
    assert host.statesnap(ocipy.root) == []


def test_a_bound_namespace_outlives_its_maker(ocipy, bundle, scratch):
    place = scratch / "uts"
    place.write_text("")
    subprocess.run(["unshare", f"--uts={place}", "hostname", "kept"], check=True)
    try:
        del bundle.config["hostname"]
        assert ocipy.run(bundle.namespace("uts", place), "hostname").ok().out == "kept\n"
    finally:
        subprocess.run(["umount", place], check=True)


def test_lsns_on_the_host_shows_the_namespaces(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    types = os.popen(f"lsns -n -o TYPE,PID -p {box.pid}").read().split("\n")
    owned = {line.split()[0] for line in types if line.split()[1:] == [str(box.pid)]}
    assert owned == {"pid", "net", "mnt", "ipc", "uts", "cgroup"}
