"""A create that fails, at whatever operation, leaves nothing: no process, mount, cgroup, state directory, pid file."""

import pytest
from support import host, requires
from support.runtime import reap

pytestmark = requires.ocipy_itself


def hooks(kind, script="exit 3"):
    def change(bundle, scratch):
        hook = scratch / "hook"
        hook.write_text(f"#!/bin/sh\n{script}\n")
        hook.chmod(0o755)
        bundle.config["hooks"] = {kind: [{"path": str(hook)}]}

    return change


def resources(**values):
    return lambda bundle, _scratch: bundle.resources.update(values)


def linux(**values):
    return lambda bundle, _scratch: bundle.linux.update(values)


def process(**values):
    return lambda bundle, _scratch: bundle.process.update(values)


def mount(*words):
    return lambda bundle, _scratch: bundle.mount(*words)


def namespace(type, path):
    return lambda bundle, _scratch: bundle.namespace(type, path)


def bad_device(bundle, _scratch):
    bundle.unmount("/dev/pts").unmount("/dev/shm").unmount("/dev/mqueue").unmount("/dev")
    bundle.file("dev/null", "a plain file")


# Name: (change of the bundle, words of the error).
FAILURES = {
    "mount source is missing": (mount("/x", "bind", "/no/such", "bind"), ["mounts[7]", "/no/such"]),
    "mount type is unknown": (mount("/x", "nosuchfs", "x"), ["mounts[7]", "nosuchfs"]),
    "mount option is unknown": (mount("/x", "tmpfs", "x", "nosuchoption"), ["mounts[7]", "nosuchoption"]),
    "mount option has a bad value": (mount("/x", "tmpfs", "x", "size=large"), ["mounts[7]", "size"]),
    "mount has no type": (lambda b, _s: b.mounts.append({"destination": "/x"}), ["mounts[7].type"]),
    "mount on the root": (mount("/", "tmpfs", "x"), ["mounts[7].destination"]),
    "mount inside proc": (mount("/proc/sys", "tmpfs", "x"), ["mounts[7].destination", "/proc"]),
    "program is missing": (process(args=["/no/such"]), ["no such file or directory"]),
    "program is not on PATH": (process(args=["nosuch"]), ["executable file not found in $PATH"]),
    "program is empty": (process(args=[]), ["process.args"]),
    "cwd is a file": (process(cwd="/etc/passwd"), ["process.cwd", "not a directory"]),
    "cwd is relative": (process(cwd="etc"), ["process.cwd"]),
    "uid is too large": (process(user={"uid": 2**32, "gid": 0}), ["process.user.uid"]),
    "uid is negative": (process(user={"uid": -1, "gid": 0}), ["process.user.uid"]),
    "gid is no number": (process(user={"uid": 0, "gid": "0"}), ["process.user.gid"]),
    "environment has no name": (process(env=["NOVALUE"]), ["process.env[0]"]),
    "rlimit is unknown": (process(rlimits=[{"type": "RLIMIT_X", "hard": 1, "soft": 1}]), ["process.rlimits[0]"]),
    "rlimit is given twice": (
        process(rlimits=[{"type": "RLIMIT_CORE", "hard": 1, "soft": 1}] * 2), ["process.rlimits[1]"]
    ),
    "oom score is out of range": (process(oomScoreAdj=1001), ["process.oomScoreAdj"]),
    "scheduler is unknown": (process(scheduler={"policy": "SCHED_MAGIC"}), ["process.scheduler.policy"]),
    "terminal without socket": (process(terminal=True), ["process.terminal", "--console-socket"]),
    "prestart hook": (hooks("prestart"), ["hooks.prestart[0]", "exit status 3"]),
    "createRuntime hook": (hooks("createRuntime"), ["hooks.createRuntime[0]", "exit status 3"]),
    "createContainer hook": (hooks("createContainer"), ["hooks.createContainer[0]", "exit status 3"]),
    "createContainer hook is killed": (hooks("createContainer", "kill -9 $$"), ["signal 9"]),
    "hook is missing": (
        lambda b, _s: b.config.update(hooks={"createRuntime": [{"path": "/no/such"}]}), ["hooks.createRuntime[0]"]
    ),
    "sysctl is not there": (linux(sysctl={"net.no.such": "1"}), ["net.no.such"]),
    "sysctl has a bad value": (linux(sysctl={"net.ipv4.ip_forward": "much"}), ["net.ipv4.ip_forward"]),
    "sysctl is the host's": (linux(sysctl={"kernel.panic": "1"}), ["kernel.panic", "not namespaced"]),
    "namespace type is unknown": (linux(namespaces=[{"type": "moon"}]), ["linux.namespaces[0]"]),
    "namespace is given twice": (linux(namespaces=[{"type": "pid"}, {"type": "pid"}]), ["linux.namespaces[1]"]),
    "namespace is missing": (namespace("network", "/no/such"), ["/no/such"]),
    "namespace is of another kind": (namespace("network", "/proc/self/ns/uts"), ["linux.namespaces", "network"]),
    "namespace is a file": (namespace("ipc", "/etc/passwd"), ["/etc/passwd"]),
    "cgroup value is refused": (resources(cpu={"quota": 10, "period": 100000}), ["linux.resources.cpu.quota"]),
    "cpus are not there": (resources(cpu={"cpus": "4000"}), ["linux.resources.cpu.cpus"]),
    "cgroup path climbs out": (linux(cgroupsPath="/../.."), ["linux.cgroupsPath"]),
    "device does not match": (bad_device, ["/dev/null"]),
    "masked path is relative": (linux(maskedPaths=["etc"]), ["linux.maskedPaths[0]"]),
    "rootfs propagation is unknown": (linux(rootfsPropagation="wild"), ["linux.rootfsPropagation"]),
    "root is missing": (lambda b, _s: b.config.update(root={"path": "nowhere"}), ["root.path", "nowhere"]),
    "root is a file": (lambda b, _s: b.config.update(root={"path": "config.json"}), ["root.path", "not a directory"]),
    "root is a link": (
        lambda b, _s: ((b.path / "link").symlink_to("rootfs"), b.config.update(root={"path": "link"})), ["root.path"]
    ),
    "version is no version": (lambda b, _s: b.config.update(ociVersion="new"), ["ociVersion"]),
    "version is too new": (lambda b, _s: b.config.update(ociVersion="9.0.0"), ["ociVersion"]),
}  # fmt: skip


