"""The container's file system, made by the real kernel in a private mount namespace of a forked child."""

from __future__ import annotations

import ctypes
import os
import stat
import sys
import time
import traceback

import pytest

from ocipy.errors import OcipyError
from ocipy.init import devices, masks, mounts, root
from ocipy.linux.libc import syscall
from ocipy.linux.mount import mount as classic_mount
from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.plan.rootfs import compile_rootfs
from ocipy.spec.model import Device, Hooks, Linux, Mount, Namespace, Process, Root, Spec, User

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")

HANDLERS = {**root.HANDLERS, **mounts.HANDLERS, **devices.HANDLERS, **masks.HANDLERS}
CLONE_NEWNS = 0x20000
CLONE_NEWUSER = 0x10000000
SECONDS = 20


class Context:
    """The part of the init process's state that the file system needs."""

    def __init__(self, bundle):
        self.root = self.null = self.file_mask = self.directory_mask = -1
        self.proc = os.open("/proc", os.O_PATH | os.O_DIRECTORY)
        self.bundle = bundle
        self.readonly_later = {}


def isolated(check, flags=CLONE_NEWNS):
    """Runs `check` in a child with its own mount namespace; what it raises fails the test, a hang as well."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            syscall("unshare", flags)
            check()
            os._exit(0)
        except BaseException:
            os.write(writer, traceback.format_exc().encode()[-4000:])
        finally:
            os._exit(1)
    os.close(writer)
    deadline = time.monotonic() + SECONDS
    while True:
        ended, status = os.waitpid(pid, os.WNOHANG)
        if ended:
            break
        if time.monotonic() > deadline:
            os.kill(pid, 9)
            os.waitpid(pid, 0)
            pytest.fail(f"hung for {SECONDS} s")
        time.sleep(0.005)
    text = os.read(reader, 8192).decode()
    os.close(reader)
    if status:
        pytest.fail(text or f"status {status}")


DEFAULT_MOUNTS = (
    ("/proc", "proc", "proc", ()),
    ("/dev", "tmpfs", "tmpfs", ("nosuid", "strictatime", "mode=755", "size=65536k")),
    ("/dev/pts", "devpts", "devpts", ("nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5")),
    ("/sys", "sysfs", "sysfs", ("nosuid", "noexec", "nodev", "ro")),
)
CGROUPS = HostFacts(cgroup=CgroupFacts(), capabilities=0)


def spec_of(mounts=(), *, readonly=False, cwd="/", namespaces=("mount",), **linux):
    return Spec(
        ociVersion="1.3.0",
        root=Root(path="rootfs", readonly=readonly),
        mounts=tuple(
            Mount(property=f"mounts[{index}]", destination=where, type=type, source=source, options=options)
            for index, (where, type, source, options) in enumerate(mounts)
        ),
        process=Process(args=("true",), cwd=cwd, user=User()),
        hooks=Hooks(),
        linux=Linux(
            namespaces=tuple(
                Namespace(property=f"linux.namespaces[{index}]", type=type) for index, type in enumerate(namespaces)
            ),
            **linux,
        ),
    )


def build(bundle, spec, *, facts=CGROUPS, cgroups=(), no_pivot=False, enter=True, between=None):
    """Executes the file system's plan in this process; `between` is called where hooks are."""
    before, after = compile_rootfs(spec, facts, cgroups, str(bundle), no_pivot)
    init = Context(str(bundle))
    for operation in before:
        kind, *fields = operation.wire()
        HANDLERS[kind](init, *fields)
    if between:
        between(init)
    for operation in after if enter else after[:-1]:
        kind, *fields = operation.wire()
        HANDLERS[kind](init, *fields)
    return init


def run(bundle, spec, check=lambda: None, **options):
    """Builds the container in a child and runs `check` inside it."""
    flags = options.pop("flags", CLONE_NEWNS)

    def child():
        build(bundle, spec, **options)
        check()

    isolated(child, flags)


def refused(bundle, spec, *words, **options):
    def child():
        try:
            build(bundle, spec, **options)
        except (OcipyError, OSError) as error:
            text = str(error)
            missing = [word for word in words if word not in text]
            assert not missing, f"{missing} not in {text!r}"
        else:
            raise AssertionError("was accepted")

    isolated(child)


