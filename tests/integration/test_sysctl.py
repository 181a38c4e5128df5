"""linux.sysctl: only those that a namespace of the container holds."""

import pytest
from support import host, requires

PROC_SYS = host.Path("/proc/sys")


def test_sysctl_of_the_network_namespace(ocipy, bundle):
    own = (PROC_SYS / "net/ipv4/ip_forward").read_text()
    other = "0" if own.strip() == "1" else "1"
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": other}
    assert ocipy.run(bundle, "cat", "/proc/sys/net/ipv4/ip_forward").ok().out.strip() == other
    assert (PROC_SYS / "net/ipv4/ip_forward").read_text() == own


@pytest.mark.parametrize(
    ("name", "value"),
    [("kernel.sem", "300 32001 101 128"), ("kernel.msgmax", "12345"), ("kernel.msgmnb", "22222"),
     ("kernel.shmmni", "1111"), ("kernel.shm_rmid_forced", "1"), ("fs.mqueue.msg_max", "20"),
     ("net.ipv4.ping_group_range", "0 5"), ("net.core.somaxconn", "77"),
     ("net.ipv4.ip_local_port_range", "2000 3000")],
)  # fmt: skip
def test_sysctl_is_set_inside_and_not_outside(ocipy, bundle, name, value):
    path = PROC_SYS / name.replace(".", "/")
    before = path.read_text()
    bundle.linux["sysctl"] = {name: value}
    assert ocipy.run(bundle, "cat", str(path)).ok().out.split() == value.split()
    assert path.read_text() == before


@requires.ocipy_itself
def test_sysctl_of_the_domain_name(ocipy, bundle):
    bundle.linux["sysctl"] = {"kernel.domainname": "example.net"}
    assert ocipy.run(bundle, "cat", "/proc/sys/kernel/domainname").ok().out == "example.net\n"


@pytest.mark.parametrize("name", ["net.ipv4.conf.lo.forwarding", "net/ipv4/conf/lo/forwarding"])
def test_separator_is_a_dot_or_a_slash(ocipy, bundle, name):
    bundle.linux["sysctl"] = {name: "1"}
    assert ocipy.run(bundle, "cat", "/proc/sys/net/ipv4/conf/lo/forwarding").ok().out == "1\n"


@pytest.mark.parametrize(
    "name",
    ["kernel.panic", "kernel.pid_max", "kernel.core_pattern", "vm.swappiness", "fs.file-max", "kernel.hostname",
     "kernel.msg", "kernel.semx", "netx.a", "kernel.shm", "user.max_user_namespaces"],
)  # fmt: skip
def test_sysctl_of_the_host_is_refused(ocipy, bundle, name):
    path = PROC_SYS / name.replace(".", "/")
    before = path.read_text() if path.exists() else None
    bundle.linux["sysctl"] = {name: "1"}
    ocipy.created(bundle, "true").refused(name)
    assert (path.read_text() if path.exists() else None) == before


@requires.ocipy_itself
@pytest.mark.parametrize(
    "name", ["net.ipv4/../../kernel/panic", "net/../kernel/panic", "net..ipv4", "net.", "", "net.ipv4.\0x", "/net/x"]
)
def test_name_that_climbs_is_refused(ocipy, bundle, name):
    bundle.linux["sysctl"] = {name: "1"}
    ocipy.created(bundle, "true").refused("linux.sysctl")


@pytest.mark.parametrize(
    ("name", "type"), [("net.ipv4.ip_forward", "network"), ("kernel.msgmax", "ipc"), ("kernel.sem", "ipc")]
)
def test_sysctl_without_its_namespace_is_refused(ocipy, bundle, name, type):
    path = PROC_SYS / name.replace(".", "/")
    before = path.read_text()
    bundle.share(type)
    bundle.linux["sysctl"] = {name: "1"}
    ocipy.created(bundle, "true").refused(name)
    assert path.read_text() == before


@requires.ocipy_itself
def test_namespace_by_the_path_of_the_hosts_own_does_not_let_it_through(ocipy, bundle):
    """A path to the host's namespace is no namespace of the container's own."""
    path = PROC_SYS / "net/ipv4/ip_forward"
    before = path.read_text()
    bundle.namespace("network", "/proc/self/ns/net")
    bundle.linux["sysctl"] = {"net.ipv4.ip_forward": "0" if before == "1\n" else "1"}
    try:
        ocipy.created(bundle, "true").refused("linux.namespaces", "is the host's network namespace")
        assert path.read_text() == before
    finally:
        path.write_text(before)


def test_sysctl_can_be_set_when_proc_sys_is_read_only(ocipy, bundle):
    assert "/proc/sys" in bundle.linux["readonlyPaths"]
    bundle.linux["sysctl"] = {"net.ipv4.ip_default_ttl": "33"}
    assert ocipy.run(bundle, "cat", "/proc/sys/net/ipv4/ip_default_ttl").ok().out == "33\n"


def test_sysctl_works_without_proc_in_the_container(ocipy, bundle):
    bundle.unmount("/proc")
    del bundle.linux["maskedPaths"], bundle.linux["readonlyPaths"]
    bundle.linux["sysctl"] = {"net.ipv4.ip_default_ttl": "33"}
    box = ocipy.start(bundle, "sleep", "100")
    own = host.Path(f"/proc/{box.pid}/root/proc")
    assert list(own.iterdir()) == []
