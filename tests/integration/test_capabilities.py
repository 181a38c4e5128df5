"""process.capabilities and noNewPrivileges, as /proc/PID/status of the container shows them."""

import pytest
from support import host, requires

CHOWN, KILL, SETUID, NET_ADMIN = (1 << number for number in (0, 5, 7, 12))
SETS = {"bounding": "CapBnd", "effective": "CapEff", "permitted": "CapPrm", "inheritable": "CapInh",
        "ambient": "CapAmb"}  # fmt: skip


def sets(pid):
    status = host.status(pid)
    return {name: int(status[field], 16) for name, field in SETS.items()}


def test_each_of_the_five_sets_is_as_asked_for(ocipy, bundle):
    # As another user: root's program gains what is bounding when it is executed.
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["capabilities"] = {
        "bounding": ["CAP_CHOWN", "CAP_KILL", "CAP_SETUID"],
        "permitted": ["CAP_CHOWN", "CAP_KILL"],
        "effective": ["CAP_CHOWN"],
        "inheritable": ["CAP_CHOWN", "CAP_SETUID"],
        "ambient": ["CAP_CHOWN"],
    }
    assert sets(ocipy.start(bundle, "sleep", "100").pid) == {
        "bounding": CHOWN | KILL | SETUID,
        # The ambient set is all that a program without file capabilities keeps: capabilities(7).
        "permitted": CHOWN,
        "effective": CHOWN,
        "inheritable": CHOWN | SETUID,
        "ambient": CHOWN,
    }


def test_roots_program_gets_the_bounding_set(ocipy, bundle):
    bundle.capabilities("CAP_CHOWN", "CAP_KILL")
    found = sets(ocipy.start(bundle, "sleep", "100").pid)
    assert found == {"bounding": CHOWN | KILL, "effective": CHOWN | KILL, "permitted": CHOWN | KILL,
                     "inheritable": 0, "ambient": 0}  # fmt: skip


@pytest.mark.parametrize("uid", [0, 1000])
def test_without_capabilities_all_sets_are_empty(ocipy, bundle, uid):
    del bundle.process["capabilities"]
    bundle.process["user"] = {"uid": uid, "gid": uid}
    assert set(sets(ocipy.start(bundle, "sleep", "100").pid).values()) == {0}


def test_init_that_waits_has_dropped_its_privileges(ocipy, bundle):
    bundle.capabilities("CAP_CHOWN")
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    box = ocipy.create(bundle, "true")
    assert sets(box.pid)["bounding"] == CHOWN
    assert host.status(box.pid)["Uid"].split() == ["1000"] * 4


@requires.ocipy_itself
def test_unknown_capability_is_a_warning(ocipy, bundle, scratch):
    bundle.capabilities("CAP_CHOWN", "CAP_MAGIC")
    box = ocipy.create(bundle, "sleep", "100")
    assert "CAP_MAGIC" in box.result.err
    assert "warning" in box.result.err
    assert sets(box.start().pid)["effective"] == CHOWN


@requires.ocipy_itself
def test_warning_goes_to_the_log(ocipy, bundle, scratch):
    bundle.capabilities("CAP_MAGIC")
    ocipy.create(bundle, "true", flags=("--log", scratch / "log", "--log-format", "json"))
    assert '"level":"warning"' in (scratch / "log").read_text().replace(" ", "")


@pytest.mark.parametrize("value", [True, False])
def test_no_new_privileges(ocipy, bundle, value):
    bundle.process["noNewPrivileges"] = value
    assert host.status(ocipy.start(bundle, "sleep", "100").pid)["NoNewPrivs"] == str(int(value))


def test_no_new_privileges_makes_setuid_harmless(ocipy, bundle):
    (bundle.rootfs / "bin/busybox").chmod(0o4755)
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["noNewPrivileges"] = True
    assert ocipy.run(bundle, "cat", "/proc/self/status").ok().out.split("Uid:")[1].split()[:4] == ["1000"] * 4


def test_capability_that_is_not_given_cannot_be_used(ocipy, bundle):
    bundle.capabilities("CAP_KILL")
    assert "Operation not permitted" in ocipy.run(bundle, "sh", "-c", "chown 1 /tmp 2>&1").out
    bundle.capabilities("CAP_CHOWN")
    assert ocipy.run(bundle, "sh", "-c", "chown 1 /tmp 2>&1").ok().out == ""


def test_network_of_the_container_is_its_own_to_administer(ocipy, bundle):
    bundle.capabilities("CAP_NET_ADMIN")
    result = ocipy.run(bundle, "sh", "-c", "ip link set lo down && ip link show lo").ok()
    assert "UP" not in result.out.partition(">")[0]