def mountinfo():
    with open("/proc/self/mountinfo") as file:
        lines = [line.split() for line in file]
    return {line[4]: line for line in lines}


def flags_of(path):
    line = mountinfo()[path]
    return line[5].split(","), line[line.index("-") + 3].split(",")


@pytest.fixture
def bundle(tmp_path):
    (tmp_path / "rootfs" / "proc").mkdir(parents=True)
    (tmp_path / "rootfs" / "marker").write_text("inside")
    return tmp_path


@pytest.fixture
def canary(tmp_path):
    """A directory of the host that nothing may touch; checked when the test ends."""
    directory = tmp_path / "canary"
    directory.mkdir()
    (directory / "file").write_text("untouched")
    (directory / "ptmx").write_text("untouched")

    def state():
        return [
            (entry.name, entry.stat(follow_symlinks=False)[:9], entry.is_file() and open(entry.path).read())
            for entry in sorted(os.scandir(directory), key=lambda entry: entry.name)
        ]

    before = state()
    yield directory
    assert state() == before


# --- the root ---


def test_pivot_leaves_only_the_containers_mounts(bundle):
    def check():
        assert open("/marker").read() == "inside"
        assert set(mountinfo()) == {"/", "/proc", "/dev", "/dev/pts", "/sys"}
        assert os.getcwd() == "/"

    run(bundle, spec_of(DEFAULT_MOUNTS), check)


def test_mounts_do_not_reach_the_host(bundle):
    before = open("/proc/self/mountinfo").read()
    run(bundle, spec_of(DEFAULT_MOUNTS))
    assert open("/proc/self/mountinfo").read() == before


def test_no_pivot_hides_the_hosts_proc_and_sysfs(bundle):
    def check():
        assert open("/marker").read() == "inside"
        assert os.getcwd() == "/"
        lines = [line.split() for line in open("/proc/self/mountinfo")]
        whole = [line[4] for line in lines if line[3] == "/" and line[line.index("-") + 1] in ("proc", "sysfs")]
        assert sorted(whole) == ["/proc", "/sys"]

    run(bundle, spec_of(DEFAULT_MOUNTS), check, no_pivot=True)


def test_sec_no_pivot_nested_proc(bundle):
    def check():
        syscall("unshare", CLONE_NEWUSER | CLONE_NEWNS | 0x20000000)
        if os.fork() == 0:
            try:
                classic_mount("proc", "/mnt", "proc", 0, "")
            except PermissionError:
                os._exit(7)
            os._exit(0)
        assert os.waitstatus_to_exitcode(os.wait()[1]) == 7

    (bundle / "rootfs" / "mnt").mkdir()
    spec = spec_of(DEFAULT_MOUNTS, maskedPaths=("/proc/version",), readonlyPaths=("/proc/sys",))
    run(bundle, spec, check, no_pivot=True)


def test_without_mount_namespace_the_root_is_changed_alone(bundle):
    def child():
        before = open("/proc/self/mountinfo").read()
        init = build(bundle, spec_of(namespaces=()), enter=False)
        assert open("/proc/self/mountinfo").read() == before
        root.HANDLERS["ChrootRoot"](init, "")
        assert open("/marker").read() == "inside" and os.getcwd() == "/"

    isolated(child)


def test_sec_readonly_root_keeps_the_flags_of_its_mount(bundle):
    def child():
        path = str(bundle / "rootfs")
        classic_mount("tmpfs", path, "tmpfs", 0x2 | 0x4, "")
        os.mkdir(f"{path}/proc")
        build(bundle, spec_of(DEFAULT_MOUNTS, readonly=True))
        own, _superblock = flags_of("/")
        assert {"ro", "nosuid", "nodev"} <= set(own)

    isolated(child)


def test_readonly_root_does_not_hinder_mount_points_nor_the_working_directory(bundle):
    def check():
        assert stat.S_ISDIR(os.stat("/work/here").st_mode)
        with pytest.raises(OSError, match="Read-only"):
            os.mkdir("/more")

    run(bundle, spec_of(DEFAULT_MOUNTS, readonly=True, cwd="/work/here"), check)


