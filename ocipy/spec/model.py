"""The configuration as typed values, one Record per object of the runtime specification 1.3.0.

Fields bear the specification's property names. None means that the property is absent.
"""

from __future__ import annotations

from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from .seccomp import Seccomp


class Root(Record):
    """config.md, Root."""

    path: str
    readonly: bool = False


class IDMapping(Record):
    """config-linux.md, User namespace mappings."""

    containerID: int
    hostID: int
    size: int


class Mount(Record):
    """config.md, Mounts. `property` is its place in the document, such as mounts[3]."""

    property: str
    destination: str
    type: str = ""
    source: str = ""
    options: tuple[str, ...] = ()
    uidMappings: tuple[IDMapping, ...] = ()
    gidMappings: tuple[IDMapping, ...] = ()


class ConsoleSize(Record):
    height: int
    width: int


class User(Record):
    """config.md, POSIX-platform User."""

    uid: int = 0
    gid: int = 0
    umask: int | None = None
    additionalGids: tuple[int, ...] = ()


class Capabilities(Record):
    """config.md, capabilities: names as written (CAP_...)."""

    bounding: tuple[str, ...] = ()
    effective: tuple[str, ...] = ()
    inheritable: tuple[str, ...] = ()
    permitted: tuple[str, ...] = ()
    ambient: tuple[str, ...] = ()


class Rlimit(Record):
    property: str
    type: str
    soft: int
    hard: int


class Scheduler(Record):
    policy: str
    nice: int = 0
    priority: int = 0
    flags: tuple[str, ...] = ()
    runtime: int = 0
    deadline: int = 0
    period: int = 0


class IOPriority(Record):
    # `class` is a keyword of Python; the property path still says class.
    class_: str
    priority: int = 0


class ExecCPUAffinity(Record):
    initial: str = ""
    final: str = ""


class Process(Record):
    """config.md, Process."""

    args: tuple[str, ...]
    cwd: str
    terminal: bool = False
    consoleSize: ConsoleSize | None = None
    env: tuple[str, ...] = ()
    user: User
    capabilities: Capabilities | None = None
    rlimits: tuple[Rlimit, ...] = ()
    noNewPrivileges: bool = False
    apparmorProfile: str = ""
    selinuxLabel: str = ""
    oomScoreAdj: int | None = None
    scheduler: Scheduler | None = None
    ioPriority: IOPriority | None = None
    execCPUAffinity: ExecCPUAffinity | None = None


class Hook(Record):
    """config.md, POSIX-platform Hooks. timeout: seconds; env None: absent."""

    property: str
    path: str
    args: tuple[str, ...] = ()
    env: tuple[str, ...] | None = None
    timeout: int | None = None


class Hooks(Record):
    prestart: tuple[Hook, ...] = ()
    createRuntime: tuple[Hook, ...] = ()
    createContainer: tuple[Hook, ...] = ()
    startContainer: tuple[Hook, ...] = ()
    poststart: tuple[Hook, ...] = ()
    poststop: tuple[Hook, ...] = ()


class Namespace(Record):
    property: str
    type: str
    path: str = ""


class TimeOffset(Record):
    property: str
    clock: str
    secs: int = 0
    nanosecs: int = 0


class Device(Record):
    property: str
    type: str
    path: str
    major: int = 0
    minor: int = 0
    fileMode: int | None = None
    uid: int | None = None
    gid: int | None = None


class DeviceRule(Record):
    """config-linux.md, Allowed Device list. type: a, b or c; major and minor None: any."""

    property: str
    allow: bool
    type: str = "a"
    major: int | None = None
    minor: int | None = None
    access: str = "rwm"


class Memory(Record):
    """config-linux.md, Memory. bytes; -1 is unlimited."""

    limit: int | None = None
    reservation: int | None = None
    swap: int | None = None
    kernel: int | None = None
    kernelTCP: int | None = None
    swappiness: int | None = None
    disableOOMKiller: bool = False
    useHierarchy: bool | None = None
    checkBeforeUpdate: bool = False


class CPU(Record):
    """config-linux.md, CPU. Times in microseconds."""

    shares: int | None = None
    quota: int | None = None
    burst: int | None = None
    period: int | None = None
    realtimeRuntime: int | None = None
    realtimePeriod: int | None = None
    cpus: str = ""
    mems: str = ""
    idle: int | None = None


class WeightDevice(Record):
    property: str
    major: int
    minor: int
    weight: int | None = None
    leafWeight: int | None = None


class ThrottleDevice(Record):
    property: str
    major: int
    minor: int
    rate: int


class BlockIO(Record):
    weight: int | None = None
    leafWeight: int | None = None
    weightDevice: tuple[WeightDevice, ...] = ()
    throttleReadBpsDevice: tuple[ThrottleDevice, ...] = ()
    throttleWriteBpsDevice: tuple[ThrottleDevice, ...] = ()
    throttleReadIOPSDevice: tuple[ThrottleDevice, ...] = ()
    throttleWriteIOPSDevice: tuple[ThrottleDevice, ...] = ()


class HugepageLimit(Record):
    property: str
    pageSize: str
    limit: int


class NetworkPriority(Record):
    property: str
    name: str
    priority: int


class Network(Record):
    classID: int | None = None
    priorities: tuple[NetworkPriority, ...] = ()


class Resources(Record):
    """config-linux.md, Control groups. unified: file name to value; rdma: device to its limits."""

    devices: tuple[DeviceRule, ...] = ()
    memory: Memory | None = None
    cpu: CPU | None = None
    pids: int | None = None
    blockIO: BlockIO | None = None
    hugepageLimits: tuple[HugepageLimit, ...] = ()
    network: Network | None = None
    rdma: tuple[tuple[str, int | None, int | None], ...] = ()
    unified: tuple[tuple[str, str], ...] = ()


class Linux(Record):
    """config-linux.md. Objects that ocipy does not implement yet are kept as the document has them (Any)."""

    namespaces: tuple[Namespace, ...] = ()
    uidMappings: tuple[IDMapping, ...] = ()
    gidMappings: tuple[IDMapping, ...] = ()
    timeOffsets: tuple[TimeOffset, ...] = ()
    devices: tuple[Device, ...] = ()
    netDevices: Any = None
    cgroupsPath: str = ""
    resources: Resources | None = None
    rootfsPropagation: str = ""
    maskedPaths: tuple[str, ...] = ()
    readonlyPaths: tuple[str, ...] = ()
    mountLabel: str = ""
    personality: str = ""
    sysctl: tuple[tuple[str, str], ...] = ()
    seccomp: Seccomp | None = None
    intelRdt: Any = None
    memoryPolicy: Any = None


class Spec(Record):
    """A whole config.json of a Linux container."""

    ociVersion: str
    root: Root | None = None
    mounts: tuple[Mount, ...] = ()
    process: Process | None = None
    hostname: str = ""
    domainname: str = ""
    hooks: Hooks
    linux: Linux
    annotations: tuple[tuple[str, str], ...] = ()
