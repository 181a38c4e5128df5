"""root, devices, masks -> operations, without a kernel."""

from __future__ import annotations

import pytest

from ocipy.errors import ConfigError
from ocipy.linux import mount as kernel
from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.plan.rootfs import compile_rootfs, twin_devices
from ocipy.spec.model import Device, Hooks, Linux, Mount, Namespace, Process, Root, Spec, User

DEV_BIND = Mount(property="mounts[0]", destination="/dev/", source="/dev", options=("rbind",))


def compiled(*, root=None, mounts=(), namespaces=("mount",), no_pivot=False, process=None, **linux):
    spec = Spec(
        ociVersion="1.3.0",
        root=root or Root(path="rootfs"),
        mounts=mounts,
        process=process,
        hooks=Hooks(),
        linux=Linux(namespaces=tuple(Namespace(property="", type=type) for type in namespaces), **linux),
    )
    facts = HostFacts(cgroup=CgroupFacts(), capabilities=0)
    return compile_rootfs(spec, facts, (), "/bundle", no_pivot)


def kinds(operations):
    return [operation.KIND.__name__ for operation in operations]


def of_kind(operations, name):
    return [operation for operation in operations if operation.KIND.__name__ == name]


def problems(**options):
    with pytest.raises(ConfigError) as caught:
        compiled(**options)
    return [where for where, _text in caught.value.problems]


def device(path, type="c", major=1, minor=3, **rest):
    return Device(property="linux.devices[0]", path=path, type=type, major=major, minor=minor, **rest)


def test_default_devices_and_links_are_always_made():
    before, _after = compiled()
    made = {operation.path: (operation.major, operation.minor) for operation in of_kind(before, "CreateDevice")}
    assert made == {
        "/dev/null": (1, 3), "/dev/zero": (1, 5), "/dev/full": (1, 7), "/dev/random": (1, 8), "/dev/urandom": (1, 9),
        "/dev/tty": (5, 0),
    }  # fmt: skip
    assert {operation.mode for operation in of_kind(before, "CreateDevice")} == {0o666}
    links = {operation.path: operation.target for operation in of_kind(before, "CreateLink")}
    assert links["/dev/ptmx"] == "pts/ptmx" and links["/dev/fd"] == "/proc/self/fd" and len(links) == 6


def test_bound_dev_is_not_changed_but_devices_elsewhere_are_made():
    before, _after = compiled(mounts=(DEV_BIND,), devices=(device("/dev/x"), device("/srv/x")))
    assert [operation.path for operation in of_kind(before, "CreateDevice")] == ["/srv/x"]
    assert of_kind(before, "CreateLink") == []


def test_listed_device_replaces_the_default_of_its_path():
    before, _after = compiled(devices=(device("/dev//zero", "u", 1, 5, fileMode=0o600, uid=7),))
    (zero,) = [operation for operation in of_kind(before, "CreateDevice") if operation.path == "/dev/zero"]
    assert (zero.type, zero.mode, zero.uid, zero.gid, zero.property) == ("c", 0o600, 7, 0, "linux.devices[0]")


def test_numbers_of_a_fifo_are_ignored():
    before, _after = compiled(devices=(device("/dev/pipe", "p", 9, 9),))
    (fifo,) = [operation for operation in of_kind(before, "CreateDevice") if operation.type == "p"]
    assert (fifo.major, fifo.minor) == (0, 0)


@pytest.mark.parametrize(("type", "numbers"), [("c", (1, 5)), ("b", (1, 3)), ("p", (1, 3))])
def test_dev_null_must_be_the_null_device(type, numbers):
    assert problems(devices=(device("/dev/null", type, *numbers),)) == ["linux.devices[0].path"]


def test_unknown_type_of_device_is_refused():
    assert problems(devices=(device("/dev/x", "q"),)) == ["linux.devices[0].type"]


def test_a_device_that_is_listed_under_two_paths_is_a_warning():
    listed = (device("/dev/a", "u", 1, 5), device("/dev/a/"), device("/dev/b", "b", 1, 5), device("/dev/p", "p"),
              device("/dev/q", "p"), device("/dev/c", "c", 1, 5))  # fmt: skip
    spec = Spec(ociVersion="1.3.0", hooks=Hooks(), linux=Linux(devices=listed))
    assert twin_devices(spec) == ["linux.devices[0].path: /dev/c is the device c 1:5, as is /dev/a"]


def test_in_a_user_namespace_nodes_are_bound_and_fifos_made():
    before, _after = compiled(namespaces=("mount", "user"), devices=(device("/dev/pipe", "p"),))
    assert {operation.type: operation.bind for operation in of_kind(before, "CreateDevice")} == {"c": True, "p": False}