@pytest.mark.parametrize(("name", "optional"), [("shared", "shared:"), ("rslave", ""), ("private", ""), ("", "")])
def test_root_propagation_is_applied(bundle, name, optional):
    def check():
        tag = mountinfo()["/"][6]
        assert tag.startswith(optional) if optional else tag == "-"

    run(bundle, spec_of(DEFAULT_MOUNTS, rootfsPropagation=name), check)


def test_root_propagation_unbindable_forbids_to_bind_the_root(bundle):
    def check():
        assert mountinfo()["/"][6] == "unbindable"
        with pytest.raises(OSError, match="Invalid"):
            classic_mount("/", "/mnt", "", 0x1000, "")

    (bundle / "rootfs" / "mnt").mkdir()
    run(bundle, spec_of(DEFAULT_MOUNTS, rootfsPropagation="unbindable"), check)


def test_sec_2024_21626_working_directory_through_a_magic_link_is_refused(bundle):
    refused(bundle, spec_of(DEFAULT_MOUNTS, cwd="/proc/self/fd/3"), "/proc/self/fd/3")


# --- mounts ---


def test_mounts_appear_in_the_order_of_the_config(bundle):
    wanted = ["/proc", "/dev", "/dev/pts", "/sys", "/b", "/a"]
    extra = (("/b", "tmpfs", "tmpfs", ()), ("/a", "", str(bundle), ("bind", "ro")))

    def check():
        assert [line.split()[4] for line in open("/proc/self/mountinfo")][1:] == wanted

    run(bundle, spec_of((*DEFAULT_MOUNTS, *extra)), check)


def test_bind_sets_only_the_flags_that_are_named(bundle):
    def child():
        source = str(bundle / "volume")
        os.mkdir(source)
        classic_mount("tmpfs", source, "tmpfs", 0x2 | 0x4, "")
        build(bundle, spec_of((*DEFAULT_MOUNTS, ("/data", "", "volume", ("bind", "ro", "dev", "mode=755", "size=1k")))))
        own, _superblock = flags_of("/data")
        assert "ro" in own and "nosuid" in own and "nodev" not in own

    isolated(child)


def test_bind_of_a_file_makes_a_file(bundle):
    def check():
        assert open("/etc/deep/hosts").read() == "names"

    (bundle / "hosts").write_text("names")
    run(bundle, spec_of((*DEFAULT_MOUNTS, ("/etc/deep/hosts", "bind", "hosts", ("rbind",)))), check)


def test_recursive_readonly_reaches_the_mounts_below(bundle):
    def child():
        source = str(bundle / "volume")
        os.mkdir(source)
        classic_mount("tmpfs", source, "tmpfs", 0, "")
        os.mkdir(f"{source}/below")
        classic_mount("tmpfs", f"{source}/below", "tmpfs", 0, "")
        both = (("/plain", "", source, ("rbind", "ro")), ("/deep", "", source, ("rbind", "rro", "rnoatime")))
        build(bundle, spec_of((*DEFAULT_MOUNTS, *both)))
        assert "ro" in flags_of("/plain")[0] and "rw" in flags_of("/plain/below")[0]
        assert {"ro", "noatime"} <= set(flags_of("/deep/below")[0])

    isolated(child)


def test_propagation_options_are_applied(bundle):
    volumes = [(f"/{kind}", "", str(bundle / "canary"), ("rbind", kind)) for kind in ("rshared", "rprivate")]

    def check():
        assert mountinfo()["/rshared"][6].startswith("shared:")
        assert mountinfo()["/rprivate"][6] == "-"

    (bundle / "canary").mkdir()
    run(bundle, spec_of((*DEFAULT_MOUNTS, *volumes)), check)


def test_superblock_options_reach_the_file_system(bundle):
    options = ("sync", "lazytime", "dirsync", "silent", "loud", "nomand", "noiversion", "mode=700")

    def check():
        _own, superblock = flags_of("/data")
        assert {"sync", "lazytime", "dirsync"} <= set(superblock)
        assert stat.S_IMODE(os.stat("/data").st_mode) == 0o700

    run(bundle, spec_of((*DEFAULT_MOUNTS, ("/data", "tmpfs", "tmpfs", options))), check)


def test_iversion_is_accepted(bundle):
    def check():
        assert {"ro", "nosuid", "noatime"} <= set(flags_of("/data")[0])

    extra = (("/data", "tmpfs", "tmpfs", ("iversion", "nosuid", "noatime", "ro")),)
    run(bundle, spec_of((*DEFAULT_MOUNTS, *extra)), check)


