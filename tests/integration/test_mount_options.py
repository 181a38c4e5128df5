"""Each option of a mount that the specification lists, as /proc/PID/mountinfo of the container shows it."""

import os

import pytest
from support import host, requires

# Option: (what must be in the mount's options, what must not). tmpfs gives all of them.
FLAGS = {
    "ro": ("ro", "rw"),
    "rw": ("rw", "ro"),
    "nosuid": ("nosuid", None),
    "suid": (None, "nosuid"),
    "nodev": ("nodev", None),
    "dev": (None, "nodev"),
    "noexec": ("noexec", None),
    "exec": (None, "noexec"),
    "noatime": ("noatime", "relatime"),
    "atime": (None, "noatime"),
    "relatime": ("relatime", None),
    "strictatime": (None, "relatime"),
    "nostrictatime": ("relatime", None),
    "norelatime": (None, "noatime"),
    "nodiratime": ("nodiratime", None),
    "diratime": (None, "nodiratime"),
    "nosymfollow": ("nosymfollow", None),
    "symfollow": (None, "nosymfollow"),
    "defaults": ("rw", None),
    "async": ("rw", None),
    "loud": ("rw", None),
    "silent": ("rw", None),
}


@pytest.fixture
def mounted(ocipy, bundle):
    """A function that mounts by options in a container that waits, and gives the entry of mountinfo."""

    def mount(type, source, *options, destination="/target"):
        bundle.mount(destination, type, source, *options)
        box = ocipy.create(bundle, "sleep", "100")
        return host.mount_at(box.pid, destination)

    return mount


@requires.ocipy_itself
@pytest.mark.parametrize("option", FLAGS)
def test_option_of_a_tmpfs(mounted, option):
    there, absent = FLAGS[option]
    options = mounted("tmpfs", "tmpfs", option).options
    assert there is None or there in options
    assert absent not in options


