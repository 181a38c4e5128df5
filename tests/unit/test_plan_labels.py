"""Labels of security modules: refused where the kernel has the module, and told where it has not."""

import pytest

from ocipy.plan.facts import CgroupFacts, HostFacts
from ocipy.plan.labels import check_labels, labels
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


def checked(spec, *modules):
    problems, warnings = [], []
    check_labels(labels(spec), HostFacts(cgroup=CgroupFacts(), capabilities=0, modules=modules), problems, warnings)
    return problems, warnings


@pytest.mark.parametrize(("path", "module"), LABELS)
def test_label_of_a_module_that_the_kernel_runs_is_refused(path, module):
    assert checked(spec(path), module) == ([(path, f"{module} is not supported by ocipy")], [])


@pytest.mark.parametrize(("path", "module"), LABELS)
def test_label_of_a_module_that_the_kernel_lacks_is_told(path, module):
    other = {"AppArmor": "SELinux", "SELinux": "AppArmor"}[module]
    assert checked(spec(path), other) == ([], [f"{path}: not applied: the kernel runs no {module}"])


def test_absent_and_empty_labels_are_none():
    assert labels(spec()) == []
    for path, _module in LABELS:
        assert labels(spec(path, "")) == []
