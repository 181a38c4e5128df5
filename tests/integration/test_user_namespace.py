"""User namespaces: ids as mapped, everything else owned by the namespace, and the host's root out of reach."""

import fcntl
import os
import subprocess
from pathlib import Path

import pytest
from support import host, requires
from support.runtime import command
from support.users import FIRST, mapped

_NS_GET_USERNS = 0xB701  # ioctl_ns(2)


def ids(pid, kind):
    lines = Path(f"/proc/{pid}/{kind}_map").read_text().splitlines()
    return [tuple(map(int, line.split())) for line in lines]


@pytest.mark.parametrize("mappings", [
    [(0, FIRST, 65536)],
    [(0, FIRST, 1), (1, 300_000, 1000), (5000, 200_000, 10)],
], ids=["one", "many"])
@pytest.mark.parametrize("kind", ["uid", "gid"])
def test_id_map_is_as_asked(ocipy, bundle, mappings, kind):
    box = ocipy.start(mapped(bundle, *mappings), "sleep", "100")
    assert ids(box.pid, kind) == mappings


def test_a_new_user_namespace_differs_from_the_hosts(ocipy, bundle):
    box = ocipy.start(mapped(bundle), "sleep", "100")
    assert host.namespace(box.pid, "user") != host.namespace("self", "user")
    shown = subprocess.check_output(["lsns", "-n", "-t", "user", "-o", "PID", "-p", str(box.pid)], text=True)
    assert shown.split() == [str(box.pid)]


@pytest.mark.parametrize("kind", ["pid", "net", "mnt", "ipc", "uts", "cgroup"])
def test_other_new_namespaces_are_owned_by_the_user_namespace(ocipy, bundle, kind):
    box = ocipy.start(mapped(bundle), "sleep", "100")
    with open(f"/proc/{box.pid}/ns/{kind}") as file:
        owner = fcntl.ioctl(file, _NS_GET_USERNS)
    try:
        assert os.fstat(owner).st_ino == os.stat(f"/proc/{box.pid}/ns/user").st_ino
    finally:
        os.close(owner)


def test_root_inside_is_a_mere_user_of_the_host(ocipy, bundle):
    box = ocipy.start(mapped(bundle), "sh", "-c", "id -u; touch /made; sleep 100")
    host.wait_for((bundle.rootfs / "made").exists, "the file")
    status = (bundle.rootfs / "made").stat()
    assert (status.st_uid, status.st_gid) == (FIRST, FIRST)
    assert host.status(box.pid)["Uid"].split() == [str(FIRST)] * 4
    assert host.status(box.pid)["Groups"] == ""
    assert box.output() == "0\n"


def test_user_and_groups_of_the_process_are_those_inside(ocipy, bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 1001, "additionalGids": [7, 8]}
    box = ocipy.start(mapped(bundle), "sleep", "100")
    assert host.status(box.pid)["Uid"].split()[0] == str(FIRST + 1000)
    assert host.status(box.pid)["Gid"].split()[0] == str(FIRST + 1001)
    assert host.status(box.pid)["Groups"].split() == [str(FIRST + 7), str(FIRST + 8)]


@requires.ocipy_itself
@pytest.mark.parametrize(("user", "property"), [
    ({"uid": 65536, "gid": 0}, "process.user.uid"),
    ({"uid": 0, "gid": 70000}, "process.user.gid"),
    ({"uid": 0, "gid": 0, "additionalGids": [1, 65536]}, "process.user.additionalGids[1]"),
])
def test_user_outside_the_mappings_is_refused_by_name(ocipy, bundle, user, property):
    bundle.process["user"] = user
    ocipy.created(mapped(bundle), "true").refused(property, "not mapped")


@requires.ocipy_itself
@pytest.mark.parametrize(("uids", "said"), [
    ([], "required"),
    ([(0, FIRST, 10), (5, 300_000, 10)], "same containerID"),
    ([(0, FIRST, 10), (10, FIRST + 5, 10)], "same hostID"),
    ([(0, 4_294_967_290, 10)], "last id"),
])
def test_mappings_that_the_kernel_would_refuse_are_refused_by_name(ocipy, bundle, uids, said):
    mapped(bundle)
    bundle.linux["uidMappings"] = [
        {"containerID": inside, "hostID": outside, "size": size} for inside, outside, size in uids
    ]
    ocipy.created(bundle, "true").refused("linux.uidMappings", said)


def test_mappings_without_a_user_namespace_are_refused(ocipy, bundle):
    ocipy.created(mapped(bundle).share("user"), "true").refused("user namespace")


