"""doctor tells what the host offers and lacks, whatever the host is like, and changes nothing."""

import json
import os

import pytest
from support import host, requires
from support.bundle import Bundle
from support.profiles import errno
from support.runtime import LAUNCHER, reap

from ocipy.host.privileges import NEEDED, WANTED

pytestmark = requires.ocipy_itself
USER = ("setpriv", "--reuid=65534", "--regid=65534", "--clear-groups")


def findings(result):
    """Gives (concern, name) -> finding; of several with one name, the worst."""
    assert result.err == "", result
    found = {}
    for row in json.loads(result.out)["findings"]:
        key = row["concern"], row["name"]
        if key not in found or "ok note warn fail".index(row["verdict"]) > "ok note warn fail".index(
            found[key]["verdict"]
        ):
            found[key] = row
    return found


def verdicts(result):
    return {name: row["verdict"] for (_concern, name), row in findings(result).items()}


@pytest.fixture
def doctor(ocipy):
    """Runs the verb: `inside` a mount namespace of its own after these commands of a shell."""

    def run(*words, inside="", prefix=(), format="json"):
        if inside:
            prefix = ("unshare", "-m", "sh", "-ec", f'{inside}; exec "$@"', "sh", *prefix)
        return ocipy("doctor", "--format", format, *words, prefix=prefix)

    return run


def test_doctor_ends_with_0_where_a_container_runs(doctor, ocipy, bundle):
    ocipy.run(bundle, "true").ok()
    document = json.loads(doctor().ok().out)
    assert document["able"] is True
    assert "fail" not in {row["verdict"] for row in document["findings"]}


def test_doctor_table_has_each_finding_with_meaning_and_remedy(doctor):
    table = doctor(format="table").ok().out
    for row in json.loads(doctor().ok().out)["findings"]:
        assert row["verdict"] in ("ok", "note", "warn", "fail")
        # What is found may have changed since, such as the number of keys in use.
        for text in (row["name"], row["means"], row["remedy"]):
            assert text in table
    assert table.splitlines()[-1].startswith("containers can run here")


def test_doctor_refuses_an_unknown_format(doctor):
    doctor(format="xml").refused("format")


def test_doctor_changes_nothing(doctor, ocipy, scratch, tmp_path):
    def snapshot():
        return host.cgsnap("doctor"), host.statesnap(ocipy.root), list(tmp_path.iterdir()), reap()

    before = snapshot()
    # In a mount namespace of its own nobody else mounts anything; one whose place is removed goes away all the same.
    look = f"cat /proc/self/mountinfo > {scratch}/before; \"$@\"; cat /proc/self/mountinfo > {scratch}/after"
    doctor(tmp_path, prefix=("unshare", "-m", "sh", "-ec", look, "sh")).ok()
    assert snapshot() == before
    assert set((scratch / "after").read_text().splitlines()) <= set((scratch / "before").read_text().splitlines())


def test_doctor_leaves_no_state_directory_behind(ocipy, scratch):
    absent = scratch / "absent/state"
    result = ocipy("doctor", flags=("--root", absent)).ok()
    assert f"{absent}, to be made in {scratch}" in result.out
    assert not absent.parent.exists()


@requires.program("setpriv")
def test_doctor_works_as_an_ordinary_user(doctor, scratch):
    scratch.chmod(0o777)
    result = doctor("--format", "table", prefix=USER)
    assert result.code in (0, 1)
    assert result.err == ""
    assert "uid 65534" in result.out
    assert "the rest" not in result.out
    for row in findings(doctor(prefix=USER)).values():
        assert row["verdict"] in ("ok", "note") or (row["means"] and row["remedy"])


@requires.program("unshare")
@pytest.mark.parametrize("inside", ["umount -l /proc", "mount -t tmpfs none /proc"], ids=["unmounted", "a tmpfs"])
def test_doctor_works_without_proc(doctor, inside):
    result = doctor(inside=inside)
    assert result.code == 1
    found = verdicts(result)
    assert found["/proc"] == "fail"
    assert "the rest" not in found


def test_doctor_without_proc_says_nothing_of_cgroups(doctor):
    """Which of the mounted hierarchies have the controllers is known from /proc alone."""
    found = findings(doctor(inside="umount -l /proc"))
    assert [name for concern, name in found if concern == "cgroups"] == ["version"]
    assert found["cgroups", "version"]["verdict"] == "note"


def test_doctor_works_without_cgroups(doctor):
    result = doctor(inside="umount -lR /sys/fs/cgroup")
    assert result.code == 1
    row = findings(result)["cgroups", "version"]
    assert row["verdict"] == "fail"
    assert row["remedy"] == "mount -t cgroup2 none /sys/fs/cgroup"


def test_doctor_works_with_a_read_only_root(doctor):
    result = doctor(inside="mount -o remount,bind,ro / && mount -t tmpfs -o ro none /run")
    assert verdicts(result)["state directory"] == "fail"
    assert result.code == 1


def test_doctor_works_without_devices(doctor):
    found = verdicts(doctor(inside="mount -t tmpfs none /dev"))
    assert found["devices"] == "fail"
    assert "the rest" not in found


def test_doctor_works_with_nothing_of_sys_and_run(doctor, ocipy):
    result = doctor(inside="umount -lR /sys; mount -t tmpfs -o ro none /run")
    assert "the rest" not in verdicts(result)


