"""Cases of `containerd`: what the options of `ctr run` ask of a runtime."""

from __future__ import annotations

import json
import os
import pathlib
import subprocess
import tarfile

from containerd_daemon import (
    await_file,
    caller,
    cgroup_of,
    execute,
    expect_end,
    expect_nothing_left,
    own_options,
    pid_of,
    remove,
    run,
    run_detached,
)
from harness import Failure, cgroups, memory_limit_of, root_archive, setting

SYS_ADMIN, NET_RAW, SYSLOG = 1 << 21, 1 << 13, 1 << 34  # capabilities(7)


@caller.case
def environment_and_working_directory() -> None:
    run("sh", "-c", "echo $WORD; pwd", flags=("--env", "WORD=x y", "--cwd", "/tmp")).expect(0, "x y\n/tmp")


@caller.case
def environment_from_a_file() -> None:
    pathlib.Path(caller.path("words")).write_text("WORD=x y\nOTHER=z\n")
    run("sh", "-c", "echo $WORD $OTHER", flags=("--env-file", caller.path("words"))).expect(0, "x y z")


@caller.case
def working_directory_is_made() -> None:
    run("pwd", flags=("--cwd", "/new/one")).expect(status=0, output="/new/one")


@caller.case
def read_only_root() -> None:
    run("touch", "/file", flags=("--read-only",)).expect(status=1, errors="Read-only file system")


@caller.case
def root_file_system_that_is_a_plain_directory() -> None:
    root, name = caller.path("root-file-system"), caller.container()
    with open(caller.path("root.tar"), "wb") as archive:
        archive.write(root_archive())
    with tarfile.open(caller.path("root.tar")) as archive:
        archive.extractall(root)
    caller.call("run", *own_options(name), "--rm", "--rootfs", root, name, "/bin/sh", "-c", "echo x > /made").expect(0)
    if pathlib.Path(root, "made").read_text() != "x\n":
        raise Failure("the file is not in the directory")


@caller.case
def bind_mount() -> None:
    with open(caller.path("word"), "w") as shared:
        shared.write("shared")
    mount = f"type=bind,src={caller.path('word')},dst=/word,options=bind:ro"
    run("cat", "/word", flags=("--mount", mount)).expect(status=0, output="shared")
    run("touch", "/word", flags=("--mount", mount)).expect(status=1, errors="Read-only file system")


@caller.case
def bind_mount_of_nothing_names_it() -> None:
    run("true", flags=("--mount", "type=bind,src=/nosuch,dst=/word,options=bind:ro")).expect(1, errors="/nosuch")


@caller.case
def tmpfs_with_a_size() -> None:
    mount = "type=tmpfs,src=tmpfs,dst=/space,options=size=1m:nosuid"
    run("sh", "-c", "df -k /space | tail -n 1 | tr -s ' '", flags=("--mount", mount)).expect(
        status=0, output="tmpfs 1024 0 1024 0% /space"
    )


@caller.case
def later_mount_of_the_host_reaches_the_container() -> None:
    shared, later = caller.path("shared"), caller.path("shared/later")
    os.mkdir(shared)
    host("mount", "-t", "tmpfs", "tmpfs", shared)
    host("mount", "--make-shared", shared)
    os.mkdir(later)
    mount = f"type=bind,src={shared},dst=/shared,options=rbind:rslave"
    name = run_detached("sleep 1000", "--rootfs-propagation", "rslave", "--mount", mount)
    host("mount", "-t", "tmpfs", "tmpfs", later)
    pathlib.Path(later, "file").touch()
    seen = execute(name, "ls", "/shared/later")
    remove(name)
    host("umount", "--recursive", shared)
    seen.expect(status=0, output="file")


def host(*command: str) -> None:
    subprocess.run(command, check=True)


@caller.case
def no_pivot() -> None:
    run("sh", "-c", "ls -d /bin /etc", flags=("--no-pivot",)).expect(status=0, output="/bin\n/etc")


@caller.case
def memory_limit() -> None:
    name = run_detached("sleep 1000", "--memory-limit", "67108864")
    limit = memory_limit_of(cgroup_of(name))
    remove(name)
    if limit != "67108864":
        raise Failure(f"the cgroup has {limit}")


@caller.case
def limits_of_the_processor() -> None:
    name = run_detached("sleep 1000", "--cpus", "0.5", "--cpu-shares", "512")
    group = cgroup_of(name)
    seen = setting(group, "cpu", "cpu.cfs_quota_us", "cpu.max"), setting(group, "cpu", "cpu.shares", "cpu.weight")
    remove(name)
    if seen not in (("50000", "512"), ("50000 100000", "20"), ("50000 100000", "59")):
        raise Failure(f"the cgroup has {seen}")


