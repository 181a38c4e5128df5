"""hooks: each kind at its point, in its namespace, with the state; and what a failure does."""

import json
import os

import pytest
from support import host, requires
from support.runtime import reap

from ocipy.spec.schema import schema_problems

KINDS = ("prestart", "createRuntime", "createContainer", "startContainer", "poststart", "poststop")
HOST_KINDS = ("prestart", "createRuntime", "poststart", "poststop")
# For a script: the pid in the state.
PID = """pid=$(grep -o '"pid": *[0-9]*' | grep -o '[0-9]*')"""


class Hooks:
    """Hooks whose scripts note what they see in files of `place`, which the container has at the same path."""

    def __init__(self, bundle, scratch):
        self.bundle = bundle
        self.place = scratch / "hooks"
        self.place.mkdir()
        self.place.chmod(0o777)
        bundle.mount(str(self.place), "bind", self.place, "bind")
        bundle.config["hooks"] = {}

    def add(self, kind, script, **more):
        entries = self.bundle.config["hooks"].setdefault(kind, [])
        path = self.place / f"{kind}{len(entries)}.sh"
        path.write_text(f"#!/bin/sh\n{script}\n")
        path.chmod(0o755)
        entries.append({"path": str(path), **more})

    def note(self, name):
        return (self.place / name).read_text()


@pytest.fixture
def hooks(bundle, scratch):
    return Hooks(bundle, scratch)


def test_hooks_run_in_the_order_of_the_lifecycle(ocipy, bundle, hooks):
    order = hooks.place / "order"
    for kind in KINDS:
        hooks.add(kind, f"echo {kind} >> {order}")
        hooks.add(kind, f"echo {kind} again >> {order}")
    box = ocipy.create(bundle, "sleep", "100")
    creating = [line for kind in KINDS[:3] for line in (kind, f"{kind} again")]
    assert hooks.note("order").splitlines() == creating
    box.start()
    starting = [line for kind in KINDS[3:5] for line in (kind, f"{kind} again")]
    assert hooks.note("order").splitlines() == creating + starting
    box.delete(force=True).ok()
    assert hooks.note("order").splitlines() == [line for kind in KINDS for line in (kind, f"{kind} again")]


def test_program_runs_after_start_container_and_before_poststart(ocipy, bundle, hooks):
    order = hooks.place / "order"
    hooks.add("startContainer", f"echo startContainer >> {order}")
    hooks.add("poststart", f"while ! grep -q program {order}; do sleep 0.01; done; echo poststart >> {order}")
    ocipy.start(bundle, "sh", "-c", f"echo program >> {order}; sleep 100")
    assert hooks.note("order").split() == ["startContainer", "program", "poststart"]


@pytest.mark.parametrize(
    ("kind", "status"),
    [("prestart", "created"), ("createRuntime", "created"), ("createContainer", "created"),
     ("startContainer", "created"), ("poststart", "running"), ("poststop", "stopped")],
)  # fmt: skip
@requires.ocipy_itself
def test_state_is_on_the_standard_input(ocipy, bundle, hooks, kind, status):
    bundle.config["annotations"] = {"key": "value"}
    hooks.add(kind, f"cat > {hooks.place}/state")
    box = ocipy.start(bundle, "sleep", "100")
    pid = box.pid if kind in HOST_KINDS else 1
    box.delete(force=True).ok()
    state = json.loads(hooks.note("state"))
    assert state["status"] in (status, "creating") if status == "created" else state["status"] == status
    assert state["id"] == box.id
    assert state["bundle"] == str(bundle.path)
    assert state["ociVersion"] == "1.3.0"
    assert state["annotations"] == {"key": "value"}
    assert state.get("pid", 0) == (0 if kind == "poststop" else pid)


@pytest.mark.parametrize("kind", KINDS)
def test_state_on_the_standard_input_follows_the_schema(ocipy, bundle, hooks, kind):
    pytest.importorskip("jsonschema")
    hooks.add(kind, f"cat > {hooks.place}/state")
    ocipy.run(bundle, "true").ok()
    assert schema_problems("state", json.loads(hooks.note("state"))) == []


@pytest.mark.parametrize("kind", KINDS)
def test_namespaces_of_a_hook(ocipy, bundle, hooks, kind):
    """By the mount and the network namespace, which a container always has for itself here."""
    hooks.add(kind, f"for name in net mnt uts; do readlink /proc/self/ns/$name; done > {hooks.place}/ns")
    box = ocipy.start(bundle, "sleep", "100")
    expected = [host.namespace("self" if kind in HOST_KINDS else box.pid, name) for name in ("net", "mnt", "uts")]
    box.delete(force=True).ok()
    assert hooks.note("ns").split() == expected