def test_restrictions_come_after_the_hooks_and_before_the_change_of_root():
    before, after = compiled(
        root=Root(path="/r", readonly=True),
        mounts=(Mount(property="mounts[0]", destination="/run", type="tmpfs", options=("ro",)),),
        process=Process(args=("x",), cwd="/here", user=User()),
        maskedPaths=("/m",),
        readonlyPaths=("/o",),
    )
    assert kinds(after) == ["FinishReadonly", "ReadonlyRoot", "MaskPath", "ReadonlyPath", "PivotRoot"]
    assert kinds(before)[0] == "PrepareRoot" and kinds(before)[-1] == "MakeWorkingDirectory"


def test_a_path_that_is_listed_twice_is_masked_once():
    _before, after = compiled(maskedPaths=("/a", "/a/", "/b"), readonlyPaths=("/c", "/c"))
    assert [operation.path for operation in after[:-1]] == ["/a", "/b", "/c"]
    assert [operation.property for operation in after[:2]] == ["linux.maskedPaths[0]", "linux.maskedPaths[2]"]


def test_relative_masked_and_readonly_paths_are_refused():
    assert problems(maskedPaths=("/a", "b"), readonlyPaths=("c",)) == [
        "linux.maskedPaths[1]", "linux.readonlyPaths[0]"
    ]  # fmt: skip


def test_way_into_the_root():
    assert kinds(compiled()[1]) == ["PivotRoot"]
    assert kinds(compiled(no_pivot=True)[1]) == ["MoveRoot"]
    before, after = compiled(namespaces=("pid",))
    assert kinds(after) == ["ChrootRoot"] and kinds(before)[0] == "OpenRoot"


def test_restrictions_without_a_mount_namespace_are_refused():
    wanted = {"root": Root(path="r", readonly=True), "maskedPaths": ("/a",), "readonlyPaths": ("/b",)}
    assert problems(namespaces=(), **wanted) == ["root.readonly", "linux.maskedPaths", "linux.readonlyPaths"]


REC = kernel.MS_REC


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("", kernel.MS_SLAVE | REC, 0),
        ("slave", kernel.MS_SLAVE | REC, kernel.MS_SLAVE),
        ("rshared", kernel.MS_SHARED | REC, kernel.MS_SHARED | REC),
        ("shared", kernel.MS_SHARED | REC, kernel.MS_SHARED),
        ("rprivate", kernel.MS_PRIVATE | REC, 0),
        ("unbindable", kernel.MS_PRIVATE | REC, kernel.MS_UNBINDABLE),
        ("runbindable", kernel.MS_PRIVATE | REC, kernel.MS_UNBINDABLE | REC),
    ],
)
def test_root_propagation_while_building_and_in_the_end(name, first, last):
    before, after = compiled(rootfsPropagation=name)
    assert (before[0].propagation, after[-1].propagation) == (first, last)
    assert before[0].describe() and after[-1].describe()


def test_unknown_root_propagation_is_refused():
    assert problems(rootfsPropagation="sideways") == ["linux.rootfsPropagation"]


def test_root_path_is_relative_to_the_bundle():
    assert compiled()[0][0].path == "/bundle/rootfs"
    assert compiled(root=Root(path="/elsewhere"))[0][0].path == "/elsewhere"


def test_all_problems_are_told_at_once():
    bad = Mount(property="mounts[0]", destination="/proc/1", type="tmpfs")
    assert problems(mounts=(bad,), rootfsPropagation="x", maskedPaths=("y",)) == [
        "linux.rootfsPropagation", "mounts[0].destination", "linux.maskedPaths[0]"
    ]  # fmt: skip


def test_fields_of_each_operation_are_the_parameters_of_its_function():
    from ocipy.init import devices, masks, mounts, root
    from ocipy.plan import mounts as plan_mounts
    from ocipy.plan import rootfs as plan_rootfs
    from ocipy.plan.operation import Operation
    from ocipy.record import Kind

    planned = {
        name: kind
        for module in (plan_mounts, plan_rootfs)
        for name, kind in vars(module).items()
        if isinstance(kind, Kind) and kind.descends_from(Operation) and kind is not Operation
    }
    handlers = {**root.HANDLERS, **mounts.HANDLERS, **devices.HANDLERS, **masks.HANDLERS}
    assert planned.keys() == handlers.keys()
    for name, kind in planned.items():
        code = handlers[name].__code__
        parameters = code.co_varnames[1 : code.co_argcount]
        assert [field.lower() for field in kind.FIELDS] == [name.replace("_", "") for name in parameters]
