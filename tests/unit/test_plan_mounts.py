"""mounts of config.json -> operations, without a kernel."""

from __future__ import annotations

import pytest

from ocipy.errors import ConfigError
from ocipy.linux import mount as kernel
from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.plan.mount_options import parse_options
from ocipy.plan.mounts import clean, compile_mounts
from ocipy.spec.model import Hooks, Linux, Mount, Namespace, Root, Spec

V1 = CgroupFacts(version=1, hierarchies=(("cpu,cpuacct", "/sys/fs/cgroup/cpu,cpuacct"), ("name=systemd", "/c/systemd")))
V2 = CgroupFacts(version=2, unified="/sys/fs/cgroup")


def compiled(*mounts, cgroup=V2, cgroups=(("", "/sys/fs/cgroup/box"),), namespaces=("mount", "cgroup"), label=""):
    spec = Spec(
        ociVersion="1.3.0",
        root=Root(path="rootfs"),
        mounts=tuple(Mount(property=f"mounts[{index}]", **fields) for index, fields in enumerate(mounts)),
        hooks=Hooks(),
        linux=Linux(namespaces=tuple(Namespace(property="", type=type) for type in namespaces), mountLabel=label),
    )
    return compile_mounts(spec, HostFacts(cgroup=cgroup, capabilities=0), cgroups, "/bundle")


def only(*mounts, **facts):
    (operation,), _finish = compiled(*mounts, **facts)
    return operation


def problems(*mounts, **facts):
    with pytest.raises(ConfigError) as caught:
        compiled(*mounts, **facts)
    return caught.value.problems


@pytest.mark.parametrize(
    ("options", "set", "clear"),
    [
        (("ro",), kernel.MOUNT_ATTR_RDONLY, 0),
        (("rw",), 0, kernel.MOUNT_ATTR_RDONLY),
        (("ro", "rw"), 0, kernel.MOUNT_ATTR_RDONLY),
        (("rw", "ro"), kernel.MOUNT_ATTR_RDONLY, 0),
        (("nosuid", "nodev", "noexec"), 0b1110, 0),
        (("suid", "dev", "exec"), 0, 0b1110),
        (("nodiratime", "nosymfollow"), kernel.MOUNT_ATTR_NODIRATIME | kernel.MOUNT_ATTR_NOSYMFOLLOW, 0),
        (("noatime",), kernel.MOUNT_ATTR_NOATIME, kernel.MOUNT_ATTR__ATIME & ~kernel.MOUNT_ATTR_NOATIME),
        (("defaults", "norelatime", "async", "silent", "loud", "mand"), 0, 0),
    ],
)
def test_options_become_flags_of_the_mount(options, set, clear):
    parsed = parse_options(options)
    assert (parsed.set, parsed.clear & ~parsed.set) == (set, clear)
    assert parsed.data == ()


@pytest.mark.parametrize("option", ["noatime", "strictatime", "relatime", "atime", "nostrictatime"])
def test_a_mode_of_access_time_replaces_every_other(option):
    parsed = parse_options(("noatime", "strictatime", option))
    assert parsed.clear == kernel.MOUNT_ATTR__ATIME
    values = {"noatime": kernel.MOUNT_ATTR_NOATIME, "strictatime": kernel.MOUNT_ATTR_STRICTATIME}
    assert parsed.set == values.get(option, 0)


@pytest.mark.parametrize(
    "name",
    ["ro", "rw", "dev", "nodev", "exec", "noexec", "suid", "nosuid", "atime", "noatime", "diratime", "nodiratime",
     "relatime", "norelatime", "strictatime", "nostrictatime", "symfollow", "nosymfollow"],
)  # fmt: skip
def test_each_attribute_has_a_recursive_form(name):
    one, deep = parse_options((name,)), parse_options((f"r{name}",))
    assert (deep.recursiveSet, deep.recursiveClear) == (one.set, one.clear)
    assert (deep.set, deep.clear, deep.data) == (0, 0, ())


