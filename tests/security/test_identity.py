"""User, groups and capabilities: exactly those of the configuration."""

from __future__ import annotations

import os
import shutil
import struct

import pytest
from support import host

SETS = ("CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb")
CAP_NET_RAW = 13
NOTHING = "0" * 16


def capabilities(attempt, bundle):
    """The five sets of the program."""
    shown = attempt.contained(bundle, "grep ^Cap /proc/self/status").split()
    return dict(zip((name.rstrip(":") for name in shown[::2]), shown[1::2], strict=True))


def user(bundle, uid, gid=None, **more):
    bundle.process["user"] = {"uid": uid, "gid": uid if gid is None else gid, **more}
    return bundle


# --- numbers are numbers


@pytest.mark.parametrize("line", ["1000:x:0:0::/evil:/bin/sh", "0:x:1000:1000::/evil:/bin/sh", "x:x:01000:0::/evil:"])
def test_sec_2016_3697_user_named_as_a_number(attempt, bundle, line):
    bundle.file("etc/passwd", line + "\n")
    bundle.file("etc/group", "1000:x:0:1000\n")
    script = "grep -E '^(Uid|Gid|Groups)' /proc/self/status; echo $HOME"
    shown = attempt.contained(user(bundle, 1000, 1001), script).split()
    assert shown[:5] == ["Uid:", *["1000"] * 4] and shown[5:10] == ["Gid:", *["1001"] * 4]
    assert shown[10] == "Groups:" and shown[11] in ("/", "/evil")
    assert (shown[11] == "/evil") == (line.split(":")[2] == "1000")


@pytest.mark.parametrize(
    "line", ["root:x:0:0:" + "x" * 70_000 + ":/evil:", "root:x:0:0::/a\0b:/bin/sh", "\xff:x:0:0::/\xff:"]
)
def test_sec_2016_3697_strange_passwd_lines_do_no_harm(attempt, bundle, line):
    (bundle.rootfs / "etc/passwd").write_bytes(line.encode("latin-1"))
    attempt.contained(bundle, "[ -n \"$HOME\" ]")


BAD_IDS = [2**32, 2**32 - 1, 2**32 + 5, 2**64, -1, 1.5, 1e3, "1", "１", "1_0", True, None, [0]]


@pytest.mark.parametrize("name", ["uid", "gid", "additionalGids"])
def test_sec_2026_30892_ids_out_of_range(attempt, bundle, name):
    for value in BAD_IDS:
        bundle.process["user"][name] = [value] if name == "additionalGids" else value
        attempt.refused(bundle, f"process.user.{name}")


@pytest.mark.parametrize("uid", [1, 4294967294, 65534])
def test_sec_2026_30892_ids_are_exact(attempt, bundle, uid):
    shown = attempt.contained(user(bundle, uid), "grep -E '^(Uid|Gid)' /proc/self/status")
    assert shown.split() == ["Uid:", *[str(uid)] * 4, "Gid:", *[str(uid)] * 4]


def test_sec_2026_30892_spellings_that_int_would_take(ocipy, bundle):
    bundle.write()
    path = bundle.path / "config.json"
    source = path.read_text()
    for text in ("１", "1_0", "+1", "0x1", "01", "1.", "1e", ""):
        path.write_text(source.replace('"uid": 0', f'"uid": {text}'))
        ocipy("create", "-b", bundle.path, ocipy.new_id()).refused("not readable as json")
    assert host.statesnap(ocipy.root) == []


def test_sec_2024_40635_uid_that_wraps_to_root(attempt, bundle):
    attempt.refused(user(bundle, 2**32, 0), "process.user.uid", "4294967296 is not in the range")


def test_sec_2026_46680_gid_that_wraps_to_root(attempt, bundle):
    attempt.refused(user(bundle, 0, 2**32), "process.user.gid", "4294967296 is not in the range")


# --- groups


@pytest.fixture
def grouped(attempt):
    """Attempts by a caller that is in further groups itself."""

    def run(bundle, script):
        def join():
            os.setgroups([4, 27, 1234])

        bundle.shell(script).write()
        out = attempt.ocipy.scratch / "groups"
        with open(out, "wb") as file:
            id = attempt.ocipy.new_id()
            assert attempt.ocipy.spawn("run", "-b", bundle.path, id, stdout=file, preexec_fn=join).wait(20) == 0
        return out.read_text().split()

    return run