def test_container_whose_id_0_is_not_mapped_runs(ocipy, bundle):
    bundle.process["user"] = {"uid": 5, "gid": 5}
    result = ocipy.run(mapped(bundle, (5, FIRST, 10)), "id", "-u").ok()
    assert result.out == "5\n"


def test_every_capability_can_be_had_inside(ocipy, bundle):
    bundle.capabilities("CAP_SYS_ADMIN", "CAP_SYS_RESOURCE", "CAP_NET_ADMIN")
    script = "mount -t tmpfs none /tmp && hostname other && ip link set lo down && echo done"
    assert ocipy.run(mapped(bundle).unmount("/sys"), "sh", "-c", script).ok().out == "done\n"


def test_capabilities_count_for_nothing_on_the_host(ocipy, bundle):
    bundle.capabilities("CAP_SYS_ADMIN", "CAP_SYS_TIME", "CAP_MKNOD", "CAP_DAC_OVERRIDE")
    script = "date -s 2000-01-01; mknod /tmp/sda b 8 0; echo 1 >/proc/sys/kernel/panic; ls /tmp"
    result = ocipy.run(mapped(bundle), "sh", "-c", script)
    assert result.out.count("\n") <= 2 and "sda" not in result.out
    assert result.err.count("not permitted") >= 2


def test_devices_are_bound_from_the_host(ocipy, bundle):
    box = ocipy.start(mapped(bundle), "sh", "-c", "echo x >/dev/null && head -c 3 /dev/zero | wc -c; sleep 100")
    for name in ("null", "zero", "full", "random", "urandom", "tty"):
        assert host.mount_at(box.pid, f"/dev/{name}").root == f"/{name}"
        assert os.stat(f"/proc/{box.pid}/root/dev/{name}").st_rdev == os.stat(f"/dev/{name}").st_rdev
    host.wait_for(lambda: box.output() == "3\n", "the output")


@requires.ocipy_itself
def test_device_that_the_host_lacks_cannot_be_bound(ocipy, bundle):
    bundle.linux["devices"] = [{"path": "/dev/none", "type": "c", "major": 1, "minor": 3}]
    ocipy.created(mapped(bundle), "true").refused("linux.devices[0]", "/dev/none")


def test_fifo_is_made_for_the_user_inside(ocipy, bundle):
    bundle.linux["devices"] = [{"path": "/dev/pipe", "type": "p", "fileMode": 0o640, "uid": 3, "gid": 4}]
    box = ocipy.start(mapped(bundle), "sleep", "100")
    status = os.stat(f"/proc/{box.pid}/root/dev/pipe")
    assert (status.st_uid, status.st_gid, status.st_mode & 0o777) == (FIRST + 3, FIRST + 4, 0o640)


def test_sysfs_is_the_hosts_where_the_network_is(ocipy, bundle):
    box = ocipy.start(mapped(bundle).share("network"), "sleep", "100")
    mount = host.mount_at(box.pid, "/sys")
    assert mount.type == "sysfs" and {"ro", "nosuid", "nodev", "noexec"} <= mount.options


def test_mqueue_is_the_hosts_where_ipc_is(ocipy, bundle, scratch):
    mapped(bundle).share("ipc").args("ls", "/dev/mqueue").write()
    script = f"""
    mount --make-rprivate /
    made=$(mkdir /dev/mqueue && echo yes)
    mount -t mqueue none /dev/mqueue
    touch /dev/mqueue/{scratch.name}
    {command()} --root {ocipy.root} run -b {bundle.path} {ocipy.new_id()} || true
    rm /dev/mqueue/{scratch.name}
    umount /dev/mqueue
    [ -z "$made" ] || rmdir /dev/mqueue"""
    done = subprocess.run(["unshare", "-m", "sh", "-c", script], capture_output=True, text=True)
    assert done.stdout == f"{scratch.name}\n", done.stderr


def test_score_and_limits_are_set_with_the_rights_of_the_host(ocipy, bundle):
    bundle.process["oomScoreAdj"] = int(Path("/proc/self/oom_score_adj").read_text()) + 1
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 100, "hard": 200}]
    box = ocipy.start(mapped(bundle), "sleep", "100")
    assert int(Path(f"/proc/{box.pid}/oom_score_adj").read_text()) == bundle.process["oomScoreAdj"]
    limits = Path(f"/proc/{box.pid}/limits").read_text()
    assert limits.partition("Max open files")[2].split()[:2] == ["100", "200"]


