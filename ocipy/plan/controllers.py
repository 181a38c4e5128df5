"""What helps when the host lacks a cgroup controller. Only looked up once one is missed."""

from __future__ import annotations

_OPTIONS = {
    "blkio": "CONFIG_BLK_CGROUP", "cpu": "CONFIG_CGROUP_SCHED and CONFIG_CFS_BANDWIDTH", "cpuset": "CONFIG_CPUSETS",
    "devices": "CONFIG_CGROUP_DEVICE", "freezer": "CONFIG_CGROUP_FREEZER", "hugetlb": "CONFIG_CGROUP_HUGETLB",
    "io": "CONFIG_BLK_CGROUP", "memory": "CONFIG_MEMCG", "net_cls": "CONFIG_CGROUP_NET_CLASSID",
    "net_prio": "CONFIG_CGROUP_NET_PRIO", "pids": "CONFIG_CGROUP_PIDS", "rdma": "CONFIG_CGROUP_RDMA",
}  # fmt: skip
NO_CGROUPS = "mount -t cgroup2 none /sys/fs/cgroup"
# cgroup_disable= and cgroup_enable= of the kernel's command line: some distributions leave memory off.
DISABLED = "boot with cgroup_enable={0}, and without cgroup_disable={0}"
OTHER_VERSION = "it is in the v2 hierarchy: boot with systemd.unified_cgroup_hierarchy=1 to have all controllers there"


def remedy(controller: str, version: int) -> str:
    """Gives what would bring a controller to a host with cgroups of this version, 0 for none, that has it nowhere."""
    if not version:
        return NO_CGROUPS
    option = f"a kernel with {_OPTIONS[controller]}" if controller in _OPTIONS else "a kernel that has it"
    if version == 2:
        return f"{option}, not mounted as a v1 hierarchy"
    return f"{option}, and mount -t cgroup -o {controller} none /sys/fs/cgroup/{controller}"
