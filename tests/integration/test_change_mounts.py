"""mounts add and mounts remove: the mounts of a container that exists."""

import json
import os

import pytest
from support import host, requires
from support.users import mapped

pytestmark = requires.ocipy_itself


def entry(destination, type="tmpfs", source="tmpfs", *options):
    document = {"destination": destination, "source": str(source), "options": list(options)}
    return {**document, "type": type} if type else document


def bind(source, destination, *options):
    return entry(destination, "", source, "rbind", *options)


@pytest.fixture
def change(ocipy, scratch):
    """A function that adds or removes mounts of a container, given as in config.json."""

    def change(action, box, *mounts):
        (scratch / "mounts.json").write_text(json.dumps(mounts))
        return ocipy("mounts", action, box.id, scratch / "mounts.json")

    return change


@pytest.fixture
def volume(scratch):
    directory = scratch / "volume"
    directory.mkdir()
    (directory / "file").write_text("of the volume")
    return directory


def table(box):
    """The mounts of a container, without the numbers that tell nothing."""
    return [(mount.target, mount.type, mount.root) for mount in host.mounts(box.pid)]


@pytest.mark.parametrize("status", ["created", "running", "paused"])
def test_mount_is_added_in_every_status(ocipy, bundle, change, volume, status):
    box = ocipy.create(bundle, "sleep", "100")
    if status != "created":
        box.start()
    if status == "paused":
        ocipy("pause", box.id).ok()
    change("add", box, entry("/data/scratch", "tmpfs", "tmpfs", "size=64k", "nosuid"), bind(volume, "/data/vol")).ok()
    made = host.mount_at(box.pid, "/data/scratch")
    assert made.type == "tmpfs" and "nosuid" in made.options and "size=64k" in made.super_options
    assert host.mount_at(box.pid, "/data/vol").root.endswith("/volume")
    assert box.status() == status


def test_added_mounts_are_for_the_container_alone(ocipy, bundle, change, volume):
    before = host.mntsnap("")
    box = ocipy.start(bundle, "sleep", "100")
    change("add", box, bind(volume, "/data"), entry("/tmp")).ok()
    assert host.mntsnap("") == before


def test_program_sees_what_is_added(ocipy, bundle, change, volume):
    script = "echo ready; while [ ! -e /data/file ]; do sleep 0.01; done; cat /data/file"
    box = ocipy.start(bundle, "sh", "-c", script)
    change("add", box, bind(volume, "/data")).ok()
    box.wait()
    assert box.output() == "ready\nof the volume"


def test_options_are_those_of_config_json(ocipy, bundle, change, volume):
    box = ocipy.start(bundle, "sleep", "100")
    change("add", box, bind(volume, "/a", "ro", "nodev"), entry("/b", "tmpfs", "tmpfs", "ro", "mode=700")).ok()
    assert {"ro", "nodev"} <= host.mount_at(box.pid, "/a").options
    assert "ro" in host.mount_at(box.pid, "/b").options
    assert os.stat(f"/proc/{box.pid}/root/b").st_mode & 0o7777 == 0o700


def test_file_is_bound_on_a_file_that_is_made(ocipy, bundle, change, volume):
    box = ocipy.start(bundle, "sleep", "100")
    change("add", box, bind(volume / "file", "/new/place")).ok()
    assert (host.Path(f"/proc/{box.pid}/root/new/place")).read_text() == "of the volume"


def test_relative_source_is_relative_to_the_bundle(ocipy, bundle, change):
    (bundle.path / "beside").mkdir()
    box = ocipy.start(bundle, "sleep", "100")
    change("add", box, bind("beside", "/data")).ok()
    assert host.mount_at(box.pid, "/data").root.endswith("/beside")


def test_remove_takes_away_what_add_made(ocipy, bundle, change, volume):
    box = ocipy.start(bundle, "sleep", "100")
    before = table(box)
    mounts = [entry("/data"), bind(volume, "/data/below"), entry("/data/below/deeper")]
    (volume / "deeper").mkdir()
    change("add", box, *mounts).ok()
    assert len(table(box)) == len(before) + 3
    change("remove", box, *mounts).ok()
    assert table(box) == before


def test_remove_needs_the_destinations_alone(ocipy, bundle, change):
    box = ocipy.start(bundle, "sleep", "100")
    before = table(box)
    change("add", box, entry("/data")).ok()
    change("remove", box, {"destination": "/data"}).ok()
    assert table(box) == before


@pytest.mark.parametrize("user", [False, True])
def test_mount_that_fails_takes_those_before_it_back(ocipy, bundle, change, volume, user):
    box = ocipy.start(mapped(bundle) if user else bundle, "sleep", "100")
    before = table(box)
    (bundle.rootfs / "place").write_text("")
    mounts = [entry("/data"), bind(volume, "/data/below"), entry("/place")]
    result = change("add", box, *mounts).refused("mounts[2]", "/place")
    assert (result.code, len(result.err.splitlines())) == (1, 1)
    assert table(box) == before


