"""plan tells what create and start would do, and does none of it; --debug tells it while it is done."""

import json
import os
import re

import pytest
from support import host, requires
from support.runtime import reap

pytestmark = requires.ocipy_itself


@pytest.fixture
def full(bundle, scratch):
    """A bundle that uses much."""
    bundle.args("true")
    bundle.resources.update(pids={"limit": 20})
    bundle.linux.update(sysctl={"kernel.msgmax": "9999"}, cgroupsPath="/ocipy-test-plan/x")
    hook = [{"path": f"{scratch}/hook"}]
    bundle.config["hooks"] = {"createRuntime": hook, "startContainer": hook, "poststart": hook}
    (scratch / "hook").write_text(f"#!/bin/sh\ntouch {scratch}/hooked\n")
    (scratch / "hook").chmod(0o755)
    bundle.mount("/data", "bind", scratch, "bind", "ro")
    return bundle.write()


def snapshot(bundle, ocipy, scratch):
    files = sorted((str(path), path.lstat().st_mtime_ns) for path in bundle.path.rglob("*"))
    return files, host.mntsnap(str(scratch)), host.cgsnap("ocipy-test-plan"), host.statesnap(ocipy.root), reap()


@pytest.mark.parametrize("format", ["text", "json"])
def test_plan_touches_nothing(ocipy, full, scratch, format):
    before = snapshot(full, ocipy, scratch)
    ocipy("plan", "--bundle", full.path, "--format", format).ok()
    assert snapshot(full, ocipy, scratch) == before
    assert not (scratch / "hooked").exists()


@requires.program("setpriv")
def test_plan_needs_no_privilege(ocipy, full, scratch):
    full.path.chmod(0o755)
    command = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "--no-new-privs"]
    # The plan of root; a user's own would be another.
    words = ("plan", "--bundle", full.path, "--format", "json")
    unprivileged = ocipy(*words, flags=("--rootless", "false"), prefix=command).ok()
    privileged = ocipy("plan", "--bundle", full.path, "--format", "json").ok()

    def kinds(result):
        return [operation["operation"] for operation in json.loads(result.out)["operations"]]

    assert kinds(unprivileged) == kinds(privileged)


def test_text_and_json_agree(ocipy, full):
    text = ocipy("plan", "-b", full.path).ok().out
    operations = json.loads(ocipy("plan", "-b", full.path, "-f", "json").ok().out)["operations"]
    lines = [line for line in text.splitlines() if not line.startswith("warning")]
    assert len(lines) == len(operations)
    for line, operation in zip(lines, operations, strict=True):
        assert operation["description"] in line
        assert operation["side"] in line
        assert not operation["property"] or operation["property"] in line


def test_every_operation_names_its_side_and_its_property(ocipy, full):
    operations = json.loads(ocipy("plan", "-b", full.path, "-f", "json").ok().out)["operations"]
    assert {operation["side"] for operation in operations} == {"host", "container"}
    named = {operation["property"] for operation in operations}
    assert {"mounts[7]", "linux.resources.pids.limit", "linux.sysctl[kernel.msgmax]", "hooks.poststart[0]"} <= named


def test_plan_of_a_bad_config_tells_all_problems(ocipy, full):
    full.process["cwd"] = "relative"
    full.linux["sysctl"] = {"kernel.panic": "1"}
    full.process["user"]["uid"] = -1
    result = ocipy("plan", "-b", full.write().path).refused("process.cwd", "process.user.uid")
    assert result.out == ""


def test_plan_tells_the_warnings_that_create_would_give(ocipy, full):
    full.capabilities("CAP_MAGIC")
    assert "CAP_MAGIC" in ocipy("plan", "-b", full.write().path).ok().out


def test_plan_refuses_an_unknown_format(ocipy, full):
    ocipy("plan", "-b", full.path, "--format", "xml").refused("format")


def test_debug_tells_each_operation_with_its_time_as_planned(ocipy, bundle):
    bundle.args("true").write()
    id = ocipy.new_id()
    result = ocipy("create", "-b", bundle.path, id, flags=("--debug",)).ok()
    lines = re.findall(r"^ *[0-9.]+ ms +(host|container) +(.*)$", result.err, re.M)
    planned = json.loads(ocipy("plan", "-b", bundle.path, "-f", "json", id).ok().out)["operations"]
    # Up to the point where init waits.
    waits = next(index for index, operation in enumerate(planned) if operation["operation"] == "LeaveHost")
    for side in "host", "container":
        expected = [operation["description"] for operation in planned[:waits] if operation["side"] == side]
        told = [text for where, text in lines if where == side]
        if side == "host":
            # The first names the directory of the state, which is another.
            assert told.pop(0).partition(" in ")[0] == expected.pop(0).partition(" in ")[0]
        assert told == expected


def test_debug_goes_to_the_log(ocipy, bundle, scratch):
    bundle.args("true").write()
    log = scratch / "log"
    result = ocipy("run", "-b", bundle.path, ocipy.new_id(), flags=("--debug", "--log", log, "--log-format=json")).ok()
    records = [json.loads(line) for line in log.read_text().splitlines()]
    assert {record["level"] for record in records} == {"debug"}
    assert len(records) > 20
    assert result.out == ""


def test_plan_is_made_when_the_rootfs_may_not_be_entered(ocipy, bundle, scratch):
    """Nothing inside the root is looked at."""
    os.symlink("/no/such/place", bundle.rootfs / "data")
    bundle.mount("/data/x", "tmpfs", "x").args("no-such-program").write()
    assert "no-such-program" in ocipy("plan", "-b", bundle.path).ok().out
