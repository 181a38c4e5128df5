"""/proc and /sys of the container: always the kernel's own, in the place where the container looks for them."""

from __future__ import annotations

import pytest
from support import host
from support.bundle import DIRECTORIES
from support.hostile import KINDS, LIMIT, Pauser, Swapper, check_refusal, plant, remove

ORDINARY = "must be mounted on ordinary directory"
MASKED = ("/proc/acpi", "/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/scsi", "/sys/firmware")


def replace_by_link(bundle, name, target):
    remove(bundle.rootfs / name)
    (bundle.rootfs / name).symlink_to(target)


def assert_genuine(pid, path, type):
    assert host.mount_at(pid, path).type == type


# --- links in the place of /proc and /sys: one weakness, published five times


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_sec_2019_19921_proc_and_sys_links(attempt, bundle, canary, name):
    replace_by_link(bundle, name, canary.path)
    attempt.refused(bundle, ORDINARY, f"/{name}")


@pytest.mark.parametrize("name", ["proc", "sys"])
def test_sec_2023_27561_link_to_a_directory_of_the_image(attempt, bundle, name):
    (bundle.rootfs / "elsewhere").mkdir()
    replace_by_link(bundle, name, "/elsewhere")
    attempt.refused(bundle, ORDINARY, f"/{name}")


def test_sec_2023_28642_masks_are_on_the_real_proc(ocipy, bundle):
    bundle.linux["maskedPaths"].append("/proc/version")
    box = ocipy.start(bundle, "sleep", "100")
    assert_genuine(box.pid, "/proc", "proc")
    shown = [mount.target for mount in host.mounts(box.pid)]
    for path in ("/proc/keys", "/proc/interrupts", "/proc/version"):
        assert path in shown
        assert box.exec("cat", path) == ""


def test_sec_2023_28642_link_in_the_place_of_proc(attempt, bundle):
    (bundle.rootfs / "fake/self/attr").mkdir(parents=True)
    replace_by_link(bundle, "proc", "fake")
    attempt.refused(bundle, ORDINARY, "/proc")


@pytest.mark.parametrize("target", ["/var/../tmp", "../tmp", "tmp/.", "/proc", "/sys/.."])
@pytest.mark.parametrize("name", ["proc", "sys"])
def test_sec_2025_54867_links_of_any_spelling(attempt, bundle, name, target):
    replace_by_link(bundle, name, target)
    attempt.refused(bundle, ORDINARY, f"/{name}")


