"""mounts: every kind of file system, destinations, order."""

import os

import pytest
from support import host, requires


def test_bind_of_a_directory(ocipy, bundle, scratch):
    (scratch / "data").mkdir()
    (scratch / "data/file").write_text("content")
    bundle.mount("/mnt/deep/er", "bind", scratch / "data", "bind")
    assert ocipy.run(bundle, "cat", "/mnt/deep/er/file").ok().out == "content"


def test_bind_of_a_file_makes_an_empty_file_as_destination(ocipy, bundle, scratch):
    (scratch / "file").write_text("content")
    bundle.mount("/new/place", "bind", scratch / "file", "bind", "ro")
    assert ocipy.run(bundle, "cat", "/new/place").ok().out == "content"
    assert (bundle.rootfs / "new/place").read_text() == ""


def test_writes_through_a_bind_reach_the_source(ocipy, bundle, scratch):
    (scratch / "data").mkdir()
    ocipy.run(bundle.mount("/data", "bind", scratch / "data", "rbind", "rw"), "touch", "/data/made").ok()
    assert (scratch / "data/made").exists()


def test_source_of_a_bind_is_relative_to_the_bundle(ocipy, bundle):
    (bundle.path / "data").mkdir()
    (bundle.path / "data/file").write_text("beside\n")
    assert ocipy.run(bundle.mount("/data", "bind", "data", "bind"), "cat", "/data/file").ok().out == "beside\n"


def test_type_is_irrelevant_with_the_option_bind(ocipy, bundle, scratch):
    (scratch / "file").write_text("content")
    assert ocipy.run(bundle.mount("/f", "none", scratch / "file", "rbind"), "cat", "/f").ok().out == "content"


@pytest.mark.parametrize("destination", ["/a/../b", "/a/./b/", "//a//b"])
def test_destination_is_cleaned(ocipy, bundle, destination):
    box = ocipy.create(bundle.mount(destination, "tmpfs", "x"), "true")
    expected = os.path.normpath(destination).replace("//", "/")
    assert host.mount_at(box.pid, expected).type == "tmpfs"


def test_destination_through_an_absolute_link_stays_inside(ocipy, bundle, scratch):
    (scratch / "outside").mkdir()
    (bundle.rootfs / "link").symlink_to(scratch / "outside")
    box = ocipy.create(bundle.mount("/link/x", "tmpfs", "x"), "true")
    assert host.mount_at(box.pid, f"{scratch}/outside/x").type == "tmpfs"
    assert list((scratch / "outside").iterdir()) == []


def test_later_mount_covers_an_earlier_one(ocipy, bundle, scratch):
    (scratch / "file").write_text("content")
    bundle.mount("/m", "tmpfs", "x").mount("/m/file", "bind", scratch / "file", "bind")
    assert ocipy.run(bundle, "cat", "/m/file").ok().out == "content"
    assert not (bundle.rootfs / "m/file").exists()


def test_mounts_are_made_in_the_listed_order(ocipy, bundle):
    bundle.mount("/m/below", "tmpfs", "first").mount("/m", "tmpfs", "second")
    box = ocipy.create(bundle, "true")
    assert [mount.source for mount in host.mounts(box.pid) if mount.target.startswith("/m")][-2:] == ["first", "second"]
    assert box.exec("ls", "/m") == ""


def test_relative_destination_is_below_the_root(ocipy, bundle):
    box = ocipy.create(bundle.mount("relative/place", "tmpfs", "x"), "true")
    assert host.mount_at(box.pid, "/relative/place").type == "tmpfs"


def test_tmpfs_takes_size_and_mode(ocipy, bundle):
    bundle.mount("/t", "tmpfs", "x", "size=64k", "mode=1770", "nr_inodes=10")
    script = "stat -c %a /t; dd if=/dev/zero of=/t/big bs=1k count=100 2>/dev/null; stat -c %s /t/big"
    mode, size = ocipy.run(bundle, "sh", "-c", script).out.split()
    assert mode == "1770"
    assert int(size) == 64 * 1024


def test_tmpfs_is_empty_without_tmpcopyup(ocipy, bundle):
    bundle.file("data/file", "text")
    assert ocipy.run(bundle.mount("/data", "tmpfs", "x"), "ls", "/data").ok().out == ""