@pytest.mark.parametrize("option", ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime"])
def test_option_of_a_bind_mount_leaves_the_source_alone(mounted, scratch, option):
    before = host.mntsnap(str(scratch))
    assert option in mounted("bind", scratch, "bind", option).options
    assert host.mntsnap(str(scratch)) == before


@pytest.mark.parametrize(
    ("first", "second"),
    [("ro", "rw"), ("nosuid", "suid"), ("noexec", "exec"), ("nodev", "dev"), ("noatime", "atime"),
     ("noatime", "relatime"), ("noatime", "strictatime"), ("noatime", "nostrictatime"), ("nodiratime", "diratime"),
     pytest.param("nosymfollow", "symfollow", marks=requires.ocipy_itself), ("sync", "async"),
     pytest.param("lazytime", "nolazytime", marks=requires.ocipy_itself), ("mand", "nomand")],
)  # fmt: skip
def test_of_two_contrary_options_the_last_counts(mounted, first, second):
    entry = mounted("tmpfs", "tmpfs", first, second)
    assert first not in entry.options | entry.super_options


def test_iversion_is_accepted(mounted):
    """The kernel keeps the flag to itself: neither statfs(2) nor mountinfo shows it."""
    assert mounted("tmpfs", "tmpfs", "iversion").type == "tmpfs"


@requires.ocipy_itself
@pytest.mark.parametrize("option", ["sync", "dirsync", "lazytime", "mand"])
def test_option_of_the_file_system_itself(mounted, option):
    entry = mounted("tmpfs", "tmpfs", option)
    assert option in entry.super_options | entry.options


@pytest.mark.parametrize("option", ["noiversion", "nolazytime", "async", "nomand"])
@requires.ocipy_itself
def test_option_that_takes_a_switch_back_is_accepted(mounted, option):
    assert option not in mounted("tmpfs", "tmpfs", option).super_options


@pytest.mark.parametrize(
    ("option", "marks"),
    [("private", set()), ("rprivate", set()), ("shared", {"shared"}), ("rshared", {"shared"}),
     ("unbindable", {"unbindable"}), ("runbindable", {"unbindable"})],
)  # fmt: skip
def test_propagation_of_a_mount(mounted, scratch, option, marks):
    entry = mounted("bind", scratch, "bind", option)
    assert {text.partition(":")[0] for text in entry.optional} == marks


@pytest.fixture
def tree(scratch):
    """A host directory with a tmpfs below it, which has another below."""
    directory = scratch / "tree"
    directory.mkdir()
    points = [directory, directory / "sub", directory / "sub/deep"]
    for point in points:
        point.mkdir(exist_ok=True)
        assert os.system(f"mount -t tmpfs tmpfs {point} && mount --make-private {point}") == 0
    yield directory
    assert os.system(f"umount -R {directory}") == 0


BELOW = ("/target", "/target/sub", "/target/sub/deep")


def test_bind_leaves_out_what_is_mounted_below(ocipy, bundle, tree):
    box = ocipy.create(bundle.mount("/target", "bind", tree, "bind"), "true")
    assert [mount.target for mount in host.mounts(box.pid) if mount.target in BELOW] == ["/target"]


def test_rbind_takes_what_is_mounted_below(ocipy, bundle, tree):
    box = ocipy.create(bundle.mount("/target", "bind", tree, "rbind"), "true")
    assert [mount.target for mount in host.mounts(box.pid) if mount.target in BELOW] == list(BELOW)


def test_ro_of_an_rbind_is_for_the_top_alone(ocipy, bundle, tree):
    box = ocipy.create(bundle.mount("/target", "bind", tree, "rbind", "ro"), "true")
    assert ["ro" in host.mount_at(box.pid, target).options for target in BELOW] == [True, False, False]


@requires.ocipy_itself
@pytest.mark.parametrize("option", ["ro", "nosuid", "nodev", "noexec", "noatime", "nodiratime", "nosymfollow"])
def test_recursive_option_is_for_all_mounts_below(ocipy, bundle, tree, option):
    box = ocipy.create(bundle.mount("/target", "bind", tree, "rbind", f"r{option}"), "true")
    for target in BELOW:
        assert option in host.mount_at(box.pid, target).options
    for mount in host.mounts():
        if mount.target.startswith(str(tree)):
            assert option not in mount.options


@requires.ocipy_itself
@pytest.mark.parametrize(
    ("set", "cleared"),
    [("ro", "rrw"), ("nosuid", "rsuid"), ("nodev", "rdev"), ("noexec", "rexec"), ("nodiratime", "rdiratime"),
     ("nosymfollow", "rsymfollow"), ("noatime", "ratime"), ("noatime", "rrelatime"), ("noatime", "rstrictatime"),
     ("noatime", "rnostrictatime")],
)  # fmt: skip
def test_recursive_option_can_take_a_flag_away(ocipy, bundle, tree, set, cleared):
    for point in (tree, tree / "sub", tree / "sub/deep"):
        assert os.system(f"mount -o remount,bind,{set} {point}") == 0
    box = ocipy.create(bundle.mount("/target", "bind", tree, "rbind", cleared), "true")
    assert all(set not in host.mount_at(box.pid, target).options for target in BELOW)


@requires.ocipy_itself
@pytest.mark.parametrize(
    ("option", "relative"), [("rrelatime", True), ("rstrictatime", False), ("rnostrictatime", True), ("ratime", True)]
)
def test_recursive_mode_of_access_time(ocipy, bundle, tree, option, relative):
    box = ocipy.create(bundle.mount("/target", "bind", tree, "rbind", option), "true")
    assert ["relatime" in host.mount_at(box.pid, target).options for target in BELOW] == [relative] * 3


@requires.ocipy_itself
def test_rnorelatime_leaves_the_mode_of_access_time(ocipy, bundle, tree):
    assert os.system(f"mount -o remount,bind,noatime {tree}/sub") == 0
    box = ocipy.create(bundle.mount("/target", "bind", tree, "rbind", "rnorelatime"), "true")
    assert ["noatime" in host.mount_at(box.pid, target).options for target in BELOW] == [False, True, False]


def test_nothing_can_be_written_below_an_rro_mount(ocipy, bundle, tree):
    bundle.mount("/target", "bind", tree, "rbind", "rro")
    script = "for d in /target /target/sub /target/sub/deep; do touch $d/x 2>&1; done"
    assert ocipy.run(bundle, "sh", "-c", script).out.count("Read-only file system") == 3


@requires.ocipy_itself
@pytest.mark.parametrize("option", ["nosuchoption", "size=huge", "nosuch=1", "mode=99999999999"])
def test_unknown_option_is_named_with_the_error_of_the_file_system(ocipy, bundle, option):
    ocipy.created(bundle.mount("/x", "tmpfs", "tmpfs", option), "true").refused("mounts[7]", option.split("=")[0])


def test_remount_changes_an_earlier_mount(ocipy, bundle):
    bundle.mount("/target", "tmpfs", "tmpfs", "nosuid").mount("/target", "none", "none", "remount", "ro", "nosuid")
    box = ocipy.create(bundle, "true")
    entries = [mount for mount in host.mounts(box.pid) if mount.target == "/target"]
    assert len(entries) == 1
    assert {"ro", "nosuid"} <= entries[0].options | entries[0].super_options


def test_mounts_of_the_container_do_not_reach_the_host(ocipy, bundle):
    before = {mount.id for mount in host.mounts() if "ocipy-test" in str(mount)}
    box = ocipy.start(bundle.capabilities("CAP_SYS_ADMIN"), "sh", "-c", "mount -t tmpfs x /tmp && echo ok; sleep 100")
    host.wait_for(lambda: "ok" in box.output(), "the mount")
    assert {mount.id for mount in host.mounts() if "ocipy-test" in str(mount)} == before


@pytest.fixture
def shared(scratch):
    """A directory of the host that is a shared mount."""
    directory = scratch / "shared"
    directory.mkdir()
    assert os.system(f"mount -t tmpfs tmpfs {directory} && mount --make-shared {directory}") == 0
    (directory / "below").mkdir()
    yield directory
    os.system(f"umount -R {directory}")


@pytest.mark.parametrize(
    ("option", "arrives"),
    [("slave", True), ("rslave", True), ("shared", True), ("rshared", True), ("rprivate", False), ("private", False)],
)
def test_later_mounts_of_the_host_arrive_as_the_propagation_says(ocipy, bundle, shared, option, arrives):
    box = ocipy.create(bundle.mount("/target", "bind", shared, "rbind", option), "true")
    assert os.system(f"mount -t tmpfs tmpfs {shared}/below") == 0
    assert any(mount.target == "/target/below" for mount in host.mounts(box.pid)) is arrives


@pytest.mark.parametrize(("option", "arrives"), [("rshared", True), ("rslave", False), ("rprivate", False)])
def test_later_mounts_of_the_container_arrive_as_the_propagation_says(ocipy, bundle, shared, option, arrives):
    bundle.mount("/target", "bind", shared, "rbind", option).capabilities("CAP_SYS_ADMIN")
    if option == "rshared":
        bundle.linux["rootfsPropagation"] = "shared"
    box = ocipy.start(bundle, "sh", "-c", "mount -t tmpfs x /target/below && echo ok; sleep 100")
    host.wait_for(lambda: "ok" in box.output(), "the mount")
    assert any(mount.target == f"{shared}/below" for mount in host.mounts()) is arrives
