"""What doctor makes of what it finds: the parts that need no odd host."""

import json

import pytest

from ocipy.cli import doctor as verb
from ocipy.errors import OcipyError
from ocipy.host import cgroups, examine, finding, kernel, namespaces, privileges, security, users
from ocipy.host.finding import FAIL, NOTE, OK, WARN, fail, note, ok, text_of, warn
from ocipy.linux import interpreter
from ocipy.linux.capability import NAMES
from ocipy.plan.controllers import NO_CGROUPS, remedy
from ocipy.plan.facts import CgroupFacts

UNIFIED = CgroupFacts(version=2, unified="/sys/fs/cgroup", own=(("", "/user/x"),), available=("cpu", "io", "memory"))
V1 = CgroupFacts(version=1, hierarchies=(("cpu,cpuacct", "/c/cpu"), ("name=systemd", "/c/systemd")), own=())


def host(**changes):
    return finding.Host(**{
        "uid": 0, "capabilities": -1, "privileged": True, "cgroups": UNIFIED, "root": "/run/ocipy", **changes,
    })  # fmt: skip


def named(found):
    return {(row.name, row.verdict) for row in found}


@pytest.mark.parametrize(("release", "version"), [
    ("6.18.44-fc-v657", (6, 18)), ("5.14.0", (5, 14)), ("5.10-rc1", (5, 10)), ("6.1.0+", (6, 1)), ("strange", (0, 0)),
    ("", (0, 0)),
])
def test_version_is_read_from_the_name_of_the_release(monkeypatch, release, version):
    monkeypatch.setattr(kernel.os, "uname", lambda: type("Names", (), {"release": release}))
    assert kernel.running() == version


@pytest.mark.parametrize(("version", "verdict"), [((5, 13), FAIL), ((5, 14), OK), ((6, 0), OK), ((0, 0), FAIL)])
def test_kernel_older_than_what_ocipy_uses_fails(version, verdict):
    assert kernel._release(version).verdict == verdict


@pytest.mark.parametrize(("code", "expected", "helps"), [
    (38, False, "5.14 or later"), (38, True, "seccomp filter"), (1, False, "seccomp filter"),
])
def test_missing_system_call_is_blamed_on_what_took_it(code, expected, helps):
    row = kernel._no_call("clone3", code, expected)
    assert row.verdict == FAIL
    assert helps in row.remedy


def test_what_needs_a_privilege_to_be_asked_is_not_called_missing(monkeypatch):
    monkeypatch.setattr(kernel.probe, "refusal", lambda name: 1 if name in kernel._FOR_MOUNTING else 22)
    assert {row.verdict for row in kernel._calls(host(privileged=False), (6, 0))} == {OK, NOTE}
    assert FAIL in {row.verdict for row in kernel._calls(host(), (6, 0))}


@pytest.mark.parametrize(("code", "helps"), [
    (28, "sysctl -w user.max_pid_namespaces=15000"), (22, "CONFIG_PID_NS"), (87, "32 user namespaces"), (1, "chroot"),
])
def test_remedy_for_a_namespace_is_that_of_its_error(monkeypatch, code, helps):
    monkeypatch.setattr(namespaces, "_unprivileged", lambda: "")
    assert helps in namespaces._remedy("pid", code)


@pytest.mark.parametrize(("kind", "file"), [("mount", "mnt"), ("network", "net"), ("user", "user")])
def test_limit_of_a_namespace_has_the_kernels_name(kind, file):
    assert f"user.max_{file}_namespaces" in namespaces._remedy(kind, 28)


