"""Namespaces, privileges, seccomp, hidden paths, users."""

from __future__ import annotations

import json
import os

from harness import READ_PROFILE, confined_by
from podman_caller import expect, podman

ALL_KINDS = ("cgroup", "ipc", "mnt", "net", "pid", "uts")


def namespaces(*flags: str, network: str = "none") -> dict[str, str]:
    """The namespaces of a container by their kinds, for comparison with others."""
    words = ["run", "--rm", *podman.options(*flags, network=network), "sh", "-c"]
    found = podman.call(*words, f"for kind in {' '.join(ALL_KINDS)}; do readlink /proc/self/ns/$kind; done")
    found.expect(status=0)
    return dict(zip(ALL_KINDS, found.output.split(), strict=True))


def own(kind: str) -> str:
    return os.readlink(f"/proc/self/ns/{kind}")


def status(*flags: str) -> dict[str, str]:
    """/proc/self/status of a program in a container."""
    lines = podman.run_container("cat", "/proc/self/status", flags=flags).expect(status=0).output.splitlines()
    return {name: value.strip() for name, _colon, value in (line.partition(":") for line in lines)}


@podman.case
def namespaces_are_private() -> None:
    found = namespaces("--cgroupns", "private")
    shared = [kind for kind in ALL_KINDS if found[kind] == own(kind)]
    expect(not shared, f"shared with the host: {shared}")


@podman.case
def namespaces_of_the_host() -> None:
    flags = ("--pid", "host", "--ipc", "host", "--uts", "host", "--cgroupns", "host")
    found = namespaces(*flags, network="host")
    private = [kind for kind in ALL_KINDS if found[kind] != own(kind)]
    expect(private == ["mnt"], f"not shared with the host: {private}")


@podman.case
def namespaces_of_another_container() -> None:
    with podman.running("hostname; sleep 1000", "--ipc", "shareable") as name:
        place = f"container:{name}"
        found = namespaces("--pid", place, "--ipc", place, "--uts", place, network=place)
        for kind in "pid", "ipc", "uts", "net":
            other = podman.exec(name, "readlink", f"/proc/self/ns/{kind}").expect(status=0).output.strip()
            expect(found[kind] == other, f"{kind}: {found[kind]}, not {other}")


@podman.case
def profile_of_AppArmor_where_the_kernel_runs_it() -> None:
    podman.shell(READ_PROFILE).expect(0, confined_by("containers-default-0.50.1"))


@podman.case
def network_none_has_loopback_up() -> None:
    podman.shell("ls /sys/class/net; ping -c 1 127.0.0.1 >/dev/null && echo up").expect(0, "lo\nup")


@podman.case
def hostname_is_private() -> None:
    podman.run_container("hostname", flags=("--hostname", "box")).expect(0, "box")


@podman.case
def default_capabilities() -> None:
    found = status()
    expect(int(found["CapEff"], 16) == int(found["CapBnd"], 16) != 0, found)
    expect(int(found["CapEff"], 16).bit_count() < 20 and int(found["CapAmb"], 16) == 0, found)


@podman.case
def all_capabilities_dropped() -> None:
    found = status("--cap-drop", "all")
    expect(not any(int(found[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")), found)


@podman.case
def one_capability_added() -> None:
    found = status("--cap-drop", "all", "--cap-add", "net_admin")
    expect(int(found["CapEff"], 16) == 1 << 12, found)


@podman.case
def capability_of_another_user() -> None:
    found = status("--user", "65534", "--cap-drop", "all", "--cap-add", "net_admin")
    expect(int(found["CapEff"], 16) == int(found["CapAmb"], 16) == 1 << 12, found)


@podman.case
def privileged() -> None:
    found = status("--privileged")
    with open("/proc/self/status") as lines:
        own_set = next(line.split()[1] for line in lines if line.startswith("CapBnd"))
    expect(found["CapEff"] == own_set and found["Seccomp"] == "0", found)


@podman.case
def privileged_sees_devices_and_may_mount() -> None:
    script = "test -e /dev/kmsg && mount -t tmpfs tmpfs /tmp && grep -c ' /sys .*ro,' /proc/self/mountinfo"
    podman.shell(script, "--privileged").expect(1, "0")


@podman.case
def no_new_privileges() -> None:
    expect(status("--security-opt", "no-new-privileges")["NoNewPrivs"] == "1", "not set")
    expect(status()["NoNewPrivs"] == "0", "set")


@podman.case
def seccomp_profile_is_podmans_default() -> None:
    script = "grep Seccomp: /proc/self/status; unshare --mount true 2>&1"
    podman.shell(script).expect(1, "Seccomp:\t2\nunshare: unshare(0x20000): Operation not permitted")


@podman.case
def seccomp_unconfined() -> None:
    expect(status("--security-opt", "seccomp=unconfined")["Seccomp"] == "0", "confined")


@podman.case
def seccomp_profile_of_a_file() -> None:
    rule = {"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}
    path = podman.write("seccomp.json", json.dumps({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [rule]}))
    podman.shell("mkdir /tmp/a", "--security-opt", f"seccomp={path}").expect(1, errors="Operation not supported")


@podman.case
def paths_of_proc_are_hidden_and_read_only() -> None:
    script = "cat /proc/timer_list /proc/keys | wc -c; echo x > /proc/sys/kernel/domainname"
    podman.shell(script).expect(1, "0", "Read-only file system")


@podman.case
def further_path_masked() -> None:
    podman.shell("wc -c < /proc/cpuinfo", "--security-opt", "mask=/proc/cpuinfo").expect(0, "0")


@podman.case
def masked_path_shown() -> None:
    script = "head -c 1 /proc/keys | wc -c; head -c 1 /proc/timer_list | wc -c"
    podman.shell(script, "--security-opt", "unmask=/proc/keys").expect(0, "1\n0")


@podman.case
def all_paths_shown() -> None:
    podman.shell("grep -c ' /proc/' /proc/self/mountinfo", "--security-opt", "unmask=ALL").expect(1, "0")


@podman.case
def read_only_root() -> None:
    podman.shell("touch /tmp/file /run/file && touch /file", "--read-only").expect(1, errors="Read-only file system")


@podman.case
def user_namespace_with_mappings() -> None:
    flags = ("--uidmap", "0:100000:1000", "--gidmap", "0:200000:500")
    shown = podman.shell("cat /proc/self/uid_map /proc/self/gid_map; stat -c %u:%g /bin", *flags).expect(status=0)
    expect(shown.output.split() == ["0", "100000", "1000", "0", "200000", "500", "0:0"], shown.output)


@podman.case
def user_namespace_of_the_next_free_numbers() -> None:
    words = podman.shell("cat /proc/self/uid_map", "--userns", "auto").expect(status=0).output.split()
    expect(words[0] == "0" and int(words[1]) >= 1000000, words)


@podman.case
def user_namespace_and_exec() -> None:
    with podman.running("sleep 1000", "--uidmap", "0:100000:1000") as name:
        podman.exec(name, "sh", "-c", "id -u; cat /proc/self/uid_map | wc -l; touch /file").expect(0, "0\n1")


@podman.case
def user_namespace_with_volume_and_terminal() -> None:
    words = podman.options("--uidmap", "0:100000:1000", "--tty", "--tmpfs", "/data:size=1m")
    podman.call_on_terminal("run", "--rm", *words, "sh", "-c", "touch /data/a && stat -c %u /data/a; tty").expect(
        0, "0\n/dev/pts/0"
    )
