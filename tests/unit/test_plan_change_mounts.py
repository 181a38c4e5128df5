"""mounts add and mounts remove -> operations, without a kernel."""

import json

import pytest

from ocipy.errors import ConfigError
from ocipy.plan.change_mounts import compile_add, compile_entry, compile_remove
from ocipy.spec.default import default
from ocipy.spec.load import load, load_mounts


def compiled(compile, *mounts, **linux):
    config = default()
    config["linux"].update(linux)
    more = ("/bundle",) if compile is compile_add else ()
    return compile(load(json.dumps(config).encode()), load_mounts(json.dumps(mounts).encode()), *more)


def test_mounts_are_added_in_order_and_read_only_in_the_end():
    operations = compiled(
        compile_add,
        {"destination": "/a", "type": "tmpfs", "options": ["ro"]},
        {"destination": "a/b", "source": "beside", "options": ["bind"]},
    )
    assert [operation.wire()[0] for operation in operations] == ["FilesystemMount", "BindMount", "FinishReadonly"]
    assert (operations[1].destination, operations[1].source) == ("/a/b", "/bundle/beside")


def test_mounts_are_removed_last_first():
    operations = compiled(compile_remove, {"destination": "/a"}, {"destination": "/a/../b/"})
    assert [operation.describe() for operation in operations] == ["unmount /b", "unmount /a"]


def test_all_problems_are_told():
    with pytest.raises(ConfigError) as caught:
        compiled(
            compile_add, {"destination": "/a", "type": "proc"}, {"destination": "/proc/self", "type": "tmpfs"},
            {"destination": "/b", "type": "tmpfs", "options": ["remount"]}, {"destination": "/c", "source": "/"},
        )  # fmt: skip
    assert [path for path, _text in caught.value.problems] == [
        "mounts[0].type", "mounts[2].options", "mounts[1].destination", "mounts[3].type",
    ]  # fmt: skip


def test_paths_that_protect_are_not_removed():
    with pytest.raises(ConfigError) as caught:
        compiled(
            compile_remove, {"destination": "/x"}, {"destination": "/y/."}, maskedPaths=["/x"], readonlyPaths=["/y"]
        )  # fmt: skip
    assert [path for path, _text in caught.value.problems] == ["mounts[0].destination", "mounts[1].destination"]


def test_bind_of_a_proc_file_system_is_no_new_one():
    (operation,) = compiled(compile_add, {"destination": "/p", "type": "proc", "source": "/proc", "options": ["bind"]})
    assert operation.source == "/proc"


def test_process_becomes_root_of_a_user_namespace_first():
    assert compile_entry(load(json.dumps(default()).encode())) == ()