def test_sysctl_of_the_containers_network_is_written(ocipy, bundle):
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "9000"}
    result = ocipy.run(mapped(bundle), "cat", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/kernel/msgmax").ok()
    assert result.out == "1\n9000\n"


def test_root_that_only_the_hosts_root_can_reach(ocipy, bundle, scratch):
    """As in a store of images whose directory is closed to others."""
    mapped(bundle)
    scratch.chmod(0o700)
    assert ocipy.run(bundle, "echo", "reached").ok().out == "reached\n"


def test_user_namespace_by_path_is_joined_with_all_that_it_owns(ocipy, bundle, make_bundle):
    first = ocipy.start(mapped(bundle), "sleep", "100")
    second = make_bundle(bundle.rootfs).namespace("user", f"/proc/{first.pid}/ns/user")
    second.namespace("network", f"/proc/{first.pid}/ns/net").namespace("ipc", f"/proc/{first.pid}/ns/ipc")
    second.path.chmod(0o755)
    box = ocipy.start(second, "sleep", "100")
    for kind in ("user", "net", "ipc"):
        assert host.namespace(box.pid, kind) == host.namespace(first.pid, kind)
    assert host.namespace(box.pid, "pid") != host.namespace(first.pid, "pid")
    assert host.status(box.pid)["Uid"].split()[0] == str(FIRST)
    with open(f"/proc/{box.pid}/ns/pid") as file:
        owner = fcntl.ioctl(file, _NS_GET_USERNS)
    assert os.fstat(owner).st_ino == os.stat(f"/proc/{first.pid}/ns/user").st_ino
    os.close(owner)


@requires.ocipy_itself
def test_mappings_beside_a_path_are_not_used_with_a_warning(ocipy, bundle, make_bundle):
    """podman writes 0:0:1 beside the path, for runc."""
    first = ocipy.start(mapped(bundle), "sleep", "100")
    second = make_bundle(bundle.rootfs).namespace("user", f"/proc/{first.pid}/ns/user")
    second.path.chmod(0o755)
    second.linux["uidMappings"] = [{"containerID": 0, "hostID": 0, "size": 1}]
    result = ocipy.run(second, "cat", "/proc/self/uid_map").ok()
    assert result.out.split() == ["0", str(FIRST), "65536"]
    assert "linux.uidMappings" in result.err


@pytest.fixture
def closed_namespace():
    """A user namespace as one without privileges makes it: setgroups(2) is denied in it for good."""
    process = subprocess.Popen(["unshare", "-U", "sh", "-c", "echo ready; exec sleep 1000"], stdout=subprocess.PIPE)
    process.stdout.readline()
    for name, text in (("setgroups", "deny"), ("uid_map", f"0 {FIRST} 100"), ("gid_map", f"0 {FIRST} 100")):
        Path(f"/proc/{process.pid}/{name}").write_text(text)
    yield f"/proc/{process.pid}/ns/user"
    process.kill()
    process.wait()


@requires.ocipy_itself
def test_groups_where_setgroups_is_denied(ocipy, bundle, closed_namespace):
    mapped(bundle).namespace("user", closed_namespace)
    for name in ("uidMappings", "gidMappings"):
        del bundle.linux[name]
    # No group of the container's terminals is mapped there.
    assert ocipy.run(bundle, "id", "-u").ok().out == "0\n"
    bundle.process["user"] = {"uid": 0, "gid": 0, "additionalGids": [5]}
    ocipy.created(bundle, "true").refused("process.user.additionalGids", "setgroups")


def test_terminal_belongs_to_the_user_inside(ocipy, bundle):
    bundle.process["terminal"] = True
    result = ocipy.run(mapped(bundle), "sh", "-c", "test -t 0 && stat -c %u /dev/console").ok()
    assert result.out.strip() == "0"


def test_hooks_in_the_container_run_as_its_root(ocipy, bundle):
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "id -u >/tmp/who"]}]}
    ocipy.run(mapped(bundle), "true").ok()
    assert (bundle.rootfs / "tmp/who").read_text() == "0\n"


def test_mapping_changes_no_owner_of_the_root_file_system(ocipy, bundle):
    (bundle.rootfs / "etc/foreign").write_text("")
    mapped(bundle)
    os.chown(bundle.rootfs / "etc/foreign", 7, 8)
    before = sorted((path.name, path.lstat().st_uid, path.lstat().st_gid) for path in (bundle.rootfs / "etc").iterdir())
    ocipy.run(bundle, "true").ok()
    after = sorted((path.name, path.lstat().st_uid, path.lstat().st_gid) for path in (bundle.rootfs / "etc").iterdir())
    assert after == before and ("foreign", 7, 8) in after