def test_doctor_works_with_an_empty_environment(ocipy):
    result = ocipy("doctor", env={}).ok()
    assert result.err == ""


def test_doctor_says_what_a_mount_below_proc_means(doctor):
    found = findings(doctor(inside="mount --bind /dev/null /proc/keys").ok())
    assert "/proc/keys" in found["devices and /proc", "/proc"]["found"]
    assert found["namespaces", "user namespace's proc"]["verdict"] == "warn"


@pytest.mark.parametrize(
    ("options", "verdict", "code"),
    [("noexec", "fail", 1), ("nosuid", "warn", 0), ("nodev", "note", 0), ("ro", "note", 0), ("suid", "ok", 0)],
)
def test_doctor_tells_the_options_of_the_file_system_of_bundles(doctor, scratch, options, verdict, code):
    place = scratch / "place"
    place.mkdir()
    result = doctor(place, inside=f"mount -t tmpfs -o {options} none {place}")
    row = findings(result)["storage", f"bundles in {place}"]
    assert (row["verdict"], result.code) == (verdict, code)
    assert "tmpfs" in row["found"]
    assert (options in row["found"]) == (verdict != "ok")


@pytest.mark.parametrize("path", ["/no/such/place", "/dev/null/x"])
def test_doctor_fails_for_a_place_that_cannot_be_looked_at(doctor, path):
    result = doctor(path)
    assert (verdicts(result)[f"bundles in {path}"], result.code) == ("fail", 1)


def test_doctor_does_not_wait_for_a_fifo(doctor, scratch):
    os.mkfifo(scratch / "fifo")
    doctor(scratch / "fifo")


def test_doctor_tells_which_file_systems_have_id_mapped_mounts(doctor, scratch):
    rows = json.loads(doctor("/proc", scratch).out)["findings"]
    found = {row["found"].partition(":")[0]: row["verdict"] for row in rows if row["name"] == "id-mapped mounts"}
    assert found["/proc"] == "note"
    assert set(found) == {"/proc", str(scratch)}


@requires.program("setpriv")
@pytest.mark.parametrize("name", NEEDED)
def test_doctor_fails_without_a_capability_without_which_no_container_runs(doctor, ocipy, bundle, name):
    without = ("setpriv", f"--bounding-set=-{name.removeprefix('CAP_').lower()}")
    result = doctor(prefix=without)
    assert (verdicts(result)[name], result.code) == ("fail", 1)
    ocipy.run(bundle, "true", prefix=without).refused()


@requires.program("setpriv")
@pytest.mark.parametrize("name", WANTED)
def test_doctor_warns_without_a_capability_without_which_a_plain_container_runs(doctor, ocipy, bundle, name):
    without = ("setpriv", f"--bounding-set=-{name.removeprefix('CAP_').lower()}")
    assert verdicts(doctor(prefix=without).ok())[name] == "warn"
    bundle.capabilities()
    ocipy.run(bundle, "true", prefix=without).ok()


@requires.program("unshare")
def test_doctor_knows_that_it_is_in_a_user_namespace(doctor):
    result = doctor(prefix=("unshare", "--user", "--map-root-user", "--mount"))
    row = findings(result)["privileges", "user"]
    assert row["found"] == "uid 0 in a user namespace, uid 0 outside"


def test_doctor_names_the_limit_that_forbids_a_namespace(doctor):
    forbid = "echo 0 > /proc/sys/user/max_time_namespaces"
    result = doctor(prefix=("unshare", "--user", "--map-root-user", "sh", "-c", f'{forbid}; exec "$@"', "sh"))
    row = findings(result)["namespaces", "new namespaces"]
    assert row["verdict"] == "warn"
    assert "ENOSPC" in row["found"]
    assert row["remedy"] == "raise the limit: sysctl -w user.max_time_namespaces=15000"


def inside_a_container(ocipy, bundle: Bundle):
    """Gives the result of the verb as a container's program."""
    bundle.host_python()
    package = LAUNCHER.parents[1]
    bundle.mount("/opt/ocipy", "bind", package, "rbind", "ro")
    return ocipy.run(bundle, "/opt/ocipy/bin/ocipy", "doctor", "--format", "json")


def test_doctor_works_in_a_container(ocipy, bundle):
    result = inside_a_container(ocipy, bundle)
    assert result.code == 1
    found = verdicts(result)
    assert found["CAP_SYS_ADMIN"] == "fail"
    assert "the rest" not in found


def test_doctor_suspects_a_seccomp_filter(ocipy, bundle):
    """Docker's default profile answers so."""
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW",
        "syscalls": [errno(38, "clone3"), errno(1, "open_tree", "mount_setattr", "keyctl", "unshare")],
    }
    result = inside_a_container(ocipy, bundle)
    assert result.code == 1
    rows = json.loads(result.out)["findings"]
    told = {row["found"].partition(":")[0]: row["remedy"] for row in rows if row["verdict"] == "fail"}
    for call in "clone3", "open_tree", "mount_setattr":
        assert "seccomp filter" in told[call]
    assert findings(result)["namespaces", "user namespaces"]["verdict"] == "fail"
    assert findings(result)["kernel", "keyrings"]["verdict"] == "warn"