@pytest.mark.parametrize(("file", "value", "command"), [
    ("unprivileged_userns_clone", "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
    ("apparmor_restrict_unprivileged_userns", "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
])
def test_setting_that_keeps_users_from_user_namespaces_is_named(monkeypatch, file, value, command):
    monkeypatch.setattr(namespaces, "text_of", lambda path: value if path.endswith(f"/{file}") else "")
    assert namespaces._remedy("user", 1) == command
    monkeypatch.setattr(namespaces, "_refusal", lambda kind, in_user_namespace: 0)
    row = namespaces._user(host(), 0)
    assert (row.verdict, row.remedy) == (NOTE, command)


def test_user_without_user_namespaces_can_make_no_container():
    assert namespaces._user(host(privileged=False), 1).verdict == FAIL
    assert namespaces._user(host(), 1).verdict == WARN


def test_missing_controllers_are_told_with_what_needs_them(monkeypatch):
    monkeypatch.setattr(cgroups, "_disabled", set)
    rows = {row.name: row for row in cgroups._controllers(UNIFIED)}
    assert set(rows) == {
        "controllers", "controller cpuset", "controller pids", "controller hugetlb", "controller rdma",
    }  # fmt: skip
    assert rows["controller pids"].means == "linux.resources.pids is refused"
    assert rows["controller pids"].remedy == remedy("pids", 2)
    assert rows["controller hugetlb"].verdict == NOTE


def test_controllers_of_one_hierarchy_are_told_apart_and_named_ones_are_none(monkeypatch):
    assert cgroups.present(V1) == ["cpu", "cpuacct"]
    names = {row.name for row in cgroups._controllers(V1)}
    assert {"controller devices", "controller freezer", "controller memory"} <= names
    assert "controller cpu" not in names


def test_controller_that_was_left_off_at_boot_says_so(monkeypatch):
    table = "#subsys_name\thierarchy\tnum_cgroups\tenabled\nmemory\t0\t1\t0\npids\t0\t1\t1\n"
    monkeypatch.setattr(cgroups, "text_of", lambda path: table if path == "/proc/cgroups" else "")
    rows = {row.name: row for row in cgroups._controllers(V1)}
    assert "cgroup_enable=memory" in rows["controller memory"].remedy
    assert "boot" not in rows["controller pids"].remedy


def test_controller_of_the_other_hierarchy_says_so(monkeypatch):
    facts = CgroupFacts(version=1, unified="/u", hierarchies=V1.hierarchies)
    monkeypatch.setattr(cgroups, "text_of", lambda path: "hugetlb" if path == "/u/cgroup.controllers" else "")
    rows = {row.name: row for row in cgroups._controllers(facts)}
    assert "systemd.unified_cgroup_hierarchy=1" in rows["controller hugetlb"].remedy


@pytest.mark.parametrize("controller", ["cpu", "memory", "rdma", "something-new"])
def test_every_controller_has_a_remedy_on_every_host(controller):
    assert remedy(controller, 0) == NO_CGROUPS
    assert all(remedy(controller, version) for version in (1, 2))


def test_capabilities_that_are_wanted_exist():
    assert set(privileges.NEEDED) | set(privileges.WANTED) <= set(NAMES)
    assert not set(privileges.NEEDED) & set(privileges.WANTED)


def test_missing_capabilities_are_those_that_the_mask_lacks():
    assert privileges.missing(-1) == {}
    without = -1 & ~(1 << NAMES.index("CAP_NET_ADMIN"))
    assert list(privileges.missing(without)) == ["CAP_NET_ADMIN"]


def test_ordinary_user_is_not_told_to_have_capabilities():
    assert not {row.name for row in privileges.look(host(uid=1000, capabilities=0))} & set(NAMES)


@pytest.mark.parametrize(("used", "verdict"), [("11/200", OK), ("180/200", WARN), ("200/200", WARN)])
def test_keyring_quota_warns_before_it_is_used_up(monkeypatch, used, verdict):
    text = f"  0: 17 16/16 {used} 254/25000000\n 1000: 1 1/1 1/1 1/1\n"
    monkeypatch.setattr(privileges, "text_of", lambda _path: text)
    monkeypatch.setattr(privileges.os, "geteuid", lambda: 0)
    assert named(privileges._keys(host())) == {("keys", verdict)}


def test_ranges_of_ids_are_read_and_broken_lines_are_not():
    text = "ann:100000:65536\n# x\n1000:5:1\nbad:1\nbad:a:b\nbad:1:\u0661\n:1:2\n\nann:1:2"
    assert users.ranges(text) == [("ann", 100000, 65536), ("1000", 5, 1), ("ann", 1, 2)]


def test_files_that_cannot_be_read_are_empty(tmp_path):
    assert text_of(str(tmp_path)) == text_of(str(tmp_path / "absent")) == ""


def test_examine_goes_on_when_one_concern_cannot_be_looked_at(monkeypatch):
    def look(_host):
        yield ok("first", "seen")
        raise ValueError("odd")

    monkeypatch.setattr(kernel, "look", look)
    found = examine.examine(host())
    assert [row.found for row in found["kernel"]] == ["seen", "could not be looked at: ValueError: odd"]
    assert len(found) == len(examine.CONCERNS)


def test_examine_of_this_host_looks_at_everything():
    found = examine.examine(examine.host("/run/ocipy", ("/",)))
    rows = [row for concern in found.values() for row in concern]
    assert "the rest" not in {row.name for row in rows}
    for row in rows:
        assert row.found
        assert row.verdict in (OK, NOTE) or (row.means and row.remedy), row
        assert row.verdict != OK or not (row.means or row.remedy), row


@pytest.mark.parametrize(("verdicts", "code"), [((ok,), 0), ((note, warn), 0), ((ok, fail, warn), 1)])
def test_exit_status_is_1_only_when_a_needed_thing_lacks(monkeypatch, capfd, verdicts, code):
    rows = [make("thing", "found", *(["means", "remedy"] if make in (warn, fail) else [])) for make in verdicts]
    monkeypatch.setattr(examine, "examine", lambda _host: {"concern": rows})
    settings = type("Settings", (), {"root": "/run/ocipy"})
    assert verb.execute(settings, {"format": "table", "operands": []}) == code
    table = capfd.readouterr().out
    assert ("cannot run here: thing: found" in table) == bool(code)
    assert verb.execute(settings, {"format": "json", "operands": []}) == code
    document = json.loads(capfd.readouterr().out)
    assert document["able"] is (code == 0)
    assert [row["verdict"] for row in document["findings"]] == [row.verdict for row in rows]
    with pytest.raises(OcipyError):
        verb.execute(settings, {"format": "xml", "operands": []})


@pytest.mark.parametrize(("modules", "verdict"), [
    (("capability", "landlock"), OK), (("capability", "apparmor"), OK), (("selinux",), WARN), ((), OK), (None, NOTE),
])
def test_security_module_whose_labels_are_refused_warns(monkeypatch, modules, verdict):
    monkeypatch.setattr(security, "_running", lambda: modules)
    assert security._modules().verdict == verdict


def test_kept_interpreter_is_found_where_the_launcher_looks(monkeypatch, tmp_path):
    monkeypatch.setattr(interpreter, "KEPT", str(tmp_path))
    assert not interpreter.is_kept()
    (tmp_path / interpreter.PYTHON).symlink_to(interpreter.INTERPRETER)
    assert interpreter.is_kept()