@pytest.mark.parametrize("kind", KINDS)
def test_path_of_a_hook_is_resolved_where_the_specification_says(ocipy, bundle, hooks, scratch, kind):
    """The host and the container have different programs at the same path."""
    path = scratch / "program"
    path.write_text(f"#!/bin/sh\necho runtime > {hooks.place}/ran\n")
    path.chmod(0o755)
    bundle.file(str(path)[1:], f"#!/bin/sh\necho container > {hooks.place}/ran\n", 0o755)
    bundle.config["hooks"] = {kind: [{"path": str(path)}]}
    box = ocipy.start(bundle, "sleep", "100")
    box.delete(force=True).ok()
    assert hooks.note("ran") == ("container\n" if kind == "startContainer" else "runtime\n")


@pytest.mark.parametrize("kind", ["prestart", "createRuntime", "createContainer"])
def test_mounts_are_in_place_before_the_change_of_root(ocipy, bundle, hooks, kind):
    script = f"{PID}; cat /proc/self/mountinfo > {hooks.place}/own; cat /proc/$pid/mountinfo > {hooks.place}/init || :"
    hooks.add(kind, script)
    ocipy.create(bundle, "true")
    table = hooks.note("own" if kind == "createContainer" else "init")
    assert f"{bundle.rootfs}/proc " in table
    assert f"{bundle.rootfs}/dev/mqueue " in table


def test_a_mount_by_a_create_container_hook_is_in_the_container(ocipy, bundle, hooks):
    hooks.add("createContainer", f"mkdir -p {bundle.rootfs}/given && mount -t tmpfs given {bundle.rootfs}/given")
    box = ocipy.create(bundle, "true")
    assert host.mount_at(box.pid, "/given").source == "given"
    assert not any(mount.source == "given" for mount in host.mounts())


def test_cgroup_is_in_place_before_the_first_hook(ocipy, bundle, hooks):
    hooks.add("createRuntime", f"{PID}; cat /proc/$pid/cgroup > {hooks.place}/cg")
    box = ocipy.create(bundle, "true")
    assert hooks.note("cg") == host.Path(f"/proc/{box.pid}/cgroup").read_text()


@requires.ocipy_itself
def test_poststop_runs_when_the_container_is_gone(ocipy, bundle, hooks):
    box = ocipy.start(bundle, "sleep", "100")
    cgroups = " ".join(map(str, host.cgsnap(box.id)))
    box.delete(force=True).ok()
    hooks.add("poststop", f"ls -d {ocipy.root}/{box.id} {cgroups} >> {hooks.place}/left 2>/dev/null || :")
    ocipy.start(bundle, "sleep", "100", id=box.id).delete(force=True).ok()
    assert cgroups
    assert hooks.note("left") == ""


def test_env_of_a_hook_is_what_the_config_gives(ocipy, bundle, hooks):
    hooks.add("createRuntime", f"env > {hooks.place}/env", env=["A=1", "B=two words"])
    ocipy.create(bundle, "true", env={"PATH": os.environ["PATH"], "SECRET": "x"})
    # A shell sets some itself.
    own = {"PWD", "OLDPWD", "SHLVL", "_", "PATH"}
    assert {line for line in hooks.note("env").splitlines() if line.split("=")[0] not in own} == {"A=1", "B=two words"}


def test_args_of_a_hook_begin_with_its_name(ocipy, bundle, hooks):
    script = f"tr '\\0' '\\n' < /proc/$$/cmdline > {hooks.place}/args"
    hooks.add("createRuntime", script, args=["name", "one", "two words"])
    ocipy.create(bundle, "true")
    # A script: the kernel puts the interpreter and the path in the place of argv[0].
    assert hooks.note("args").splitlines()[-2:] == ["one", "two words"]


@pytest.mark.parametrize("kind", KINDS[:-1])
def test_hook_that_takes_too_long_is_killed(ocipy, bundle, hooks, kind):
    hooks.add(kind, f"echo $$ > {hooks.place}/pid; exec sleep 1000", timeout=1)
    id = ocipy.new_id()
    result = ocipy.run(bundle, "sleep", "100", id=id, options=("--detach",), timeout=host.PATIENCE)
    result.refused(f"hooks.{kind}[0]")
    assert "1 s" in result.err or "timeout" in result.err
    host.wait_for(lambda: reap() == [], "the end of all processes")


@pytest.mark.parametrize("kind", KINDS[:3])
def test_failure_of_a_hook_in_create_leaves_nothing_but_runs_poststop(ocipy, bundle, hooks, kind):
    hooks.add(kind, "echo the reason >&2; exit 3")
    hooks.add(kind, f"touch {hooks.place}/next")
    hooks.add("poststop", f"touch {hooks.place}/poststop")
    id = ocipy.new_id()
    ocipy.created(bundle, "true", id=id).refused(f"hooks.{kind}[0]", "exit status 3", "the reason")
    assert not (hooks.place / "next").exists()
    assert (hooks.place / "poststop").exists()
    assert (host.statesnap(ocipy.root), host.cgsnap(id), reap()) == ([], [], [])


