"""linux.resources on cgroup v1: Documentation/admin-guide/cgroup-v1 of the kernel."""

from __future__ import annotations

from .cgroup_devices import device_rules, v1_lines
from .cgroup_limits import RESOURCES, Limits, given, is_word, pids_value
from .cgroup_operations import SetMemoryLimits, WriteDeviceRules

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import CPU, BlockIO, DeviceRule, Memory, Network, Resources

# A period before its quota or runtime, burst after the quota: the kernel checks each against the other.
_CPU = (
    ("period", "cpu.cfs_period_us"),
    ("quota", "cpu.cfs_quota_us"),
    ("burst", "cpu.cfs_burst_us"),
    ("realtimePeriod", "cpu.rt_period_us"),
    ("realtimeRuntime", "cpu.rt_runtime_us"),
)
_THROTTLE = (
    ("throttleReadBpsDevice", "blkio.throttle.read_bps_device"),
    ("throttleWriteBpsDevice", "blkio.throttle.write_bps_device"),
    ("throttleReadIOPSDevice", "blkio.throttle.read_iops_device"),
    ("throttleWriteIOPSDevice", "blkio.throttle.write_iops_device"),
)


class V1(Limits):
    """Compiles for a host whose controllers are v1, or that has none at all."""

    def find(self, controller: str) -> str | None:
        for controllers, directory in self.directories.items():
            if controller in controllers.split(","):
                return directory
        return None

    def devices(self, rules: tuple[DeviceRule, ...]) -> None:
        """Adds the device rules; without the controller nothing can hold them, which is a warning."""
        directory = self.find("devices")
        property = f"{RESOURCES}.devices"
        if directory is None:
            self.warn(property, "this host has no devices controller; access to devices is not restricted")
            return
        lines, problems = v1_lines(device_rules(rules))
        self.problems += problems
        self.operations.append(WriteDeviceRules(property=property, directory=directory, rules=tuple(lines)))

    def resources(self, resources: Resources) -> None:
        """Adds all limits."""
        if resources.cpu:
            self._cpu(resources.cpu)
        if resources.pids is not None:
            self.write(f"{RESOURCES}.pids.limit", "pids", "pids.max", pids_value(resources.pids))
        if resources.blockIO:
            self._block_io(resources.blockIO)
        self.hugepages(resources.hugepageLimits, "limit_in_bytes")
        if resources.network:
            self._network(resources.network)
        self.rdma(resources)
        if resources.memory:
            self._memory(resources.memory)
        if resources.unified:
            self.problems.append((f"{RESOURCES}.unified", "needs cgroup v2, this host has cgroup v1"))

    def _cpu(self, cpu: CPU) -> None:
        path = f"{RESOURCES}.cpu"
        # An idle cgroup has no shares: the kernel refuses them.
        self.write(f"{path}.idle", "cpu", "cpu.idle", cpu.idle)
        if cpu.idle != 1:
            self.write(f"{path}.shares", "cpu", "cpu.shares", given(cpu.shares))
        for name, file in _CPU:
            self.write(f"{path}.{name}", "cpu", file, given(getattr(cpu, name)))
        self.write(f"{path}.cpus", "cpuset", "cpuset.cpus", cpu.cpus or None)
        self.write(f"{path}.mems", "cpuset", "cpuset.mems", cpu.mems or None)

    def _memory(self, memory: Memory) -> None:
        path = f"{RESOURCES}.memory"
        limit, swap = given(memory.limit), given(memory.swap)
        if limit is not None or swap is not None:
            property = f"{path}.swap" if limit is None else f"{path}.limit"
            directory = self.place(property, "memory")
            if directory is not None:
                self.operations.append(SetMemoryLimits(property=property, directory=directory, limit=limit, swap=swap))
        self.write(f"{path}.reservation", "memory", "memory.soft_limit_in_bytes", given(memory.reservation))
        if given(memory.kernel) is not None:
            self.warn(f"{path}.kernel", "the kernel has no limit of its own memory any more; ignored")
        self.write(f"{path}.kernelTCP", "memory", "memory.kmem.tcp.limit_in_bytes", given(memory.kernelTCP))
        self.write(f"{path}.swappiness", "memory", "memory.swappiness", memory.swappiness)
        if memory.disableOOMKiller:
            self.write(f"{path}.disableOOMKiller", "memory", "memory.oom_control", 1)
        if memory.useHierarchy:
            self.write(f"{path}.useHierarchy", "memory", "memory.use_hierarchy", 1)
        elif memory.useHierarchy is False:
            self.warn(f"{path}.useHierarchy", "the kernel always accounts hierarchically (since 5.11); ignored")

    def _block_io(self, block: BlockIO) -> None:
        path = f"{RESOURCES}.blockIO"
        for name, file in (("weight", "weight"), ("leafWeight", "leaf_weight")):
            value = given(getattr(block, name))
            if value is not None:
                self._weight(f"{path}.{name}", file, str(value))
        for device in block.weightDevice:
            for name, file in (("weight", "weight_device"), ("leafWeight", "leaf_weight_device")):
                value = getattr(device, name)
                if value is not None:
                    self._weight(f"{device.property}.{name}", file, f"{device.major}:{device.minor} {value}")
        for name, file in _THROTTLE:
            for device in getattr(block, name):
                line = f"{device.major}:{device.minor} {device.rate}"
                self.write(f"{device.property}.rate", "blkio", file, line)

    def _weight(self, property: str, file: str, value: str) -> None:
        """The weights went away with the CFQ scheduler (5.0); BFQ has them under names of its own, but for leaves."""
        choices = [(f"blkio.{file}", value)]
        if not file.startswith("leaf"):
            choices.insert(0, (f"blkio.bfq.{file}", value))
        self.write_first(property, "blkio", *choices)

    def _network(self, network: Network) -> None:
        path = f"{RESOURCES}.network"
        self.write(f"{path}.classID", "net_cls", "net_cls.classid", given(network.classID))
        for entry in network.priorities:
            if not is_word(entry.name):
                self.problems.append((f"{entry.property}.name", f"{entry.name!r} is no name of an interface"))
                continue
            self.write(f"{entry.property}.priority", "net_prio", "net_prio.ifpriomap", f"{entry.name} {entry.priority}")