def test_tmpcopyup_copies_what_lies_below(ocipy, bundle):
    path = bundle.file("data/sub/file", "text", 0o640)
    os.chown(path, 0, 34)
    (bundle.rootfs / "data/link").symlink_to("sub/file")
    (bundle.rootfs / "data").chmod(0o711)
    bundle.mount("/data", "tmpfs", "x", "tmpcopyup")
    script = "cat /data/link; stat -c '%a %u %g' /data/sub/file; readlink /data/link; echo x >> /data/sub/file"
    assert ocipy.run(bundle, "sh", "-c", script).ok().out == "text640 0 34\nsub/file\n"
    assert path.read_text() == "text"


def test_read_only_tmpfs_with_tmpcopyup_has_the_copy(ocipy, bundle):
    bundle.file("data/file", "text")
    bundle.mount("/data", "tmpfs", "x", "tmpcopyup", "ro")
    result = ocipy.run(bundle, "sh", "-c", "cat /data/file; touch /data/new 2>&1")
    assert result.out.startswith("text")
    assert "Read-only file system" in result.out


def test_proc_is_of_the_new_pid_namespace(ocipy, bundle):
    assert ocipy.run(bundle, "sh", "-c", "cd /proc; echo [0-9]*; cat 1/comm").ok().out.split()[0] == "1"


def test_proc_takes_hidepid(ocipy, bundle):
    bundle.unmount("/proc")
    bundle.mounts.insert(0, {"destination": "/proc", "type": "proc", "source": "proc", "options": ["hidepid=2"]})
    box = ocipy.create(bundle, "true")
    assert {"hidepid=invisible", "hidepid=2"} & host.mount_at(box.pid, "/proc").super_options


def test_sysfs_shows_the_network_namespace_of_the_container(ocipy, bundle):
    assert ocipy.run(bundle, "ls", "/sys/class/net").ok().out.split() == ["lo"]