def test_unknown_option_is_refused_in_the_kernels_words(bundle):
    mounts = (*DEFAULT_MOUNTS, ("/data", "tmpfs", "tmpfs", ("foo",)))
    refused(bundle, spec_of(mounts), "tmpfs", "foo", "Unknown parameter")


def test_overlay_takes_a_long_list_of_lower_directories(bundle):
    lower = []
    for index in range(12):
        directory = bundle / ("layer-with-a-long-name-" + "x" * 40 + str(index))
        directory.mkdir()
        (directory / f"file{index}").write_text("")
        lower.append(str(directory))
    extra = (("/data", "overlay", "overlay", ("lowerdir=" + ":".join(lower), "ro")),)

    def check():
        assert len(os.listdir("/data")) == 12

    run(bundle, spec_of((*DEFAULT_MOUNTS, *extra)), check)


def test_tmpfs_takes_the_mode_of_the_directory_under_it(bundle):
    (bundle / "rootfs" / "data").mkdir(mode=0o711)

    def check():
        assert stat.S_IMODE(os.stat("/data").st_mode) == 0o711
        assert stat.S_IMODE(os.stat("/new").st_mode) == 0o1777

    run(bundle, spec_of((*DEFAULT_MOUNTS, ("/data", "tmpfs", "", ()), ("/new", "tmpfs", "", ()))), check)


def test_readonly_tmpfs_takes_mount_points_before_it_is_closed(bundle):
    mounts = (*DEFAULT_MOUNTS, ("/run", "tmpfs", "", ("ro",)), ("/run/deep/x", "bind", "rootfs/marker", ("bind",)))

    def check():
        assert open("/run/deep/x").read() == "inside"
        assert "ro" in flags_of("/run")[0]

    run(bundle, spec_of(mounts), check)


def test_tmpcopyup_copies_everything(bundle):
    source = bundle / "rootfs" / "data"
    (source / "sub").mkdir(parents=True)
    (source / "sub" / "file").write_text("x" * 100_000)
    os.chmod(source / "sub" / "file", 0o4640)
    os.chown(source / "sub", 12, 34)
    os.symlink("/nowhere", source / "link")
    os.mkfifo(source / "fifo", 0o601)
    os.mknod(source / "node", 0o600 | stat.S_IFCHR, os.makedev(1, 3))
    os.setxattr(source / "sub" / "file", "trusted.note", b"kept")
    os.utime(source / "sub" / "file", ns=(1_000_000_001, 2_000_000_002))
    os.chmod(source, 0o750)

    def check():
        assert open("/data/sub/file").read() == "x" * 100_000
        status = os.stat("/data/sub/file")
        assert stat.S_IMODE(status.st_mode) == 0o4640 and status.st_mtime_ns == 2_000_000_002
        assert (os.stat("/data/sub").st_uid, os.stat("/data/sub").st_gid) == (12, 34)
        assert os.readlink("/data/link") == "/nowhere"
        assert os.lstat("/data/fifo").st_mode == 0o601 | stat.S_IFIFO
        assert os.stat("/data/node").st_rdev == os.makedev(1, 3)
        assert os.getxattr("/data/sub/file", "trusted.note") == b"kept"
        assert stat.S_IMODE(os.stat("/data").st_mode) == 0o750
        assert mountinfo()["/data"][4] == "/data" and "ro" in flags_of("/data")[0]

    run(bundle, spec_of((*DEFAULT_MOUNTS, ("/data", "tmpfs", "tmpfs", ("tmpcopyup", "ro")))), check)


def test_remount_changes_an_earlier_mount(bundle):
    mounts = (
        *DEFAULT_MOUNTS,
        ("/data", "tmpfs", "tmpfs", ("nosuid",)),
        ("/data", "tmpfs", "tmpfs", ("remount", "ro", "size=8k")),
    )

    def check():
        own, superblock = flags_of("/data")
        assert {"ro", "nosuid"} <= set(own) and {"ro", "size=8k"} <= set(superblock)

    run(bundle, spec_of(mounts), check)


