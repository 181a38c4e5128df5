"""Limits and statistics, and containers without a cgroup."""

from __future__ import annotations

import os

from harness import VERSION_2, memory_limit_of, setting
from podman_caller import expect, podman

MIB = 1 << 20


@podman.case
def memory_limit() -> None:
    with podman.running("sleep 1000", "--memory", "64m") as name:
        found = memory_limit_of(podman.cgroup(name))
        expect(found == str(64 * MIB), found)


@podman.case
def update_of_memory_and_cpus() -> None:
    with podman.running("sleep 1000", "--memory", "64m") as name:
        podman.call("update", "--memory", "128m", "--cpus", "0.5", name).expect(status=0)
        if podman.systemd:
            podman.command("systemctl", "daemon-reload").expect(status=0)
        found = memory_limit_of(podman.cgroup(name))
        expect(found == str(128 * MIB), found)
        quota = setting(podman.cgroup(name), "cpu", "cpu.cfs_quota_us", "cpu.max")
        expect(quota.split()[0] == "50000", quota)


@podman.case
def program_that_takes_too_much_memory_is_killed_and_that_is_told() -> None:
    name, limits = podman.container(), ("--memory", "20m", "--memory-swap", "20m")
    podman.call("run", "--name", name, *podman.options(*limits), "tail", "/dev/zero").expect(status=137)
    # conmon 2.1.6 notes it in the directory that podman is called in, and podman looks for it elsewhere.
    told = podman.inspect(name, "{{.State.OOMKilled}}") == "true" or os.path.exists("oom")
    podman.remove(name)
    expect(told, "neither podman nor conmon tells that memory ran out")


@podman.case
def cpus() -> None:
    with podman.running("sleep 1000", "--cpus", "0.25", "--cpu-shares", "512") as name:
        quota = setting(podman.cgroup(name), "cpu", "cpu.cfs_quota_us", "cpu.max")
        expect(quota.split()[0] == "25000", quota)


@podman.case
def cpuset() -> None:
    podman.run_container("grep", "Cpus_allowed_list", "/proc/self/status", flags=("--cpuset-cpus", "0")).expect(
        0, "Cpus_allowed_list:\t0"
    )


@podman.case
def pids_limit() -> None:
    script = "for i in 1 2 3 4 5 6 7 8 9; do sleep 5 & done 2>&1"
    result = podman.shell(script, "--pids-limit", "5")
    expect("can't fork" in result.output + result.errors, f"{result.output} {result.errors}")


@podman.case
def sysctl() -> None:
    flags = ("--sysctl", "net.ipv4.ip_default_ttl=42", "--sysctl", "kernel.msgmax=9000")
    podman.shell("cat /proc/sys/net/ipv4/ip_default_ttl /proc/sys/kernel/msgmax", *flags).expect(0, "42\n9000")


@podman.case
def sysctl_of_the_host_is_refused() -> None:
    podman.run_container("true", flags=("--sysctl", "vm.swappiness=1")).expect(125, errors="not allowed")


@podman.case
def own_cgroup_is_mounted_read_only() -> None:
    place = "/sys/fs/cgroup" if VERSION_2 else "/sys/fs/cgroup/pids"
    podman.shell(f"mkdir {place}/x").expect(1, errors="Read-only")


@podman.case
def cgroup_goes_with_the_container() -> None:
    with podman.running("sleep 1000") as name:
        group = podman.cgroup(name)
        expect(podman.processes(group), "no process in it")
    # A cgroup has one of these files; what crun makes in the tmpfs over its version 2 has not.
    left = [place for place, _, files in os.walk("/sys/fs/cgroup") if {"tasks", "cgroup.controllers"} & {*files}]
    expect(not [place for place in left if place.endswith("/" + group)], f"{group} is there")


def run_without_cgroup(*command: str) -> list[str]:
    return [*podman.base, "run", "--rm", "--network", "none", "--cgroups", "disabled", *command]


@podman.case
def no_cgroup() -> None:
    with open("/proc/self/cgroup") as file:
        own = file.read()
    command = run_without_cgroup("--cgroupns", "host", "localhost/busybox", "cat", "/proc/self/cgroup")
    podman.command(*command).expect(0, own.strip())


@podman.case
def no_cgroup_life() -> None:
    name = podman.container()
    words = ["run", "--detach", "--name", name, "--network", "none", "--cgroups", "disabled", "localhost/busybox"]
    podman.call(*words, "sh", "-c", "trap 'exit 5' TERM; echo ready; while :; do sleep 0.1; done").expect(status=0)
    podman.wait_for_log(name, "ready")
    podman.exec(name, "echo", "hello").expect(0, "hello")
    podman.call("pause", name).expect(125, errors="without using Cgroups")
    podman.call("stop", "--time", "30", name).expect(status=0)
    expect(podman.inspect(name, "{{.State.ExitCode}}") == "5", "not 5")
    podman.remove(name)


@podman.case
def conmon_without_a_cgroup_of_its_own() -> None:
    podman.run_container("echo", "hello", flags=("--cgroups", "no-conmon")).expect(0, "hello")