@requires.ocipy_itself
@pytest.mark.parametrize("kind", ["startContainer", "poststart"])
def test_failure_of_a_hook_in_start_destroys_the_container_and_runs_poststop(ocipy, bundle, hooks, kind):
    hooks.add(kind, "echo the reason; exit 4")
    hooks.add(kind, f"touch {hooks.place}/next")
    hooks.add("poststop", f"cat > {hooks.place}/poststop")
    box = ocipy.create(bundle, "sleep", "100")
    ocipy("start", box.id).refused(f"hooks.{kind}[0]", "exit status 4", "the reason")
    assert host.exited(box.pid)
    assert not (hooks.place / "next").exists()
    assert json.loads(hooks.note("poststop"))["status"] == "stopped"
    assert (host.statesnap(ocipy.root), host.cgsnap(box.id)) == ([], [])
    ocipy("state", box.id).refused("does not exist")


@requires.ocipy_itself
@requires.controller("pids")
def test_hook_that_cannot_be_started_fails_as_one_that_ran(ocipy, bundle, hooks):
    hooks.add("startContainer", "exit 0")
    bundle.resources["pids"] = {"limit": 1}
    box = ocipy.create(bundle, "sleep", "100")
    ocipy("start", box.id).refused("hooks.startContainer[0]", "cannot be started", "temporarily unavailable")
    assert (host.statesnap(ocipy.root), host.cgsnap(box.id)) == ([], [])


def test_failure_of_start_container_keeps_the_program_from_running(ocipy, bundle, hooks):
    hooks.add("startContainer", "exit 4")
    box = ocipy.create(bundle, "touch", f"{hooks.place}/program")
    ocipy("start", box.id).refused()
    box.wait()
    assert not (hooks.place / "program").exists()


@requires.ocipy_itself
@pytest.mark.parametrize("options", [(), ("--detach",), ("--keep",)])
@pytest.mark.parametrize("kind", ["startContainer", "poststart"])
def test_failure_of_a_hook_in_run_runs_poststop_once_and_leaves_nothing(ocipy, bundle, hooks, kind, options):
    hooks.add(kind, "exit 4")
    hooks.add("poststop", f"echo poststop >> {hooks.place}/poststop")
    id = ocipy.new_id()
    assert ocipy.run(bundle, "sleep", "100", id=id, options=options).refused(f"hooks.{kind}[0]").code == 1
    assert hooks.note("poststop") == "poststop\n"
    assert (host.statesnap(ocipy.root), host.cgsnap(id), reap()) == ([], [], [])


@requires.ocipy_itself
def test_failure_of_poststop_is_a_warning_and_the_rest_run(ocipy, bundle, hooks):
    hooks.add("poststop", "exit 6")
    hooks.add("poststop", f"touch {hooks.place}/second")
    box = ocipy.start(bundle, "true")
    box.wait()
    result = box.delete().ok()
    assert "hooks.poststop[0]" in result.err
    assert (hooks.place / "second").exists()
    assert host.cgsnap(box.id) == []


@requires.ocipy_itself
@pytest.mark.parametrize(
    ("entry", "path"),
    [({"path": "relative"}, "hooks.prestart[0].path"), ({}, "hooks.prestart[0].path"),
     ({"path": "/bin/true", "timeout": 0}, "hooks.prestart[0].timeout"),
     ({"path": "/bin/true", "timeout": -1}, "hooks.prestart[0].timeout"),
     ({"path": "/bin/true", "env": ["X"]}, "hooks.prestart[0].env[0]")],
)  # fmt: skip
def test_hook_that_is_not_well_formed_is_refused_before_anything_is_done(ocipy, bundle, hooks, entry, path):
    bundle.config["hooks"] = {"prestart": [entry]}
    ocipy.created(bundle, "true").refused(path)
    assert host.statesnap(ocipy.root) == []


def test_hook_need_not_read_its_input(ocipy, bundle, hooks):
    bundle.config["annotations"] = {"large": "x" * 300_000}
    for kind in KINDS:
        hooks.add(kind, "exec <&-; exit 0")
    ocipy.run(bundle, "true").ok()


def test_output_of_hooks_does_not_mix_with_the_programs(ocipy, bundle, hooks):
    for kind in KINDS:
        hooks.add(kind, f"echo noise of {kind}")
    assert ocipy.run(bundle, "echo", "program").ok().out == "program\n"


def test_a_process_that_a_hook_leaves_does_not_hold_up_the_runtime(ocipy, bundle, hooks):
    hooks.add("createRuntime", f"setsid sleep 1000 & echo $! > {hooks.place}/pid")
    result = ocipy.created(bundle, "true", timeout=host.PATIENCE).ok()
    assert result.code == 0
    os.kill(int(hooks.note("pid")), 9)


def test_hook_has_no_descriptor_of_the_runtime(ocipy, bundle, hooks):
    for kind in KINDS:
        hooks.add(kind, f"ls /proc/self/fd > {hooks.place}/{kind}")
    ocipy.run(bundle, "true").ok()
    for kind in KINDS:
        # 3 is the directory that ls reads.
        assert hooks.note(kind).split() == ["0", "1", "2", "3"], kind