def test_sec_2019_19921_swapped_parent(ocipy, bundle, make_bundle, canary, races):
    """Two containers share a volume; a directory above the place for another procfs is exchanged."""
    volume = bundle.path / "volume"
    (volume / "real/proc").mkdir(parents=True)
    (volume / "link").symlink_to(canary.path)
    bundle.mount("/vol", "bind", volume, "rbind").mount("/vol/real/proc", "proc", "proc")
    with Swapper(volume, "real", "link"):
        for _ in range(races // 2):
            result = ocipy.run(bundle, "true", timeout=LIMIT)
            if result.code:
                check_refusal(result)


# --- volumes over /proc


@pytest.mark.parametrize("place", ["/proc", "/proc/self", "/proc/self/attr", "/proc/sys/kernel", "/proc/1/../self"])
def test_sec_2015_3631_volume_over_proc(attempt, bundle, canary, place):
    bundle.mount(place, "bind", canary.path, "rbind", "rw")
    attempt.refused(bundle, "cannot be mounted because it is")


@pytest.mark.parametrize("name", ["cpuinfo", "meminfo", "stat", "uptime", "loadavg", "diskstats", "swaps"])
def test_sec_2015_3631_permitted_files_of_proc(attempt, bundle, name):
    source = bundle.path / "source"
    source.write_text("from outside\n")
    bundle.mount(f"/proc/{name}", "bind", source, "bind", "ro")
    assert attempt.contained(bundle, f"cat /proc/{name}") == "from outside\n"


def test_sec_2015_3631_net_dev_is_no_longer_permitted(attempt, bundle, canary):
    bundle.mount("/proc/net/dev", "bind", canary.file, "bind")
    attempt.refused(bundle, "/proc/net/dev", "inside /proc")


@pytest.mark.parametrize("type", ["tmpfs", "bind"])
def test_sec_2019_16884_another_file_system_on_proc(attempt, bundle, type):
    (bundle.path / "fake/self/attr").mkdir(parents=True)
    bundle.unmount("/proc").mount("/proc", type, bundle.path / "fake", *(["rbind"] if type == "bind" else []))
    attempt.refused(bundle, '"/proc" cannot be mounted because it is not of type proc')


# --- redirected writes


def test_sec_2025_52881_destination_that_leads_into_proc(attempt, bundle):
    (bundle.rootfs / "innocent").symlink_to("proc/self/attr")
    bundle.mount("/innocent", "tmpfs", "tmpfs")
    attempt.refused(bundle, "/innocent", "inside /proc")


def test_sec_2025_52881_no_write_by_path_below_proc(ocipy, traced, bundle):
    """After the namespaces exist, files of /proc are opened through the descriptor of the host's procfs alone."""
    bundle.process["oomScoreAdj"] = 100
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1", "kernel.msgmax": "4096"}
    calls = traced(bundle, "%file").calls(of="pivot_root")
    opened = [arguments for name, arguments, _result in calls if name in ("open", "openat", "openat2", "creat")]
    begin = next(index for index, (_name, arguments, _result) in enumerate(calls) if "sys/" in arguments)
    assert any('"sys/net/ipv4/ip_forward"' in arguments and "RESOLVE_NO_XDEV" in arguments for arguments in opened)
    for name, arguments, _result in calls[begin:]:
        if name in ("open", "openat", "openat2", "creat"):
            assert not ("AT_FDCWD" in arguments and any(f'"/{top}/' in arguments for top in ("proc", "sys"))), arguments


@pytest.mark.parametrize("covered", ["proc/sys/net/ipv4/ip_forward", "proc/sys"])
def test_sec_2025_52881_sysctl_does_not_follow_a_mount(ocipy, bundle, canary, covered):
    """A neighbour binds another file over the sysctl between the mounts and the write: the hook stands in for it."""
    source = canary.file if covered.endswith("forward") else canary.path
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "1"}
    bundle.config["hooks"] = {"createContainer": [
        {"path": "/bin/mount", "args": ["mount", "--bind", str(source), str(bundle.rootfs / covered)]}
    ]}  # fmt: skip
    bundle.linux["readonlyPaths"] = []
    box = ocipy.start(bundle, "sleep", "100")
    assert box.exec("umount", f"/{covered}", namespaces=("-m", "-n")) == ""
    assert box.exec("cat", "/proc/sys/net/ipv4/ip_forward") == "1\n"


def test_sec_2025_62596_attributes_are_written_to_the_real_file(ocipy, bundle, canary):
    """As above for a file of /proc/self: the one of oom_score_adj (a label would take the same way)."""
    bundle.process["oomScoreAdj"] = 321
    bundle.config["hooks"] = {"createContainer": [
        {"path": "/bin/mount", "args": ["mount", "-t", "tmpfs", "tmpfs", str(bundle.rootfs / "proc")]}
    ]}  # fmt: skip
    bundle.linux.update(maskedPaths=[], readonlyPaths=[])
    box = ocipy.create(bundle, "sleep", "100")
    with open(f"/proc/{box.pid}/oom_score_adj") as file:
        assert file.read() == "321\n"


# --- masked and read-only paths


@pytest.mark.parametrize("top", ["proc", "sys"])
def test_sec_ghsa_3q8j_moved_parent_of_a_readonly_path(ocipy, bundle, top):
    """The directory that /proc is mounted on is renamed before the masks are made, and a false one put in its place.

    A hook does it at the very moment in which a neighbour with the same root file system would have to.
    """
    for path in (*MASKED, "/proc/sys/kernel", "/proc/sysrq-trigger"):
        (bundle.rootfs / "false" / path.split("/", 2)[2]).mkdir(parents=True, exist_ok=True)
    bundle.config["hooks"] = {"createRuntime": [{"path": "/bin/sh", "args": [
        "sh", "-c", f"cd {bundle.rootfs} && mv {top} moved && ln -s false {top}",
    ]}]}  # fmt: skip
    pid_file = bundle.path / "pid"
    result = ocipy.created(bundle, "sleep", "100", timeout=LIMIT, options=("--pid-file", pid_file))
    if result.code:
        check_refusal(result)
        return
    mounts = {mount.target: mount for mount in host.mounts(int(pid_file.read_text()))}
    assert mounts["/moved"].type == {"proc": "proc", "sys": "sysfs"}[top]
    wanted = {"proc": ("/moved/sys", "/moved/irq", "/moved/keys"), "sys": ("/moved/firmware",)}[top]
    for path in wanted:
        assert path in mounts, f"{path} is neither masked nor read-only"


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_sec_ghsa_3q8j_hostile_objects_in_the_place_of_a_readonly_path(attempt, bundle, canary, kind):
    bundle.linux["readonlyPaths"] = ["/data/deep"]
    bundle.linux["maskedPaths"] = ["/data/other"]
    for name in ("deep", "other"):
        plant(bundle.rootfs / "data" / name, kind, canary)
    attempt.either(bundle)


