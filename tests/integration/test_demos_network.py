"""Demonstrations of the network: named namespaces, veth pairs, one network for two containers."""

import os
import subprocess

import pytest
from support import host, requires

pytestmark = requires.program("ip")


def ip(*words):
    subprocess.run(["ip", *words], check=True)


@pytest.fixture
def named():
    """A named network namespace that is joined to the host by a veth pair: its path and the addresses of both ends."""
    name = f"ocipy{os.getpid()}"
    if subprocess.run(["ip", "netns", "add", name], check=False).returncode:
        pytest.skip("cannot make a named network namespace here")
    try:
        ends = f"oc{os.getpid()}h", f"oc{os.getpid()}c"
        pair = ["ip", "link", "add", ends[0], "type", "veth", "peer", "name", ends[1]]
        if subprocess.run(pair, check=False).returncode:
            pytest.skip("this kernel has no veth devices")
        ip("link", "set", ends[1], "netns", name)
        ip("addr", "add", "198.51.100.1/30", "dev", ends[0])
        ip("link", "set", ends[0], "up")
        ip("-n", name, "addr", "add", "198.51.100.2/30", "dev", ends[1])
        ip("-n", name, "link", "set", ends[1], "up")
        ip("-n", name, "link", "set", "lo", "up")
        yield f"/run/netns/{name}", ends
    finally:
        subprocess.run(["ip", "link", "del", f"oc{os.getpid()}h"], check=False, stderr=subprocess.DEVNULL)
        ip("netns", "del", name)


def test_container_in_a_named_namespace_pings_the_host(ocipy, bundle, named):
    bundle.namespace("network", named[0]).capabilities("CAP_NET_RAW")
    result = ocipy.run(bundle, "ping", "-c", "2", "-W", "10", "198.51.100.1").ok()
    assert "2 packets received" in result.out


def test_named_namespace_outlives_the_container(ocipy, bundle, named):
    bundle.namespace("network", named[0])
    for _ in range(2):
        assert named[1][1] in ocipy.run(bundle, "ip", "link").ok().out


def test_loopback_of_a_named_namespace_is_left_as_it_is(ocipy, bundle, named):
    ip("-n", named[0].rpartition("/")[2], "link", "set", "lo", "down")
    bundle.namespace("network", named[0])
    assert "UP" not in ocipy.run(bundle, "ip", "link", "show", "lo").ok().out.partition(">")[0]


def test_two_containers_of_one_network_talk_over_loopback(ocipy, bundle, make_bundle, named):
    bundle.namespace("network", named[0])
    server = ocipy.start(bundle, "sh", "-c", "echo page > /tmp/page; httpd -f -p 127.0.0.1:8080 -h /tmp")
    host.wait_for(lambda: ":1F90 " in host.Path(f"/proc/{server.pid}/net/tcp").read_text(), "the server")
    client = make_bundle().namespace("network", named[0])
    assert ocipy.run(client, "wget", "-q", "-O", "-", "http://127.0.0.1:8080/page").ok().out == "page\n"


def test_a_new_network_namespace_reaches_nothing(ocipy, bundle):
    bundle.capabilities("CAP_NET_RAW")
    result = ocipy.run(bundle, "sh", "-c", "ip route; ping -c 1 -W 1 198.51.100.1")
    assert result.code != 0
    assert "unreachable" in result.err


def test_end_of_the_container_takes_its_end_of_a_veth_pair(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    name = f"oc{os.getpid()}x"
    pair = ["ip", "link", "add", name, "type", "veth", "peer", "name", "eth0", "netns", str(box.pid)]
    if subprocess.run(pair, check=False).returncode:
        pytest.skip("this kernel has no veth devices")
    assert "eth0" in box.exec("ip", "link")
    box.delete(force=True).ok()
    host.wait_for(lambda: not os.path.exists(f"/sys/class/net/{name}"), "the end of the pair")


def test_abstract_sockets_of_the_host_are_not_seen(ocipy, bundle):
    script = "tail -n +2 /proc/net/unix | wc -l"
    assert ocipy.run(bundle, "sh", "-c", script).ok().out.strip() == "0"