@pytest.mark.parametrize("name", FAILURES)
def test_failed_create_names_the_cause_and_leaves_nothing(ocipy, bundle, scratch, name):
    change, said = FAILURES[name]
    mounts = host.mntsnap(str(scratch)), len(host.mounts())
    change(bundle, scratch)
    id = ocipy.new_id()
    result = ocipy.created(bundle, id=id, options=("--pid-file", scratch / "pid")).refused(*said)
    assert result.code == 1
    assert "internal error" not in result.err
    assert host.statesnap(ocipy.root) == []
    assert host.cgsnap(id) == []
    assert reap() == []
    assert not (scratch / "pid").exists()
    assert host.mntsnap(str(scratch)) == mounts[0]


@pytest.mark.parametrize("name", ["mount source is missing", "createContainer hook", "program is not on PATH"])
def test_failed_run_leaves_nothing(ocipy, bundle, scratch, name):
    FAILURES[name][0](bundle, scratch)
    id = ocipy.new_id()
    assert ocipy.run(bundle, id=id).refused(*FAILURES[name][1]).code == 1
    assert (host.statesnap(ocipy.root), host.cgsnap(id), reap()) == ([], [], [])


@pytest.mark.parametrize(
    ("name", "change"),
    [
        ("linux.seccomp", linux(seccomp={"defaultAction": "SCMP_ACT_NOTIFY"})),
        ("linux.intelRdt", linux(intelRdt={"closID": "x"})),
        ("linux.netDevices", linux(netDevices={"eth0": {"name": "x"}})),
        ("linux.memoryPolicy", linux(memoryPolicy={"mode": "MPOL_BIND", "nodes": "0"})),
        ("mounts[7].options[1]", mount("/x", "bind", "/tmp", "bind", "idmap")),
    ],
)
def test_property_that_is_not_supported_is_refused_by_its_path(ocipy, bundle, scratch, name, change):
    change(bundle, scratch)
    ocipy.created(bundle, "true").refused(name, "not supported")


def test_all_problems_of_a_config_are_told_at_once(ocipy, bundle):
    bundle.process["cwd"] = "relative"
    bundle.process["user"]["uid"] = -1
    bundle.linux["maskedPaths"] = ["relative"]
    bundle.mounts[0]["destination"] = 7
    ocipy.created(bundle, "true").refused("process.cwd", "process.user.uid", "mounts[0].destination")


def test_an_id_can_be_used_again_after_a_failure(ocipy, bundle):
    id = ocipy.new_id()
    ocipy.created(bundle, "nosuch", id=id).refused()
    assert ocipy.run(bundle, "echo", "fine", id=id).ok().out == "fine\n"


def test_failed_start_of_a_program_that_went_away_stops_the_container(ocipy, bundle):
    bundle.file("tool", "#!/bin/sh\n", 0o755)
    box = ocipy.create(bundle, "/tool")
    (bundle.rootfs / "tool").unlink()
    ocipy("start", box.id).refused("/tool", "no such file")
    box.wait()
    assert box.status() == "stopped"
    box.delete().ok()


def test_a_full_disk_for_the_state_leaves_nothing(ocipy, bundle):
    id = ocipy.new_id()
    # In a mount namespace of its own, so that nobody else sees the tiny file system.
    script = (
        f"mount -t tmpfs -o size=8k tmpfs {ocipy.root} && head -c 8192 /dev/zero > {ocipy.root}/full\n"
        f'"$@"; code=$?; rm {ocipy.root}/full; ls -A {ocipy.root}; exit $code'
    )
    result = ocipy.created(bundle, "true", id=id, prefix=["unshare", "-m", "sh", "-c", script, "sh"])
    result.refused("No space left on device")
    assert (result.code, result.out) == (1, "")
    assert host.cgsnap(id) == []