def test_propagation_is_kept_in_order():
    parsed = parse_options(("rslave", "shared"))
    assert parsed.propagation == (kernel.MS_SLAVE | kernel.MS_REC, kernel.MS_SHARED)


def test_the_last_superblock_option_of_a_switch_counts():
    parsed = parse_options(("sync", "async", "lazytime", "nolazytime", "iversion", "noiversion", "dirsync", "mand"))
    assert parsed.superblock == ("async", "nolazytime", "dirsync", "mand")


@pytest.mark.parametrize(
    ("option", "data"),
    [
        ("size=64k", (("size", "64k"),)),
        ("newinstance", (("newinstance", None),)),
        ("mode=755,size=1k", (("mode", "755"), ("size", "1k"))),
        ("lowerdir=/a\\,b:/c", (("lowerdir", "/a\\,b:/c"),)),
        ('context="a:b:c0,c1",mode=1', (("context", "a:b:c0,c1"), ("mode", "1"))),
        ("empty=", (("empty", ""),)),
    ],
)
def test_other_options_become_data(option, data):
    assert parse_options((option,)).data == data


@pytest.mark.parametrize(
    ("path", "result"),
    [("/a//b/./c", "/a/b/c"), ("a/b", "/a/b"), ("/../../a", "/a"), ("/a/../b/", "/b"), ("/", "/"), ("", "/")],
)
def test_paths_are_cleaned_by_their_text(path, result):
    assert clean(path) == result


def test_bind_is_chosen_by_the_options_whatever_the_type():
    operation = only({"destination": "/data", "source": "/srv", "type": "ext4", "options": ("rbind", "mode=755", "ro")})
    assert operation.KIND.__name__ == "BindMount" and operation.recursive and operation.set == 1
    assert operation.describe() == "bind /srv on /data (rbind, mode=755, ro)"


def test_relative_source_of_a_bind_is_in_the_bundle_and_relative_destination_below_the_root():
    operation = only({"destination": "data", "source": "volume", "options": ("bind",)})
    assert (operation.source, operation.destination, operation.recursive) == ("/bundle/volume", "/data", False)


def test_mount_without_type_and_bind_is_refused():
    assert problems({"destination": "/data", "source": "/srv"})[0][0] == "mounts[0].type"
    assert problems({"destination": "/data", "options": ("bind",)})[0][0] == "mounts[0].source"


@pytest.mark.parametrize("path", ["/proc/self", "/proc/sys", "/x/../proc/1/attr", "/proc//net/dev", "proc/self/attr"])
def test_sec_2015_3631_destinations_in_proc_are_refused(path):
    ((where, text),) = problems({"destination": path, "source": "/srv", "options": ("bind",)})
    assert where == "mounts[0].destination" and "inside /proc" in text


@pytest.mark.parametrize("path", ["/proc/cpuinfo", "/proc/sys/kernel/ns_last_pid", "/processes"])
def test_a_few_files_of_proc_and_its_neighbours_are_accepted(path):
    assert only({"destination": path, "source": "/srv", "options": ("bind",)}).onProc == path.startswith("/proc/")


def test_sec_2019_16884_only_a_procfs_may_cover_proc():
    assert problems({"destination": "/proc", "type": "tmpfs"})[0][0] == "mounts[0].destination"
    assert only({"destination": "/proc", "type": "proc", "source": "proc"}).type == "proc"


def test_mount_on_the_root_is_refused():
    assert problems({"destination": "/a/..", "type": "tmpfs"})[0][0] == "mounts[0].destination"


def test_all_bad_mounts_are_told_at_once():
    bad = {"destination": "/proc/1", "type": "tmpfs"}
    assert [where for where, _text in problems(bad, {"destination": "/x"}, bad)] == [
        "mounts[0].destination",
        "mounts[1].type",
        "mounts[2].destination",
    ]