@caller.case
def cgroup_of_its_own_path() -> None:
    given, place = f"/{caller.name}/own/path", f"{caller.name}/own/path"
    if caller.systemd:
        inner = caller.parent.replace(".slice", "-own.slice")
        given, place = f"{inner}:own:path", f"{caller.parent}/{inner}/own-path.scope"
    name = run_detached("sleep 1000", "--cgroup", given)
    groups = pathlib.Path(f"/proc/{pid_of(name)}/cgroup").read_text().splitlines()
    remove(name)
    expect_nothing_left(name)
    own = [line for line in groups if line.endswith(f":/{place}")]
    left = [path for path in cgroups() if path.endswith(f"/{place}")]
    if not own or left:
        raise Failure(f"in {groups}, left {left}")


@caller.case
def device_is_made_and_allowed() -> None:
    refused = "sh", "-c", "mknod /fuse c 10 229 && : < /fuse"
    run(*refused).expect(status=1, errors="Operation not permitted")
    granted = "sh", "-c", "test -c /dev/fuse && : < /dev/fuse && echo open"
    run(*granted, flags=("--device", "/dev/fuse")).expect(status=0, output="open")


def capabilities(*flags: str) -> int:
    """The effective capabilities of a container's command."""
    return int(run("sed", "-n", "s/^CapEff://p", "/proc/self/status", flags=flags).expect(status=0).output, 16)


@caller.case
def capability_added() -> None:
    if (added := capabilities("--cap-add", "CAP_SYS_ADMIN") ^ capabilities()) != SYS_ADMIN:
        raise Failure(f"added: {added:x}")


@caller.case
def capability_dropped() -> None:
    if (dropped := capabilities("--cap-drop", "CAP_NET_RAW") ^ capabilities()) != NET_RAW:
        raise Failure(f"dropped: {dropped:x}")


@caller.case
def no_new_privileges_unless_allowed() -> None:
    command = "sed", "-n", "s/^NoNewPrivs:.//p", "/proc/self/status"
    run(*command).expect(status=0, output="1")
    run(*command, flags=("--allow-new-privs",)).expect(status=0, output="0")


@caller.case
def privileged_has_all_capabilities_devices_and_nothing_masked() -> None:
    script = """
        sed -n 's/^CapEff:.//p' /proc/self/status
        : < /dev/fuse && echo device
        grep -q ' /proc/.*\\<ro,' /proc/mounts || echo writable
        grep -q ' /sys sysfs rw' /proc/mounts && echo sysfs
    """
    own = pathlib.Path("/proc/self/status").read_text().partition("CapEff:\t")[2][:16]
    run("sh", "-c", script, flags=("--privileged",)).expect(0, f"{own}\ndevice\nwritable\nsysfs")


@caller.case
def default_seccomp_profile() -> None:
    script = "grep Seccomp: /proc/self/status; unshare --user true"
    run("sh", "-c", script).expect(status=0, output="Seccomp:\t0")
    run("sh", "-c", script, flags=("--seccomp",)).expect(1, "Seccomp:\t2", "Operation not permitted")


@caller.case
def seccomp_profile_from_a_file() -> None:
    calls = [{"names": ["mkdir", "mkdirat"], "action": "SCMP_ACT_ERRNO", "errnoRet": 95}]
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"], "syscalls": calls}
    pathlib.Path(caller.path("profile.json")).write_text(json.dumps(profile))
    flags = ("--seccomp", "--seccomp-profile", caller.path("profile.json"))
    run("mkdir", "/new", flags=flags).expect(status=1, errors="Operation not supported")


@caller.case
def network_of_the_host() -> None:
    run("readlink", "/proc/self/ns/net", flags=("--net-host",)).expect(0, os.readlink("/proc/self/ns/net"))


@caller.case
def namespaces_of_another_container() -> None:
    kinds = "ipc", "net", "pid", "uts"
    name = run_detached("hostname other; touch /ready; sleep 1000", "--cap-add", "CAP_SYS_ADMIN")
    await_file(name, "/ready")
    pid = pid_of(name)
    places = [f"{'network' if kind == 'net' else kind}:/proc/{pid}/ns/{kind}" for kind in kinds]
    flags = [word for place in places for word in ("--with-ns", place)]
    script = "hostname; pidof sleep; for kind in " + " ".join(kinds) + "; do readlink /proc/self/ns/$kind; done"
    other = "\n".join(os.readlink(f"/proc/{pid}/ns/{kind}") for kind in kinds)
    result = run("sh", "-c", script, flags=tuple(flags))
    remove(name)
    result.expect(status=0, output=f"other\n1\n{other}")


@caller.case
def pid_file() -> None:
    name = run_detached("sleep 1000", "--pid-file", caller.path("pid"))
    written, pid = pathlib.Path(caller.path("pid")).read_text(), pid_of(name)
    remove(name)
    if written != str(pid):
        raise Failure(f"{written!r}, not {pid}")


@caller.case
def output_to_a_log_file() -> None:
    log = pathlib.Path(caller.path("output"))
    # One stream: with any runtime, this shim may close the file of both at the end of one (runc: 15 of 200).
    name = run_detached("echo good; exit 3", "--log-uri", f"file://{log}")
    expect_end(name, 3)
    if log.read_text() != "good\n":
        raise Failure(f"the log has {log.read_text()!r}")
