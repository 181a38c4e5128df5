"""Labels of security modules: set or refused where the kernel has the module, and told where it has not."""

import pytest

from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.plan.labels import check_labels, compile_labels, labels
from ocipy.spec.jsontext import encode
from ocipy.spec.load import load

LABELS = [("process.apparmorProfile", "AppArmor"), ("process.selinuxLabel", "SELinux"), ("linux.mountLabel", "SELinux")]


def spec(path="", value="some:label"):
    document = {
        "ociVersion": "1.3.0", "root": {"path": "rootfs"}, "linux": {},
        "process": {"args": ["sh"], "cwd": "/", "user": {"uid": 0, "gid": 0}},
    }  # fmt: skip
    if path:
        room, name = path.split(".")
        document[room][name] = value
    return load(encode(document).encode())


def facts(*modules):
    return HostFacts(cgroup=CgroupFacts(), capabilities=0, modules=modules)


def checked(spec, *modules):
    problems, warnings = [], []
    check_labels(labels(spec), facts(*modules), problems, warnings)
    return problems, warnings


@pytest.mark.parametrize(("path", "module"), LABELS[1:])
def test_label_of_SELinux_is_refused_where_the_kernel_runs_it(path, module):
    assert checked(spec(path), module) == ([(path, "SELinux is not supported by ocipy")], [])


def test_profile_of_AppArmor_is_set_where_the_kernel_runs_it():
    confined = spec("process.apparmorProfile", "a-profile")
    assert checked(confined, "AppArmor") == ([], [])
    (operation,) = compile_labels(confined.process, facts("AppArmor"))
    assert operation.wire() == ("SetAppArmorProfile", "process.apparmorProfile", "a-profile")
    assert compile_labels(confined.process, facts("SELinux")) == compile_labels(None, facts("AppArmor")) == []
    assert compile_labels(spec().process, facts("AppArmor")) == []


@pytest.mark.parametrize(("path", "module"), LABELS)
def test_label_of_a_module_that_the_kernel_lacks_is_told(path, module):
    other = {"AppArmor": "SELinux", "SELinux": "AppArmor"}[module]
    assert checked(spec(path), other) == ([], [f"{path}: not applied: the kernel runs no {module}"])


def test_absent_and_empty_labels_are_none():
    assert labels(spec()) == []
    for path, _module in LABELS:
        assert labels(spec(path, "")) == []