def test_sec_2022_36109_groups_of_the_caller_are_left_behind(grouped, bundle):
    assert grouped(user(bundle, 1000), "id -G") == ["1000"]


def test_sec_2022_2989_groups_of_the_image_are_not_added(grouped, bundle):
    bundle.file("etc/group", "docker:x:999:guest,root\nguest:x:1000:\n")
    assert grouped(user(bundle, 1000), "id -G") == ["1000"]


def test_sec_2022_2990_additional_groups_are_exact(grouped, bundle):
    assert sorted(grouped(user(bundle, 1000, 1001, additionalGids=[5, 7]), "id -G")) == ["1001", "5", "7"]


def test_sec_2022_2995_an_empty_list_is_no_groups(grouped, bundle):
    assert grouped(user(bundle, 0, 0, additionalGids=[]), "grep Groups /proc/self/status") == ["Groups:"]


# --- capabilities


def test_sec_2016_8867_user_without_ambient_capabilities(attempt, bundle):
    sets = capabilities(attempt, user(bundle, 1000))
    assert [sets[name] for name in ("CapEff", "CapPrm", "CapAmb", "CapInh")] == [NOTHING] * 4


def test_sec_2022_29162_default_has_no_inheritable_set(ocipy, scratch):
    ocipy("spec", cwd=scratch).ok()
    text = (scratch / "config.json").read_text()
    assert "inheritable" not in text and "ambient" not in text and "CAP_" in text


def test_sec_2022_24769_file_with_inheritable_capability(attempt, bundle):
    """A program with `cap_net_raw+ie` in its file gains it from an inheritable set that is not empty."""
    program = bundle.rootfs / "opt/grep"
    program.parent.mkdir()
    shutil.copy(bundle.rootfs / "bin/busybox", program)
    mask = 1 << CAP_NET_RAW
    os.setxattr(program, "security.capability", struct.pack("<5I", 0x02000000 | 1, 0, mask, 0, 0))
    user(bundle, 1000).process["capabilities"]["bounding"].append("CAP_NET_RAW")
    shown = attempt.contained(bundle, "/opt/grep CapEff /proc/self/status").split()
    assert shown == ["CapEff:", NOTHING]


def test_sec_2022_27650_inheritable_set_of_root_is_empty(attempt, bundle):
    assert capabilities(attempt, bundle)["CapInh"] == NOTHING


def test_sec_2022_27651_inheritable_set_is_empty_with_other_sets_full(attempt, bundle):
    bundle.capabilities("CAP_NET_RAW", "CAP_CHOWN", "CAP_SETUID")
    sets = capabilities(attempt, bundle)
    assert sets["CapInh"] == sets["CapAmb"] == NOTHING != sets["CapEff"]


def test_sec_2025_27612_sets_are_filled_one_by_one(attempt, bundle):
    """Each set holds its own list, and none is filled from another."""
    bundle.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_NET_RAW"], "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_CHOWN"], "inheritable": [],
    }  # fmt: skip
    box = attempt.ocipy.create(bundle, "true")
    status = host.status(box.pid)
    assert [int(status[name], 16) for name in SETS] == [0, 0b100001, 0b1, 1 << CAP_NET_RAW | 0b100001, 0]


def test_sec_youki_3554_no_capabilities_is_no_bounding_set(attempt, bundle):
    del bundle.process["capabilities"]
    assert set(capabilities(attempt, bundle).values()) == {NOTHING}


def test_sec_2014_open_by_handle_is_not_permitted_by_default(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    assert not int(host.status(box.pid)["CapEff"], 16) & (1 << 2)  # CAP_DAC_READ_SEARCH
    assert not int(host.status(box.pid)["CapBnd"], 16) & (1 << 2)


@pytest.mark.parametrize("name", ["uid", "gid", "umask"])
def test_sec_2026_30892_umask_and_ids_of_other_properties(attempt, bundle, name):
    bundle.linux["devices"] = [{"path": "/dev/x", "type": "c", "major": 1, "minor": 3, "fileMode": 0o666, "uid": 2**32}]
    if name == "umask":
        bundle.process["user"]["umask"] = 0o1000
        attempt.refused(bundle, "process.user.umask", "linux.devices[0].uid")
    else:
        bundle.linux["devices"][0] = {**bundle.linux["devices"][0], "uid": 0, name: 2**32 + 1}
        attempt.refused(bundle, f"linux.devices[0].{name}")
