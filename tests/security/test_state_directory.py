"""The state directory and the names below it: nobody else's word is taken for ours."""

from __future__ import annotations

import json
import os
import socket
import stat

import pytest
from support import host
from support.hostile import check_refusal
from support.runtime import ENVIRONMENT

BAD_IDS = ["", ".", "..", "a/b", "../x", "/etc", "x/..", "a b", "a\nb", "é", "１", "a%b", "x" * 256, "a\t", "~", "*"]
VERBS = (("create", "-b"), ("run", "-b"), ("start",), ("state",), ("kill",), ("delete",), ("delete", "--force"))


@pytest.mark.parametrize("verb", VERBS, ids=" ".join)
def test_sec_crun_1_20_id_characters(ocipy, bundle, verb):
    """An id names one directory below the root and nothing else, for every verb."""
    victim = ocipy.root / "etc"
    victim.mkdir()
    (victim / "state.json").write_text("{}")
    bundle.args("true").write()
    bundles = [bundle.path] if "-b" in verb else []
    for id in BAD_IDS:
        check_refusal(ocipy(*verb, *bundles, id), "invalid container ID format")
        assert host.statesnap(ocipy.root) == ["etc", "etc/state.json"]
    (victim / "state.json").unlink()
    victim.rmdir()


@pytest.mark.parametrize("id", ["-x", "--force", "-"])
def test_sec_crun_1_20_id_that_looks_like_a_flag(ocipy, bundle, id):
    bundle.args("true").write()
    result = ocipy("create", "-b", bundle.path, id)
    if result.code == 0:
        ocipy("delete", "--force", "--", id).ok()
    assert host.statesnap(ocipy.root) == []


def test_sec_state_files_are_closed_to_others(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    ours = ocipy.root / box.id
    assert stat.S_IMODE(ours.stat().st_mode) & 0o077 & ~0o011 == 0
    for path in ours.rglob("*"):
        status = path.lstat()
        assert status.st_uid == 0 and not stat.S_ISFIFO(status.st_mode)
        # The socket is behind a directory that nobody else may enter.
        assert status.st_mode & 0o077 == 0 or stat.S_IMODE(ours.stat().st_mode) == 0o700, path


def test_sec_state_socket_cannot_be_reached_by_another_user(ocipy, bundle):
    box = ocipy.create(bundle, "sleep", "100")
    path = ocipy.root / box.id / "start"
    ocipy.root.chmod(0o755)
    pid = os.fork()
    if pid == 0:
        import socket

        os.setgroups([])
        os.setresgid(1000, 1000, 1000)
        os.setresuid(1000, 1000, 1000)
        try:
            socket.socket(socket.AF_UNIX).connect(str(path))
        except PermissionError:
            os._exit(0)
        finally:
            os._exit(1)
    assert os.waitpid(pid, 0)[1] == 0
    assert box.status() == "created"


# --- a root that others can write to


@pytest.fixture
def sticky(ocipy):
    """A state directory like /tmp, in which another user may place what he likes."""
    os.chmod(ocipy.root, 0o1777)
    return ocipy.root


def record(bundle, id, marker):
    """A record of a container that never was; its poststop hook and its pid would be acted on with our rights."""
    return json.dumps({
        "ociVersion": "1.3.0", "id": id, "bundle": str(bundle.path), "rootfs": str(bundle.rootfs), "created": "",
        "annotations": {}, "cgroup_paths": {}, "init_process_pid": 0, "init_process_start": 0, "own_pids": True,
        "program": True,
        "poststop": [["hooks.poststop[0]", "/bin/busybox", ["busybox", "touch", str(marker)], [], 5]],
    })  # fmt: skip


def remove(path):
    if path.is_symlink():
        path.unlink()
        return
    for entry in path.iterdir():
        entry.unlink()
    path.rmdir()


ALL_VERBS = (("state",), ("start",), ("kill",), ("delete",), ("delete", "--force"), ("create",), ("run",))


@pytest.mark.parametrize("target", ["sub", "missing", "file"])
@pytest.mark.parametrize("words", ALL_VERBS, ids=" ".join)
def test_sec_state_planted_link(ocipy, bundle, canary, sticky, words, target):
    (sticky / "planted").symlink_to(canary.path / target)
    bundle.args("true").write()
    more = ["-b", bundle.path] if words[0] in ("create", "run") else []
    result = ocipy(*words, *more, "planted")
    if result.code:
        check_refusal(result)
    else:
        assert words == ("delete", "--force"), "delete --force of nothing is a success"
    assert (sticky / "planted").is_symlink()
    canary.check()
    remove(sticky / "planted")


@pytest.mark.parametrize("words", ALL_VERBS, ids=" ".join)
def test_sec_state_planted_directory(ocipy, bundle, scratch, sticky, words):
    """A whole container of another user: his record is not acted upon, and not removed."""
    planted = sticky / "planted"
    planted.mkdir()
    (planted / "state.json").write_text(record(bundle, "planted", scratch / "marker"))
    for path in (planted / "state.json", planted):
        os.chown(path, 1000, 1000)
    bundle.args("true").write()
    more = ["-b", bundle.path] if words[0] in ("create", "run") else []
    check_refusal(ocipy(*words, *more, "planted"))
    assert not (scratch / "marker").exists()
    assert (planted / "state.json").exists()
    remove(planted)


def test_sec_state_list_does_not_follow_what_was_planted(ocipy, bundle, scratch, sticky, canary):
    box = ocipy.create(bundle, "true")
    (sticky / "link").symlink_to(canary.path)
    (sticky / "foreign").mkdir()
    (sticky / "foreign/state.json").write_text(record(bundle, "foreign", scratch / "marker"))
    os.chown(sticky / "foreign", 1000, 1000)
    shown = json.loads(ocipy("list", "--format", "json").out)
    assert [entry["id"] for entry in shown] == [box.id]
    remove(sticky / "foreign")
    remove(sticky / "link")


def test_sec_state_planted_files_in_the_way_of_the_record(ocipy, bundle, canary):
    """The directory is ours alone, so that nothing can be there before: create makes it new."""
    box = ocipy.create(bundle, "true")
    before = {path.name for path in (ocipy.root / box.id).iterdir()}
    (ocipy.root / box.id / "state.json.new").symlink_to(canary.file)
    box.start()
    box.wait()
    box.delete().ok()
    assert before >= {"state.json"} and not (ocipy.root / box.id).exists()


def test_what_a_container_plants_beside_its_notify_socket_hinders_no_delete(ocipy, bundle, canary, scratch):
    """With CAP_SYS_ADMIN it can make the mount of that directory of the host writable."""
    bundle.capabilities("CAP_SYS_ADMIN", "CAP_DAC_OVERRIDE")
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(scratch / "manager"))
        env = {**ENVIRONMENT, "NOTIFY_SOCKET": str(scratch / "manager")}
        planted = f"mkdir -p /run/notify/a/b && ln -s {canary.path} /run/notify/link && rm /run/notify/notify.sock"
        script = f"mount -o remount,rw,bind /run/notify && {planted} && ln -s {canary.file} /run/notify/notify.sock"
        result = ocipy.run(bundle, "sh", "-c", script, env=env)
    assert result.code == 0, result
    assert host.statesnap(ocipy.root) == []
