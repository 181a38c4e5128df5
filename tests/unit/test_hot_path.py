"""The modules that the quick verbs load: a new one is a decision, and belongs in these lists."""

import json

import pytest
from support.modules import SLOW, loaded

ALWAYS = {
    "__future__", "_ast", "errno", "gc", "stat", "_stat", "_json", "ocipy", "ocipy.archive", "ocipy.cli",
    "ocipy.cli.main", "ocipy.cli.options", "ocipy.errors", "ocipy.linux", "ocipy.linux.os", "ocipy.linux.path",
    "ocipy.runtime", "ocipy.runtime.log", "ocipy.spec", "ocipy.spec.jsontext",
}
LOOK = {
    "ocipy.cgroup", "ocipy.cgroup.files", "ocipy.cgroup.freezer", "ocipy.linux", "ocipy.linux.proc",
    "ocipy.runtime.state", "ocipy.runtime.store",
}
RECORD = {
    "ociVersion": "1.3.0", "id": "one", "init_process_pid": 0, "init_process_start": 0, "bundle": "/b",
    "rootfs": "/b/rootfs", "created": "2026-01-01T00:00:00Z", "annotations": {},
    "cgroup_paths": {"": "/sys/fs/cgroup/ocipy-test-absent"}, "own_pids": True, "program": True,
}


@pytest.fixture
def root(tmp_path):
    """A state directory with a container that has stopped."""
    (tmp_path / "one").mkdir()
    (tmp_path / "one/state.json").write_text(json.dumps(RECORD))
    return str(tmp_path)


@pytest.mark.parametrize(("words", "code", "more"), [
    (["--version"], 0, set()),
    (["state", "one"], 0, LOOK | {"ocipy.cli.state"}),
    (["kill", "one", "KILL"], 1, LOOK | {"ocipy.cli.kill", "ocipy.runtime.kill"}),
    (["pause", "one"], 1, LOOK | {"ocipy.cli.pause", "ocipy.runtime.pause"}),
    (["resume", "one"], 1, LOOK | {"ocipy.cli.resume", "ocipy.runtime.pause"}),
    (["ps", "--format", "json", "one"], 0, LOOK | {"ocipy.cli.ps", "ocipy.runtime.ps", "ocipy.cgroup.processes"}),
    (["events", "--stats", "one"], 1, LOOK | {"ocipy.cli.events", "ocipy.runtime.events", "ocipy.cgroup.statistics"}),
    (["update", "--memory", "64M", "one"], 1, LOOK | {
        "_ctypes", "_struct", "struct", "ocipy.cli.update", "ocipy.runtime.update", "ocipy.cgroup.host",
        "ocipy.cgroup.undo", "ocipy.cgroup.write", "ocipy.linux.libc", "ocipy.linux.mount",
        "ocipy.plan", "ocipy.plan.cgroup", "ocipy.plan.cgroup_limits", "ocipy.plan.cgroup_operations",
        "ocipy.plan.facts", "ocipy.plan.mount_options", "ocipy.plan.mounts", "ocipy.plan.operation",
        "ocipy.plan.update", "ocipy.plan.users", "ocipy.record", "ocipy.spec.fields", "ocipy.spec.model",
        "ocipy.spec.resources",
    }),
    (["delete", "one"], 0, LOOK | {
        "ocipy.cli.delete", "ocipy.runtime.delete", "ocipy.runtime.kill", "ocipy.runtime.hooks",
        "ocipy.cgroup.remove",
    }),
    (["start", "one"], 1, LOOK | {
        "_socket", "ocipy.cli.start", "ocipy.init", "ocipy.init.channel", "ocipy.runtime.hooks",
        "ocipy.runtime.sockets", "ocipy.runtime.start",
    }),
    (["exec", "one", "true"], 255, LOOK | {
        "_ctypes", "_socket", "_struct", "fcntl", "struct", "ocipy.record", "ocipy.cgroup.join", "ocipy.cli.create",
        "ocipy.cli.exec", "ocipy.init", "ocipy.init.channel", "ocipy.init.console", "ocipy.init.context",
        "ocipy.init.devices", "ocipy.init.enter", "ocipy.init.identity", "ocipy.init.paths", "ocipy.init.program",
        "ocipy.init.settings", "ocipy.init.users", "ocipy.init.walk", "ocipy.linux.capability",
        "ocipy.linux.interpreter", "ocipy.linux.keyring", "ocipy.linux.libc", "ocipy.linux.memory",
        "ocipy.linux.mount", "ocipy.linux.network", "ocipy.linux.openat2", "ocipy.linux.process",
        "ocipy.linux.security", "ocipy.plan", "ocipy.plan.exec", "ocipy.plan.facts", "ocipy.plan.labels",
        "ocipy.plan.lifecycle", "ocipy.plan.namespaces", "ocipy.plan.operation", "ocipy.plan.process",
        "ocipy.plan.program", "ocipy.plan.users", "ocipy.runtime.caller", "ocipy.runtime.exec",
        "ocipy.runtime.process_operations", "ocipy.runtime.sockets", "ocipy.runtime.walk", "ocipy.spec.fields",
        "ocipy.spec.load", "ocipy.spec.model", "ocipy.spec.process", "ocipy.spec.resources",
    }),
], ids=lambda value: value[0] if isinstance(value, list) else "")
def test_verb_loads_no_module_beyond_its_list(root, words, code, more):
    status, modules = loaded("--root", root, *words)
    assert status == code
    assert modules <= ALWAYS | more
    assert not modules & SLOW


def test_plan_of_a_bundle_loads_nothing_slow(tmp_path):
    from ocipy.spec.default import default

    (tmp_path / "rootfs").mkdir()
    (tmp_path / "config.json").write_text(json.dumps(default()))
    status, modules = loaded("plan", "--bundle", str(tmp_path))
    assert status == 0
    assert not modules & SLOW
