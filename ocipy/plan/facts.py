"""What the compiler must know about the host: gathered by the caller, handed in as one value."""

from __future__ import annotations

from ..record import Record


class CgroupFacts(Record):
    """The cgroup hierarchies of the host.

    version: 2 when /sys/fs/cgroup is cgroup v2; 1 when it has v1 controllers (a v2 hierarchy may stand beside them);
    0 when there is none. unified: mount point of the v2 hierarchy, or "". hierarchies: v1 only, pairs of controller
    list as in /proc/self/cgroup (`cpu,cpuacct`, `name=systemd`) and mount point. own: pairs of controller list (""
    for v2) and the caller's cgroup path in it. available: v2 only, the controllers of the root.
    disabled: there are cgroups, but the container gets none of its own. permitted: controller lists of the hierarchies
    in which the caller may make the container's cgroup; None: not looked at, for it is root. systemd: None unless
    systemd is to make the cgroup; else the path of the cgroup of that systemd: "" for the system's, a user's otherwise.
    """

    version: int = 0
    unified: str = ""
    hierarchies: tuple[tuple[str, str], ...] = ()
    own: tuple[tuple[str, str], ...] = ()
    available: tuple[str, ...] = ()
    disabled: bool = False
    permitted: tuple[str, ...] | None = None
    systemd: str | None = None


class Rootless(Record):
    """A caller that is not the host's root. uid, gid: its own, in its user namespace; with uid 0 it is root there.

    newuidmap, newgidmap: paths of these programs, "" where they are not installed.
    """

    uid: int
    gid: int
    newuidmap: str = ""
    newgidmap: str = ""

    @property
    def is_user(self) -> bool:
        """Whether it lacks all capabilities, even over its own user namespace."""
        return self.uid != 0


class HostFacts(Record):
    """One value for all that the plan depends on besides the config.

    capabilities: bit mask of what the caller may grant. modules: those of AppArmor and SELinux that the kernel runs,
    when the config has a label. rootless: the caller, unless that is the host's root.
    """

    cgroup: CgroupFacts
    capabilities: int
    modules: tuple[str, ...] = ()
    rootless: Rootless | None = None
