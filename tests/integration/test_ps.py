"""ps: the processes of a container, by the host's pids."""

import json
import os
import re
import subprocess

import pytest
from support import host, requires


@pytest.fixture
def family(ocipy, bundle):
    """A container of three processes."""
    box = ocipy.start(bundle, "sh", "-c", "sleep 1001 & setsid sleep 1002 & echo ready; wait")
    host.wait_for(lambda: "ready" in box.output() and len(host.processes_of(box.id)) == 3, "three processes")
    host.wait_for(lambda: len(sleepers(box)) == 2, "the programs")
    return box


def sleepers(box):
    return [pid for pid in host.processes_of(box.id) if host.status(pid)["Name"] == "sleep"]


def test_json_is_an_array_of_the_pids_in_one_line(ocipy, family):
    text = ocipy("ps", "--format", "json", family.id).ok().out
    assert text.endswith("]\n") and text.count("\n") == 1 and " " not in text
    assert sorted(json.loads(text)) == host.processes_of(family.id)
    assert family.pid in json.loads(text)


def test_format_has_a_short_form(ocipy, family):
    assert json.loads(ocipy("ps", "-f=json", family.id).ok().out) == host.processes_of(family.id)


def test_table_has_the_usual_columns_and_a_line_for_each_process(ocipy, family):
    header, *rows = ocipy("ps", family.id).ok().out.splitlines()
    assert header.split() == ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]
    found = {int(row.split()[1]): row.split(None, 7) for row in rows}
    assert sorted(found) == host.processes_of(family.id)
    assert {row[0] for row in found.values()} == {"root"}
    assert [found[pid][2] for pid in sleepers(family)] == [str(family.pid)] * 2
    assert sorted(found[pid][7] for pid in sleepers(family)) == ["sleep 1001", "sleep 1002"]
    assert found[family.pid][7].startswith("sh -c sleep 1001 & setsid")


@requires.program("ps")
@requires.ocipy_itself
def test_table_is_what_ps_itself_prints(ocipy, family):
    pids = ",".join(map(str, host.processes_of(family.id)))
    theirs = subprocess.run(["ps", "-f", "-p", pids], capture_output=True, text=True, check=True).stdout.splitlines()
    ours = ocipy("ps", family.id).ok().out.splitlines()
    # The load changes while one looks, and the start is rounded from the time of day: each may differ by one.
    rounded = slice(theirs[0].index("PPID") + 4, theirs[0].index("TTY"))
    assert [line[: rounded.start] + line[rounded.stop :] for line in ours] == [
        line[: rounded.start] + line[rounded.stop :] for line in theirs
    ]
    assert ours[0] == theirs[0]
    assert all(re.fullmatch(r" +\d+ \d\d:\d\d ", line[rounded]) for line in ours[1:])


@requires.ocipy_itself
def test_table_needs_no_ps_of_the_host(ocipy, family):
    assert len(ocipy("ps", family.id, env={"PATH": "/nowhere"}).ok().out.splitlines()) == 4
    ocipy("ps", family.id, "-ef", env={"PATH": "/nowhere"}).refused("ps", "ENOENT")


@requires.program("ps")
def test_options_go_to_the_hosts_ps_and_its_lines_are_filtered(ocipy, family):
    text = ocipy("ps", family.id, "-e", "-o", "pid,args").ok().out
    header, *rows = text.splitlines()
    assert header.split()[0] == "PID"
    assert sorted(int(row.split()[0]) for row in rows) == host.processes_of(family.id)
    assert any(row.endswith("sleep 1002") for row in rows)


@requires.program("ps")
def test_options_may_come_as_one_word(ocipy, family):
    rows = ocipy("ps", "--format", "table", family.id, "-efl").ok().out.splitlines()[1:]
    assert len(rows) == 3


@requires.program("ps")
def test_json_takes_no_notice_of_options(ocipy, family):
    assert json.loads(ocipy("ps", "--format", "json", family.id, "-x").ok().out) == host.processes_of(family.id)


@requires.program("ps")
def test_output_without_a_pid_column_is_refused(ocipy, family):
    ocipy("ps", family.id, "-e", "-o", "args").refused("couldn't find PID field in ps output")


@requires.program("ps")
def test_options_that_ps_refuses_are_told(ocipy, family):
    result = ocipy("ps", family.id, "--no-such-option").refused("exit status 1", "unknown gnu long option")
    assert result.code == 1
    assert len(result.err.splitlines()) == 1


def test_unknown_format_is_refused(ocipy, family):
    ocipy("ps", "--format", "xml", family.id).refused("invalid format option")


def test_created_container_has_its_init(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert json.loads(ocipy("ps", "--format", "json", box.id).ok().out) == [box.pid]


def test_stopped_container_has_none(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    box.wait()
    assert ocipy("ps", "--format", "json", box.id).ok().out == "null\n"
    assert len(ocipy("ps", box.id).ok().out.splitlines()) == 1


def test_missing_container_is_said_not_to_exist(ocipy):
    assert ocipy("ps", ocipy.new_id()).refused("container does not exist").code == 1


def test_an_id_is_needed(ocipy):
    ocipy("ps").refused("argument")


@requires.controller("freezer")
def test_processes_of_a_paused_container_are_listed(ocipy, family):
    ocipy("pause", family.id).ok()
    assert json.loads(ocipy("ps", "-f", "json", family.id).ok().out) == host.processes_of(family.id)
    ocipy("resume", family.id).ok()


def test_process_in_a_cgroup_below_is_listed(ocipy, family):
    below = host.cgroup(family.pid, "pids") / "below"
    below.mkdir()
    moved = sleepers(family)[0]
    (below / "cgroup.procs").write_text(str(moved))
    assert moved in json.loads(ocipy("ps", "-f", "json", family.id).ok().out)


@requires.ocipy_itself
def test_user_and_terminal_are_named(ocipy, bundle, scratch):
    bundle.process["user"] = {"uid": 1, "gid": 1}
    bundle.process["terminal"] = True
    bundle.args("sleep", "1000").write()
    id = ocipy.new_id()
    primary, secondary = os.openpty()
    try:
        running = ocipy.spawn("run", "--bundle", bundle.path, id, stdin=secondary, stdout=secondary, stderr=secondary)
        host.wait_for(lambda: any(host.status(pid)["Name"] == "sleep" for pid in host.processes_of(id)), "the program")
        row = ocipy("ps", id).ok().out.splitlines()[1].split()
        assert (row[0], row[7]) == ("daemon", "sleep")
        assert re.fullmatch(r"pts/\d+", row[5])
        ocipy("kill", id, "KILL").ok()
        running.wait(host.PATIENCE)
    finally:
        os.close(primary)
        os.close(secondary)


@requires.ocipy_itself
def test_words_that_would_steer_the_readers_terminal_are_shown_without_force(ocipy, bundle):
    box = ocipy.start(bundle, "sh", "-c", "sleep 1000; :", "\x1b]0;owned\x07\nroot 1 1")
    host.wait_for(lambda: len(host.processes_of(box.id)) == 2, "the program")
    lines = ocipy("ps", box.id).ok().out.splitlines()
    assert len(lines) == 3
    assert "?]0;owned??root 1 1" in lines[1]