@pytest.mark.parametrize("name", ["proc", "sys"])
@pytest.mark.parametrize("kind", ["absolute", "relative", "file"])
def test_sec_2019_19921_proc_and_sys_on_anything_but_a_directory_are_refused(bundle, canary, name, kind):
    place = bundle / "rootfs" / name
    if place.exists():
        place.rmdir()
    if kind == "file":
        place.write_text("")
    else:
        place.symlink_to(canary if kind == "absolute" else "../canary")
    refused(bundle, spec_of(DEFAULT_MOUNTS), "must be mounted on ordinary directory", f"/{name}")


def test_sec_2019_18837_destination_links_stay_inside(bundle, canary):
    (bundle / "rootfs" / "absolute").symlink_to(canary)
    (bundle / "rootfs" / "relative").symlink_to("../../../../canary/new")
    mounts = (*DEFAULT_MOUNTS, ("/absolute", "tmpfs", "", ()), ("/relative/deep", "tmpfs", "", ()))

    def check():
        assert os.path.ismount("/canary/new/deep")
        assert os.path.ismount(str(canary))

    run(bundle, spec_of(mounts), check)


def test_sec_2024_45310_dangling_destination_is_made_inside(bundle, canary):
    (bundle / "rootfs" / "etc").mkdir()
    (bundle / "rootfs" / "etc" / "hosts").symlink_to(canary / "new")
    mounts = (*DEFAULT_MOUNTS, ("/etc/hosts", "bind", "rootfs/marker", ("bind",)))

    def check():
        assert open("/etc/hosts").read() == "inside"

    run(bundle, spec_of(mounts), check)


@pytest.mark.parametrize("target", ["loop", "/proc/self/root", "/proc/self/fd/0"])
def test_destination_through_a_loop_or_magic_link_is_refused(bundle, target):
    (bundle / "rootfs" / "loop").symlink_to(target)
    refused(bundle, spec_of((*DEFAULT_MOUNTS, ("/loop/x", "tmpfs", "", ()))), "/loop/x")


def test_sec_2025_52881_destination_that_leads_into_proc_is_refused(bundle):
    (bundle / "rootfs" / "innocent").symlink_to("proc/sys/kernel")
    refused(bundle, spec_of((*DEFAULT_MOUNTS, ("/innocent", "tmpfs", "", ()))), "/innocent", "inside /proc")


def test_bind_on_proc_is_refused_unless_it_is_a_procfs(bundle):
    refused(bundle, spec_of((("/proc", "", "rootfs", ("bind",)),)), "not of type proc")
    run(bundle, spec_of((("/proc", "", "/proc", ("rbind",)),)), lambda: open("/proc/self/stat").close())


def test_bind_over_a_permitted_file_of_proc(bundle):
    mounts = (*DEFAULT_MOUNTS, ("/proc/uptime", "", "rootfs/marker", ("bind",)))
    run(bundle, spec_of(mounts), lambda: open("/proc/uptime").read() == "inside" or sys.exit(1))


def test_missing_source_is_named(bundle):
    refused(bundle, spec_of((*DEFAULT_MOUNTS, ("/data", "", "absent", ("bind",)))), str(bundle / "absent"))


def test_directory_on_a_file_is_refused(bundle):
    mounts = (*DEFAULT_MOUNTS, ("/marker", "", "rootfs", ("bind",)))
    refused(bundle, spec_of(mounts), "/marker is a file", "the source is a directory")