def test_sec_ghsa_3q8j_paused_between_look_up_and_mount(ocipy, bundle, canary):
    """The readonly path is exchanged before each single call that makes it: the one that was looked up is closed."""
    bundle.linux["readonlyPaths"] = ["/vol/real"]
    volume = bundle.rootfs / "vol"
    (volume / "real").mkdir(parents=True)
    (volume / "link").symlink_to("/tmp")
    bundle.shell("touch /vol/link/x /vol/real/x /tmp/x; exit 0").write()
    seen = []

    def swap(call):
        if call.path == b"/vol/real":
            seen.append(call.index)

    Pauser(("openat2", "move_mount", "open_tree", "mount_setattr"), swap).run(
        ocipy, "run", "-b", bundle.path, ocipy.new_id()
    )
    assert len(seen) == 1, "the path is looked up once"


@pytest.mark.parametrize("name", ["asound", "timer_stats", "latency_stats", "fs", "sys/kernel/core_pattern", "bus"])
def test_sec_2015_3630_writable_files_of_proc(attempt, bundle, core_pattern, name):
    script = f"""
        f=/proc/{name}
        [ -e $f ] || exit 0
        if [ -d $f ]; then mkdir $f/x 2>/dev/null && exit 3; for e in $(find $f -type f); do
            (exec 3>>$e) 2>/dev/null && exit 4
        done; else (exec 3>>$f) 2>/dev/null && [ ! -c $f ] && exit 5; fi
        exit 0"""
    attempt(bundle.shell(script)).ok()


def test_sec_2015_3630_default_lists_hold_from_inside(attempt, bundle):
    """Each path of the lists that `ocipy spec` writes."""
    masked, readonly = bundle.linux["maskedPaths"], bundle.linux["readonlyPaths"]
    script = "\n".join(
        [f'[ -d {p} ] && ls -A {p} | grep . && echo open {p}; [ -f {p} ] && echo open {p}; '
         f'[ -c {p} ] && [ "$(stat -c %t:%T {p})" != 1:3 ] && echo open {p}' for p in masked]
        + [f"[ -e {p} ] && ! grep -q ' {p} ro' /proc/self/mountinfo && echo writable {p}" for p in readonly]
    )  # fmt: skip
    assert attempt.contained(bundle, script) == ""


def test_sec_2017_16539_proc_scsi_is_masked_by_default(bundle):
    assert "/proc/scsi" in bundle.linux["maskedPaths"]


def test_sec_2018_10892_proc_acpi_is_masked_by_default(bundle):
    assert "/proc/acpi" in bundle.linux["maskedPaths"]


def test_sec_ghsa_6fw5_proc_interrupts_is_masked_by_default(attempt, bundle):
    assert attempt.contained(bundle, "cat /proc/interrupts") == ""


def test_sec_ghsa_jq35_powercap_is_masked_by_default(bundle):
    assert "/sys/devices/virtual/powercap" in bundle.linux["maskedPaths"]


def test_sec_youki_3536_readonly_root_keeps_the_flags_of_its_mount(ocipy, shared_host, bundle):
    """Root file system on a mount with nosuid and nodev: `root.readonly` adds ro and clears nothing."""
    lower = bundle.path / "lower"
    bundle.rootfs.rename(lower)
    bundle.rootfs.mkdir()
    assert set(DIRECTORIES) <= {entry.name for entry in lower.iterdir()}
    shared_host("mount", "--bind", lower, bundle.rootfs)
    shared_host("mount", "-o", "remount,bind,nosuid,nodev", bundle.rootfs)
    bundle.config["root"]["readonly"] = True
    box = ocipy.create(bundle, "sleep", "100")
    assert {"ro", "nosuid", "nodev"} <= host.mount_at(box.pid, "/").options