def test_source_that_is_missing_changes_nothing(ocipy, bundle, change, scratch):
    box = ocipy.start(bundle, "sleep", "100")
    before = table(box)
    change("add", box, entry("/data"), bind(scratch / "missing", "/other")).refused("missing", "ENOENT")
    assert table(box) == before
    assert not (bundle.rootfs / "data").exists()


def test_nothing_is_removed_when_one_is_no_mount(ocipy, bundle, change):
    box = ocipy.start(bundle, "sleep", "100")
    change("add", box, entry("/data")).ok()
    before = table(box)
    change("remove", box, entry("/etc"), entry("/data")).refused("mounts[0]", "nothing is mounted on /etc")
    change("remove", box, entry("/data"), entry("/missing")).refused("/missing")
    assert table(box) == before


def test_mounts_of_one_place_are_removed_from_the_top(ocipy, bundle, change):
    box = ocipy.start(bundle, "sleep", "100")
    before = table(box)
    change("add", box, entry("/data"), entry("/data")).ok()
    change("remove", box, entry("/data"), entry("/data")).ok()
    assert table(box) == before


def test_file_system_belongs_to_the_user_namespace_of_the_container(ocipy, bundle, change):
    box = ocipy.start(mapped(bundle), "sleep", "100")
    change("add", box, entry("/data"), entry("/queue", "mqueue", "mqueue")).ok()
    assert "0 0" in ocipy("exec", box.id, "stat", "-c", "%u %g", "/data").ok().out
    ocipy("exec", box.id, "touch", "/data/file").ok()


def test_source_of_a_user_namespace_keeps_the_flags_of_the_host(ocipy, bundle, change, volume):
    """Its root could clear them otherwise: mount_namespaces(7), locked flags."""
    bundle.capabilities("CAP_SYS_ADMIN")
    os.system(f"mount -t tmpfs -o nodev,nosuid tmpfs {volume}")
    try:
        box = ocipy.start(mapped(bundle), "sleep", "100")
        change("add", box, bind(volume, "/data")).ok()
        assert {"nodev", "nosuid"} <= host.mount_at(box.pid, "/data").options
        assert ocipy("exec", box.id, "mount", "-o", "remount,bind,dev,suid", "/data").code != 0
        assert {"nodev", "nosuid"} <= host.mount_at(box.pid, "/data").options
    finally:
        os.system(f"umount -l {volume}")


@pytest.mark.parametrize(
    ("mount", "said"),
    [
        (entry("/proc2", "proc", "proc"), "mounts[0].type"),
        (entry("/cg", "cgroup", "cgroup"), "mounts[0].type"),
        (entry("/tmp", "tmpfs", "tmpfs", "remount", "ro"), "mounts[0].options"),
        (entry("/data", "", "/etc"), "mounts[0].type"),
        (entry("/data", "tmpfs", "tmpfs", "nonsense"), "nonsense"),
        (entry("/"), "cover the root"),
        ({"type": "tmpfs"}, "mounts[0].destination"),
        ({"destination": 7}, "mounts[0].destination"),
    ],
)
def test_mount_that_cannot_be_added_is_named(ocipy, bundle, change, mount, said):
    box = ocipy.start(bundle, "sleep", "100")
    before = table(box)
    change("add", box, mount).refused(said)
    assert table(box) == before


@pytest.mark.parametrize("text", ["", "{}", "[", "null", '{"mounts": []}', "[1]"])
def test_file_that_is_no_array_of_mounts_is_refused_in_one_line(ocipy, bundle, scratch, text):
    box = ocipy.create(bundle, "true")
    (scratch / "file").write_text(text)
    result = ocipy("mounts", "add", box.id, scratch / "file").refused()
    assert len(result.err.splitlines()) == 1 and "internal" not in result.err


def test_mounts_of_a_container_that_has_stopped_are_not_changed(ocipy, bundle, change):
    box = ocipy.start(bundle, "true")
    box.wait()
    change("add", box, entry("/data")).refused("stopped")


def test_mounts_of_no_container_are_refused(ocipy, scratch):
    (scratch / "file").write_text("[]")
    ocipy("mounts", "add", ocipy.new_id(), scratch / "file").refused("does not exist")


def test_container_that_shares_the_hosts_mounts_is_refused(ocipy, bundle, change):
    bundle.share("mount")
    bundle.mounts[:] = []
    bundle.linux.update(maskedPaths=[], readonlyPaths=[])
    box = ocipy.start(bundle, "sleep", "100")
    change("add", box, entry("/data")).refused("shares the host's mounts")


def test_unknown_action_is_refused(ocipy, bundle, change):
    box = ocipy.create(bundle, "true")
    change("list", box).refused("mounts list")
    ocipy("mounts", "add").refused("argument")