def test_parallel_creates_share_a_root(bundle):
    mounts = (*DEFAULT_MOUNTS, ("/a/b/c/d", "tmpfs", "", ()), ("/x/y/file", "", "rootfs/marker", ("bind",)))
    children = []
    for _ in range(20):
        pid = os.fork()
        if pid == 0:
            try:
                syscall("unshare", CLONE_NEWNS)
                build(bundle, spec_of(mounts))
                os._exit(0)
            finally:
                os._exit(1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 20


def test_sec_2021_30465_swapped_destination_never_leaves_the_root(bundle, canary):
    volume = bundle / "volume"
    (volume / "real").mkdir(parents=True)
    (volume / "link").symlink_to(canary)
    swapper = os.fork()
    if swapper == 0:
        exchange = ctypes.CDLL(None).renameat2
        directory = os.open(volume, os.O_PATH)
        while True:
            exchange(directory, b"real", directory, b"link", 2)
    try:
        for _ in range(50):
            mounts = (
                *DEFAULT_MOUNTS,
                ("/vol", "", str(volume), ("bind",)),
                ("/vol/real/made/here", "tmpfs", "", ()),
            )

            def child(mounts=mounts):
                try:
                    build(bundle, spec_of(mounts))
                except (OcipyError, OSError):
                    return
                places = [line.split()[4] for line in open("/proc/self/mountinfo")]
                assert all(place.startswith("/") and "//deleted" not in place for place in places)

            isolated(child)
    finally:
        os.kill(swapper, 9)
        os.waitpid(swapper, 0)


# --- cgroup ---


def v1_facts():
    hierarchies = []
    for line in open("/proc/self/mountinfo"):
        fields = line.split()
        if fields[fields.index("-") + 1] == "cgroup":
            name = fields[4].rpartition("/")[2]
            hierarchies.append(("name=systemd" if name == "systemd" else name, fields[4]))
    return tuple(hierarchies)


@pytest.mark.skipif(not v1_facts(), reason="needs cgroup v1")
@pytest.mark.parametrize("namespaced", [True, False])
def test_cgroup_v1_shows_each_hierarchy_readonly(bundle, namespaced):
    hierarchies = v1_facts()
    facts = HostFacts(cgroup=CgroupFacts(version=1, hierarchies=hierarchies), capabilities=0)
    mounts = (*DEFAULT_MOUNTS, ("/sys/fs/cgroup", "cgroup", "cgroup", ("nosuid", "noexec", "nodev", "ro")))
    names = ("mount", "cgroup") if namespaced else ("mount",)

    def check():
        assert sorted(os.listdir("/sys/fs/cgroup")) == sorted(place.rpartition("/")[2] for _, place in hierarchies)
        for name in os.listdir("/sys/fs/cgroup"):
            assert {"ro", "nosuid", "nodev", "noexec"} <= set(flags_of(f"/sys/fs/cgroup/{name}")[0])
            assert os.path.exists(f"/sys/fs/cgroup/{name}/cgroup.procs")
        with pytest.raises(OSError, match="Read-only"):
            os.mkdir("/sys/fs/cgroup/x")

    flags = CLONE_NEWNS | (0x02000000 if namespaced else 0)
    run(bundle, spec_of(mounts, namespaces=names), check, facts=facts, cgroups=hierarchies, flags=flags)


# --- devices ---


def test_default_devices_and_links(bundle):
    def check():
        for name, numbers in (("null", (1, 3)), ("zero", (1, 5)), ("full", (1, 7)), ("tty", (5, 0))):
            status = os.stat(f"/dev/{name}")
            assert stat.S_ISCHR(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o666
            assert status.st_rdev == os.makedev(*numbers)
        assert os.readlink("/dev/ptmx") == "pts/ptmx"
        assert os.readlink("/dev/fd") == "/proc/self/fd"
        assert os.readlink("/dev/stderr") == "/proc/self/fd/2"
        assert os.readlink("/dev/core") == "/proc/kcore"
        open("/dev/null", "w").write("x")

    run(bundle, spec_of(DEFAULT_MOUNTS), check)


def device(path, type, major=0, minor=0, **rest):
    return Device(property="linux.devices[0]", path=path, type=type, major=major, minor=minor, **rest)


def test_listed_devices_have_the_exact_mode_and_owner(bundle):
    listed = (
        device("/dev/block", "b", 7, 3, fileMode=0o617, uid=5, gid=6),
        device("/srv/outside", "u", 10, 200, fileMode=0o777, uid=1),
        device("/dev/pipe", "p", 8, 8, fileMode=0o622),
        device("/dev/zero", "c", 1, 5, fileMode=0o600),
    )

    def check():
        status = os.stat("/dev/block")
        assert stat.S_ISBLK(status.st_mode) and stat.S_IMODE(status.st_mode) == 0o617
        assert (status.st_uid, status.st_gid, status.st_rdev) == (5, 6, os.makedev(7, 3))
        assert stat.S_IMODE(os.stat("/srv/outside").st_mode) == 0o777 and os.stat("/srv/outside").st_uid == 1
        assert stat.S_ISFIFO(os.stat("/dev/pipe").st_mode)
        assert stat.S_IMODE(os.stat("/dev/zero").st_mode) == 0o600

    def child():
        os.umask(0o077)
        build(bundle, spec_of(DEFAULT_MOUNTS, devices=listed))
        check()

    isolated(child)


def test_matching_device_is_accepted_and_another_is_refused(bundle):
    os.mknod(bundle / "rootfs" / "node", 0o600 | stat.S_IFCHR, os.makedev(10, 200))
    run(bundle, spec_of(DEFAULT_MOUNTS, devices=(device("/node", "c", 10, 200),)))
    refused(bundle, spec_of(DEFAULT_MOUNTS, devices=(device("/node", "c", 10, 201),)), "/node exists and is not")


NO_DEV = DEFAULT_MOUNTS[:1]


@pytest.mark.parametrize("kind", ["link", "fifo", "file", "device", "directory"])
def test_sec_2025_31133_false_null_device_is_refused(bundle, canary, kind):
    place = bundle / "rootfs" / "dev" / "null"
    place.parent.mkdir()
    if kind == "link":
        place.symlink_to("/proc/sys/kernel/core_pattern")
    elif kind == "fifo":
        os.mkfifo(place)
    elif kind == "file":
        place.write_text("x")
    elif kind == "directory":
        place.mkdir()
    else:
        os.mknod(place, 0o666 | stat.S_IFCHR, os.makedev(1, 5))
    refused(bundle, spec_of(NO_DEV), "/dev/null exists and is not")


@pytest.mark.parametrize("target", ["absolute", "relative"])
def test_sec_2026_41579_dev_link_of_the_image_stays_inside(bundle, canary, target):
    (bundle / "rootfs" / "dev").symlink_to(canary if target == "absolute" else "../canary")
    run(bundle, spec_of(NO_DEV), lambda: os.stat("/dev/null"))


def test_sec_2026_47766_no_node_is_made_through_a_dev_link(bundle, canary):
    (bundle / "rootfs" / "dev").symlink_to(f"/proc/self/root{canary}")
    refused(bundle, spec_of(NO_DEV), "/dev")


def test_ptmx_of_the_image_is_replaced(bundle):
    (bundle / "rootfs" / "dev").mkdir()
    os.mkfifo(bundle / "rootfs" / "dev" / "ptmx")
    run(bundle, spec_of(NO_DEV), lambda: os.readlink("/dev/ptmx"))


def test_bound_dev_is_left_alone(bundle):
    source = bundle / "devices"
    source.mkdir()
    listed = (device("/dev/more", "c", 1, 3), device("/else", "c", 1, 3))
    run(bundle, spec_of((*NO_DEV, ("/dev", "", str(source), ("rbind",))), devices=listed), lambda: os.stat("/else"))
    assert os.listdir(source) == []


def test_in_a_user_namespace_the_hosts_nodes_are_bound(bundle):
    os.chmod(bundle, 0o755)

    def child():
        reader, writer = os.pipe()
        parent = os.getpid()
        if os.fork() == 0:
            os.read(reader, 1)
            for name in ("uid_map", "gid_map"):
                open(f"/proc/{parent}/{name}", "w").write("0 0 4294967295")
            os._exit(0)
        syscall("unshare", CLONE_NEWNS | CLONE_NEWUSER)
        os.write(writer, b"x")
        os.wait()
        mounts = tuple(mount for mount in DEFAULT_MOUNTS if mount[0] not in ("/proc", "/sys"))
        mounts += (("/proc", "", "/proc", ("rbind",)), ("/sys", "sysfs", "", ("nosuid",)))
        for _ in range(2):
            if os.fork() == 0:
                syscall("unshare", CLONE_NEWNS)
                build(bundle, spec_of(mounts, namespaces=("mount", "user")))
                open("/dev/null", "w").write("x")
                assert os.stat("/dev/zero").st_rdev == os.makedev(1, 5)
                with pytest.raises(OSError, match="Read-only"):
                    os.mkdir("/sys/fs/cgroup/x")
                os._exit(0)
            assert os.wait()[1] == 0

    isolated(child, 0)


# --- console ---


def test_console_is_the_containers_own_terminal(bundle):
    def child():
        def between(init):
            master, slave = devices.open_console(init)
            devices.bind_console(init, slave)
            os.write(slave, b"hello")
            assert os.read(master, 100) == b"hello"

        build(bundle, spec_of(DEFAULT_MOUNTS), between=between)
        assert os.major(os.stat("/dev/console").st_rdev) == 136
        assert os.listdir("/dev/pts") == ["0", "ptmx"] or sorted(os.listdir("/dev/pts")) == ["0", "ptmx"]

    isolated(child)


@pytest.mark.parametrize("kind", ["fifo", "file", "link", "hosts node"])
def test_sec_2025_52565_false_ptmx_is_refused(bundle, kind):
    directory = bundle / "rootfs" / "dev" / "pts"
    directory.mkdir(parents=True)
    (directory / "0").write_text("")
    if kind == "fifo":
        os.mkfifo(directory / "ptmx")
    elif kind == "file":
        (directory / "ptmx").write_text("")
    elif kind == "link":
        (directory / "ptmx").symlink_to("/dev/ptmx")
    else:
        os.mknod(directory / "ptmx", 0o666 | stat.S_IFCHR, os.makedev(5, 2))
    refused(bundle, spec_of(NO_DEV), "/dev/pts/ptmx", between=devices.open_console)


@pytest.mark.parametrize("readonly", [True, False])
def test_sec_2026_88264_console_link_is_refused(bundle, canary, readonly):
    (bundle / "rootfs" / "dev").mkdir()
    (bundle / "rootfs" / "dev" / "console").symlink_to(canary / "new")

    def between(init):
        devices.bind_console(init, devices.open_console(init)[1])

    mounts = (*NO_DEV, DEFAULT_MOUNTS[2])
    refused(bundle, spec_of(mounts, readonly=readonly), "/dev/console", between=between)


# --- masks ---


def test_masked_files_and_directories_are_empty_and_readonly(bundle):
    for name in ("one", "two"):
        (bundle / "rootfs" / name).mkdir()
        (bundle / "rootfs" / name / "secret").write_text("")
    os.mkfifo(bundle / "rootfs" / "fifo")
    paths = ("/one", "/two", "/marker", "/proc/version", "/fifo", "/absent", "/marker/absent")

    def check():
        for path in ("/one", "/two"):
            assert os.listdir(path) == []
            with pytest.raises(OSError, match="Read-only"):
                os.mkdir(f"{path}/x")
        assert os.stat("/one").st_dev == os.stat("/two").st_dev
        for path in ("/marker", "/proc/version", "/fifo"):
            status = os.stat(path)
            assert stat.S_ISCHR(status.st_mode) and status.st_rdev == os.makedev(1, 3)
            with pytest.raises(OSError, match="Read-only"):
                os.chmod(path, 0o600)

    run(bundle, spec_of(DEFAULT_MOUNTS, maskedPaths=paths), check)


def test_readonly_paths(bundle):
    os.mkfifo(bundle / "rootfs" / "fifo")
    (bundle / "rootfs" / "data").mkdir()

    def check():
        with pytest.raises(OSError, match="Read-only"):
            open("/proc/sys/kernel/core_pattern", "w")
        with pytest.raises(OSError, match="Read-only"):
            os.mkdir("/data/x")
        os.mkdir("/writable")
        assert "ro" in flags_of("/fifo")[0]

    run(bundle, spec_of(DEFAULT_MOUNTS, readonlyPaths=("/proc/sys", "/data", "/fifo", "/absent")), check)


def test_masks_of_500_paths_use_one_superblock(bundle):
    paths = []
    for index in range(500):
        (bundle / "rootfs" / f"d{index}").mkdir()
        paths.append(f"/d{index}")

    def check():
        assert len({os.stat(path).st_dev for path in paths}) == 1
        assert not any(os.listdir(path) for path in paths)

    run(bundle, spec_of(DEFAULT_MOUNTS, maskedPaths=tuple(paths)), check)


def test_no_descriptor_is_left_but_the_known_ones(bundle):
    def child():
        proc = os.open("/proc/self/fd", os.O_RDONLY | os.O_DIRECTORY)
        before = set(os.listdir(proc))
        spec = spec_of(DEFAULT_MOUNTS, maskedPaths=("/proc/version", "/sys"), readonlyPaths=("/proc/sys",))
        init = build(bundle, spec)
        known = {init.root, init.proc, init.null, init.file_mask, init.directory_mask}
        assert {int(number) for number in set(os.listdir(proc)) - before} == known

    isolated(child)
