"""linux.resources on cgroup v2: Documentation/admin-guide/cgroup-v2.rst of the kernel.

The specification's properties are those of v1; where v2 counts differently, the value is converted.
"""

from __future__ import annotations

from .cgroup_devices import device_rules, v2_rules
from .cgroup_limits import RESOURCES, Limits, given, pids_value
from .cgroup_operations import AttachDeviceProgram, CheckMemoryUsage

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import CPU, BlockIO, DeviceRule, Memory, Resources

_THROTTLE = (
    ("throttleReadBpsDevice", "rbps"),
    ("throttleWriteBpsDevice", "wbps"),
    ("throttleReadIOPSDevice", "riops"),
    ("throttleWriteIOPSDevice", "wiops"),
)
# Files that every cgroup has; the others of them move, stop or end processes, which is the runtime's own work.
_CORE = ("cgroup.max.depth", "cgroup.max.descendants", "cgroup.pressure", "cgroup.subtree_control")
# sched/core.c: the default when cpu.max has never been written.
_PERIOD = 100_000


class V2(Limits):
    """Compiles for a host whose controllers are v2."""

    def find(self, controller: str) -> str | None:
        return self.directories.get("") if controller in (*self.facts.available, "cgroup") else None

    def devices(self, rules: tuple[DeviceRule, ...]) -> None:
        """Adds the device program, which needs no controller; without a cgroup nothing can hold it: a warning."""
        property = f"{RESOURCES}.devices"
        directory = self.find("cgroup")
        if directory is None:
            self.warn(property, "the container has no cgroup; access to devices is not restricted")
            return
        self.operations.append(
            AttachDeviceProgram(property=property, directory=directory, rules=v2_rules(device_rules(rules)))
        )

    def resources(self, resources: Resources) -> None:
        """Adds all limits; `unified` last, so that it wins over what says the same in words of v1."""
        if resources.cpu:
            self._cpu(resources.cpu)
        if resources.pids is not None:
            self.write(f"{RESOURCES}.pids.limit", "pids", "pids.max", pids_value(resources.pids))
        if resources.blockIO:
            self._block_io(resources.blockIO)
        self.hugepages(resources.hugepageLimits, "max")
        if resources.network:
            for name in ("classID", "priorities"):
                if getattr(resources.network, name):
                    self._refuse(f"{RESOURCES}.network.{name}")
        self.rdma(resources)
        if resources.memory:
            self._memory(resources.memory)
        for name, value in resources.unified:
            self._unified(name, value)

    def _refuse(self, property: str) -> None:
        """config-linux.md, Unified: what cannot be converted MUST be an error."""
        self.problems.append((property, "cgroup v2 has no such setting; take it out"))

    def _cpu(self, cpu: CPU) -> None:
        path = f"{RESOURCES}.cpu"
        # An idle cgroup has no weight: the kernel refuses it.
        self.write(f"{path}.idle", "cpu", "cpu.idle", cpu.idle)
        if given(cpu.shares) is not None and cpu.idle != 1:
            self.write(f"{path}.shares", "cpu", "cpu.weight", cpu_weight(cpu.shares or 0))
        quota, period = given(cpu.quota), given(cpu.period)
        if quota is not None or period is not None:
            value = "max" if quota is None or quota < 0 else str(quota)
            name = "period" if quota is None else "quota"
            self.write(f"{path}.{name}", "cpu", "cpu.max", f"{value} {period or _PERIOD}")
        self.write(f"{path}.burst", "cpu", "cpu.max.burst", given(cpu.burst))
        for name in ("realtimeRuntime", "realtimePeriod"):
            if given(getattr(cpu, name)) is not None:
                self._refuse(f"{path}.{name}")
        self.write(f"{path}.cpus", "cpuset", "cpuset.cpus", cpu.cpus or None)
        self.write(f"{path}.mems", "cpuset", "cpuset.mems", cpu.mems or None)

    def _memory(self, memory: Memory) -> None:
        path = f"{RESOURCES}.memory"
        limit, swap = given(memory.limit), given(memory.swap)
        if memory.checkBeforeUpdate and limit is not None and limit > 0:
            directory = self.place(f"{path}.limit", "memory")
            if directory is not None:
                self.operations.append(CheckMemoryUsage(property=f"{path}.limit", directory=directory, limit=limit))
        if swap is not None:
            self._swap(f"{path}.swap", limit, swap)
        self.write(f"{path}.limit", "memory", "memory.max", _bytes(limit))
        self.write(f"{path}.reservation", "memory", "memory.low", _bytes(given(memory.reservation)))
        # -1 and 0 set no limit; that the OOM killer is on and memory is accounted hierarchically is what v2 does.
        for name, asked in (
            ("kernel", (memory.kernel or 0) > 0),
            ("kernelTCP", (memory.kernelTCP or 0) > 0),
            ("swappiness", memory.swappiness is not None),
            ("disableOOMKiller", memory.disableOOMKiller),
            ("useHierarchy", memory.useHierarchy is False),
        ):
            if asked:
                self._refuse(f"{path}.{name}")

    def _swap(self, property: str, limit: int | None, total: int) -> None:
        """The specification's `swap` is memory plus swap; v2 limits swap alone."""
        if total < 0:
            self.write(property, "memory", "memory.swap.max", "max", optional=True)
        elif limit is None or limit < 0:
            self.problems.append((property, "unable to set swap limit without memory limit"))
        elif total < limit:
            self.problems.append((property, f"memory+swap limit {total} should be >= memory limit {limit}"))
        else:
            self.write(property, "memory", "memory.swap.max", total - limit, optional=total == limit)

    def _block_io(self, block: BlockIO) -> None:
        path = f"{RESOURCES}.blockIO"
        weight = given(block.weight)
        if weight is not None:
            choices = ("io.bfq.weight", str(weight)), ("io.weight", f"default {io_weight(weight)}")
            self.write_first(f"{path}.weight", "io", *choices)
        if given(block.leafWeight) is not None:
            self._refuse(f"{path}.leafWeight")
        for device in block.weightDevice:
            number = f"{device.major}:{device.minor}"
            if given(device.weight) is not None:
                weight = device.weight or 0
                choices = ("io.bfq.weight", f"{number} {weight}"), ("io.weight", f"{number} {io_weight(weight)}")
                self.write_first(f"{device.property}.weight", "io", *choices)
            if given(device.leafWeight) is not None:
                self._refuse(f"{device.property}.leafWeight")
        for name, key in _THROTTLE:
            for throttle in getattr(block, name):
                line = f"{throttle.major}:{throttle.minor} {key}={throttle.rate or 'max'}"
                self.write(f"{throttle.property}.rate", "io", "io.max", line)

    def _unified(self, name: str, value: str) -> None:
        """config-linux.md, Unified: a file name and what to write to it."""
        property = f"{RESOURCES}.unified.{name}"
        controller, _, rest = name.partition(".")
        # The name becomes a path; a strict alphabet leaves no way out of the container's own directory.
        if not controller or not rest or not name.isascii() or not name.replace(".", "").replace("_", "").isalnum():
            self.problems.append((property, f"{name!r} is no file of a cgroup, such as memory.high"))
        elif name in _CORE:
            self.write(property, "cgroup", name, value)
        elif controller == "cgroup":
            self.problems.append((property, f"{name} is not for a configuration to write"))
        else:
            self.write(property, controller, name, value)


def cpu_weight(shares: int) -> int:
    """Gives cpu.weight (1-10000) of v1 shares (2-262144): the curve through minimum, default and maximum of both.

    log10(weight) is quadratic in log2(shares), so that 1024, the one default, becomes 100, the other.
    """
    from math import ceil, log2

    if shares <= 2:
        return 1
    if shares >= 262144:
        return 10000
    x = log2(shares)
    return ceil(10 ** ((x * x + 125 * x) / 612 - 7 / 34))


def io_weight(weight: int) -> int:
    """Gives io.weight (1-10000) of a v1 weight (10-1000), linearly."""
    return 1 + (weight - 10) * 9999 // 990


def _bytes(value: int | None) -> str | None:
    if value is None:
        return None
    return "max" if value < 0 else str(value)