@pytest.mark.parametrize(("type", "where", "later"), [("tmpfs", "/run", 1), ("devtmpfs", "/dev", 1), ("proc", "/p", 0)])
def test_readonly_comes_last_where_content_must_be_made(type, where, later):
    (operation,), finish = compiled({"destination": where, "type": type, "options": ("nosuid", "ro")})
    assert len(finish) == later and operation.readonlyLater == bool(later)
    assert bool(operation.set & kernel.MOUNT_ATTR_RDONLY) != bool(later)
    assert ("ro" in operation.superblock) != bool(later)
    assert [step.property for step in finish] == ["mounts[0]"] * later


def test_remount_changes_the_mount_or_the_file_system():
    operation = only({"destination": "/data", "options": ("remount", "bind", "ro")})
    assert operation.KIND.__name__ == "Remount" and operation.bind
    assert not only({"destination": "/data", "type": "tmpfs", "options": ("remount", "ro")}).bind


def test_label_is_for_file_systems_that_take_one():
    assert only({"destination": "/data", "type": "tmpfs"}, label="a:b").label == "a:b"
    assert only({"destination": "/proc", "type": "proc"}, label="a:b").label == ""


CGROUP = {"destination": "/sys/fs/cgroup", "type": "cgroup", "source": "cgroup", "options": ("ro", "nosuid")}


def test_cgroup_v2_in_a_cgroup_namespace_is_mounted():
    operation = only(CGROUP)
    assert (operation.type, operation.set) == ("cgroup2", 3)


def test_cgroup_v2_without_a_cgroup_namespace_is_the_containers_own_directory():
    operation = only({**CGROUP, "options": ()}, namespaces=("mount",))
    assert (operation.source, operation.set) == ("/sys/fs/cgroup/box", 0)


def test_sec_2023_25809_cgroups_of_others_are_never_writable():
    operation = only({**CGROUP, "options": ("rw",)}, namespaces=("mount",), cgroups=())
    assert operation.source == "/sys/fs/cgroup"
    assert operation.set & operation.recursiveSet & kernel.MOUNT_ATTR_RDONLY
    assert not (operation.clear | operation.recursiveClear) & kernel.MOUNT_ATTR_RDONLY


def test_cgroup_v1_is_one_view_of_every_hierarchy():
    operation = only(CGROUP, cgroup=V1, cgroups=(("cpu,cpuacct", "/own"),))
    assert operation.namespaced and operation.set & kernel.MOUNT_ATTR_RDONLY
    assert operation.hierarchies == (("cpu,cpuacct", "cpu,cpuacct", "/own"), ("systemd", "name=systemd", "/c/systemd"))


@pytest.mark.parametrize("namespaces", [("mount",), ("mount", "cgroup")])
def test_sec_2023_25809_cgroup_v1_of_the_caller_is_never_writable(namespaces):
    """Where a user may make none for the container, it sees its creator's."""
    writable = {**CGROUP, "options": ("rw",)}
    operation = only(writable, cgroup=V1, cgroups=(("cpu,cpuacct", "/own"),), namespaces=namespaces)
    assert not operation.set & kernel.MOUNT_ATTR_RDONLY and operation.foreign == ("systemd",)
    assert operation.namespaced == ("cgroup" in namespaces)


def test_sec_2023_25809_cgroup_v2_of_the_caller_is_never_writable():
    operation = only({**CGROUP, "options": ("rw",)}, cgroups=())
    assert operation.type == "cgroup2" and operation.set & kernel.MOUNT_ATTR_RDONLY


def test_cgroup_mount_on_a_host_without_cgroups_is_refused():
    assert problems(CGROUP, cgroup=CgroupFacts())[0][0] == "mounts[0].type"


def test_every_operation_can_cross_a_process_boundary():
    import marshal

    operations, finish = compiled(
        CGROUP,
        {"destination": "/a", "source": "/b", "options": ("bind",)},
        {"destination": "/t", "type": "tmpfs", "options": ("ro", "size=1k")},
        {"destination": "/t", "options": ("remount", "bind")},
    )
    for operation in (*operations, *finish):
        assert marshal.loads(marshal.dumps(operation.wire())) == operation.wire()
        assert operation.describe()