def test_devpts_is_a_new_instance(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert {"mode=620", "ptmxmode=666", "gid=5"} <= host.mount_at(box.pid, "/dev/pts").super_options
    assert ocipy.run(bundle, "ls", "/dev/pts").ok().out == "ptmx\n"


def test_mqueue_is_of_the_ipc_namespace(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert host.mount_at(box.pid, "/dev/mqueue").type == "mqueue"


@requires.cgroup_v1
def test_cgroup_v1_shows_each_controller(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    controllers = {path.name for path in host.CGROUP_ROOT.iterdir() if path.is_dir()}
    shown = {mount.target: mount for mount in host.mounts(box.pid) if mount.target.startswith("/sys/fs/cgroup/")}
    assert {target.rpartition("/")[2] for target in shown} >= controllers - {"unified"}
    for mount in shown.values():
        assert {"ro", "nosuid", "nodev", "noexec"} <= mount.options
    assert ocipy.run(bundle, "cat", "/sys/fs/cgroup/memory/tasks").ok().out.split() == ["1"]


@requires.cgroup_v1
@pytest.mark.parametrize("namespaced", [True, False])
def test_cgroup_v1_view_holds_the_container_alone(ocipy, bundle, namespaced):
    if not namespaced:
        bundle.share("cgroup")
    result = ocipy.run(bundle, "sh", "-c", "cat /sys/fs/cgroup/pids/cgroup.procs; mkdir /sys/fs/cgroup/pids/x 2>&1")
    assert result.out.split("\n")[0] == "1"
    assert "Read-only file system" in result.out


@requires.cgroup_v1
@requires.ocipy_itself
def test_writable_cgroup_v1_is_that_of_the_container(ocipy, bundle):
    bundle.unmount("/sys/fs/cgroup").mount("/sys/fs/cgroup", "cgroup", "cgroup", "rw")
    box = ocipy.start(bundle, "sh", "-c", "mkdir /sys/fs/cgroup/pids/inner && echo made; sleep 100")
    host.wait_for(lambda: "made" in box.output(), "the cgroup")
    assert (host.cgroup(box.pid, "pids") / "inner").is_dir()
    assert box.id in str(host.cgroup(box.pid, "pids"))


@requires.cgroup_v2
@pytest.mark.parametrize("namespaced", [True, False])
def test_cgroup_v2_shows_the_containers_own(ocipy, bundle, namespaced):
    if not namespaced:
        bundle.share("cgroup")
    box = ocipy.create(bundle, "sleep", "100")
    mount = host.mount_at(box.pid, "/sys/fs/cgroup")
    assert (mount.type, "ro" in mount.options) == ("cgroup2", True)
    assert box.start().exec("cat", "/sys/fs/cgroup/cgroup.procs").split()[0] == "1"


def test_overlay_of_lower_directories_with_an_upper(ocipy, bundle, scratch):
    # tmpfs, because what lies below may itself be an overlay, which takes no upper.
    layers = scratch / "layers"
    layers.mkdir()
    assert os.system(f"mount -t tmpfs tmpfs {layers}") == 0
    try:
        for name in ("low1", "low2", "up", "work"):
            (layers / name).mkdir()
        (layers / "low1/first").write_text("first ")
        (layers / "low2/second").write_text("second ")
        (layers / "low2/first").write_text("hidden ")
        data = f"lowerdir={layers}/low1:{layers}/low2", f"upperdir={layers}/up", f"workdir={layers}/work"
        bundle.mount("/merged", "overlay", "overlay", *data)
        script = "cd /merged; cat first second; echo new > third; rm first; echo more >> second"
        assert ocipy.run(bundle, "sh", "-c", script).ok().out == "first second "
        assert (layers / "up/third").read_text() == "new\n"
        assert (layers / "up/second").read_text() == "second more\n"
        assert (layers / "low1/first").read_text() == "first "
        assert (layers / "low2/second").read_text() == "second "
    finally:
        assert os.system(f"umount {layers}") == 0


def test_read_only_dev_still_has_its_devices(ocipy, bundle):
    for mount in bundle.mounts:
        if mount["destination"] == "/dev":
            mount["options"].append("ro")
    result = ocipy.run(bundle, "sh", "-c", "echo x > /dev/null && touch /dev/new 2>&1")
    assert "Read-only file system" in result.out
    assert "null" not in result.err


def test_bind_of_dev_is_left_as_it_is(ocipy, bundle, scratch):
    device = scratch / "dev"
    device.mkdir()
    bundle.mounts[:] = [mount for mount in bundle.mounts if not mount["destination"].startswith("/dev")]
    bundle.mount("/dev", "bind", device, "bind")
    ocipy.run(bundle, "true").ok()
    assert list(device.iterdir()) == []


@requires.ocipy_itself
@pytest.mark.parametrize("name", ["cpuinfo", "meminfo", "uptime"])
def test_a_file_may_stand_in_for_some_of_proc(ocipy, bundle, scratch, name):
    (scratch / "fake").write_text("fake\n")
    bundle.mount(f"/proc/{name}", "bind", scratch / "fake", "bind")
    assert ocipy.run(bundle, "cat", f"/proc/{name}").ok().out == "fake\n"


@pytest.mark.parametrize("destination", ["/proc/sys", "/proc/self/environ", "/proc/1", "/proc/sysrq-trigger"])
def test_no_other_place_in_proc_can_be_covered(ocipy, bundle, scratch, destination):
    (scratch / "fake").write_text("fake\n")
    ocipy.created(bundle.mount(destination, "bind", scratch / "fake", "bind"), "true").refused("inside /proc")


def test_config_without_mounts_and_linux_runs_in_the_hosts_namespaces(ocipy, bundle):
    del bundle.config["mounts"], bundle.config["linux"], bundle.config["hostname"]
    del bundle.process["capabilities"]
    assert ocipy.run(bundle, "echo", "plain").ok().out == "plain\n"


@pytest.mark.parametrize(
    ("path", "type"), [("/proc", "proc"), ("/sys", "sysfs"), ("/dev/pts", "devpts"), ("/dev/shm", "tmpfs")]
)
def test_default_file_system_is_there_with_the_default_config(ocipy, bundle, path, type):
    assert host.mount_at(ocipy.create(bundle, "true").pid, path).type == type
