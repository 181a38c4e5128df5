"""The cgroup room on the kernel's own hierarchies. Needs root; everything is made in cgroups of the test's own."""

import errno
import os
import signal
import time

import pytest
from support import host

from ocipy.cgroup import create, delegate, freezer, join, kill, write
from ocipy.cgroup.devices import attach_device_program
from ocipy.cgroup.host import detect
from ocipy.cgroup.processes import processes, subtree
from ocipy.cgroup.remove import remove
from ocipy.errors import OcipyError
from ocipy.linux import bpf
from ocipy.linux.process import clone3
from ocipy.plan.cgroup import cgroup_directories, compile_cgroup
from ocipy.plan.cgroup_devices import device_rules, v2_rules
from ocipy.spec.model import CPU, DeviceRule, Hooks, Linux, Memory, Resources, Spec

FACTS = detect()
V1, V2 = FACTS.version == 1, FACTS.version == 2
pytestmark = pytest.mark.skipif(os.geteuid() != 0 or not FACTS.version, reason="needs root and cgroups")
PROPERTY = "linux.cgroupsPath"


def controllers():
    return FACTS.available if V2 else ",".join(name for name, _ in FACTS.hierarchies).split(",")


def needs(*names):
    missing = [name for name in names if name not in controllers()]
    return pytest.mark.skipif(bool(missing), reason=f"no {missing} controller")


needs_v1 = pytest.mark.skipif(not V1, reason="needs cgroup v1")
needs_v2_hierarchy = pytest.mark.skipif(not FACTS.unified, reason="needs a cgroup v2 hierarchy")


class Room:
    """One container's cgroup, named after this process."""

    def __init__(self):
        self.name = f"ocipy-test-{os.getpid()}"
        self.pairs = cgroup_directories(f"/{self.name}/box", FACTS, "box")
        self.directories = dict(self.pairs)
        self.children = []

    def create(self):
        return create.create_cgroup(PROPERTY, self.pairs)

    def apply(self, resources):
        """Runs all operations of a configuration, as the runtime does."""
        linux = Linux(cgroupsPath=f"/{self.name}/box", resources=resources)
        operations, _ = compile_cgroup(Spec(ociVersion="1.3.0", hooks=Hooks(), linux=linux), FACTS, "box")
        functions = {
            "CreateCgroup": create.create_cgroup,
            "EnableControllers": create.enable_controllers,
            "WriteCgroupFile": write.write_cgroup_file,
            "WriteFirstCgroupFile": write.write_first_cgroup_file,
            "SetMemoryLimits": write.set_memory_limits,
            "CheckMemoryUsage": write.check_memory_usage,
            "WriteDeviceRules": write.write_device_rules,
            "AttachDeviceProgram": attach_device_program,
        }
        for operation in operations:
            kind, *fields = operation.wire()
            functions[kind](*fields)

    def spawn(self, body=signal.pause, directories=None):
        """Makes a child that is born or moves itself into the cgroup, says so, then runs `body`."""
        directories = directories or self.directories
        descriptors = join.open_join({names: path for names, path in directories.items() if names})
        unified = join.open_directory(directories[""]) if "" in directories else -1
        ready, done = os.pipe()
        pid, pidfd = clone3(0, exit_signal=signal.SIGCHLD, cgroup=unified)
        if pid == 0:
            status = 99
            try:
                join.join(descriptors)
                os.write(done, b"x")
                status = body() or 0
            finally:
                os._exit(status)
        for descriptor in (*descriptors, done, pidfd, *([unified] if unified >= 0 else [])):
            os.close(descriptor)
        assert os.read(ready, 1) == b"x"
        os.close(ready)
        self.children.append(pid)
        return pid

    def wait(self, pid):
        """Gives the exit code; a child that does not end is a failure, not a hang."""
        ended = []

        def reaped():
            ended.append(os.waitpid(pid, os.WNOHANG))
            return ended[-1][0]

        eventually(reaped)
        self.children.remove(pid)
        return os.waitstatus_to_exitcode(ended[-1][1])

    def text(self, controller, file):
        for names, directory in self.directories.items():
            if controller in names.split(",") or V2:
                with open(f"{directory}/{file}") as stream:
                    return stream.read().strip()
        raise AssertionError(f"no {controller}")

    def left(self):
        return [directory for directory in self.directories.values() if os.path.exists(directory)]

    def clean(self):
        """Does not rely on what is tested here: a child is killed by its pid, then by each of its cgroups' lists."""
        for names, directory in self.directories.items():
            if "freezer" in names and os.path.exists(directory):
                with open(f"{directory}/freezer.state", "w") as stream:
                    stream.write("THAWED")
        for pid in {*self.children, *processes(self.directories)}:
            os.kill(pid, signal.SIGKILL)
        for pid in self.children:
            os.waitpid(pid, 0)
        for directory in self.directories.values():
            for level in (*reversed(subtree(directory)), os.path.dirname(directory)):
                if os.path.exists(level):
                    eventually(lambda level=level: vanishes(level))


def vanishes(directory):
    try:
        os.rmdir(directory)
    except OSError as error:
        return error.errno == errno.ENOENT
    return True


def eventually(condition):
    deadline = time.monotonic() + host.PATIENCE
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.005)


@pytest.fixture
def room():
    result = Room()
    try:
        yield result
    finally:
        result.clean()


# --- create


def test_create_makes_the_cgroup_in_every_hierarchy_and_tells_what_it_made(room):
    made = room.create()
    assert len(room.left()) == len(room.pairs)
    assert set(made) == {*room.directories.values(), *map(os.path.dirname, room.directories.values())}


def test_create_takes_an_empty_cgroup_that_exists_and_does_not_own_it(room):
    room.create()
    assert room.create() == []


@needs_v1
@needs("cpuset")
def test_a_new_cpuset_and_its_new_parent_have_cpus_and_memory_nodes(room):
    room.create()
    directory = room.directories["cpuset"]
    for level in (directory, os.path.dirname(directory)):
        for file in ("cpuset.cpus", "cpuset.mems"):
            with open(f"{level}/{file}") as stream:
                assert stream.read().strip()


def test_create_refuses_a_cgroup_with_a_process_and_leaves_it(room):
    room.create()
    room.spawn()
    with pytest.raises(OcipyError, match=r"container's cgroup is not empty: 1 process\(es\) found"):
        room.create()
    assert len(room.left()) == len(room.pairs)


@pytest.mark.skipif(V1 and "freezer" not in controllers(), reason="no freezer")
@pytest.mark.parametrize("level", ["the cgroup", "its parent"])
def test_create_refuses_a_frozen_cgroup_and_names_it(room, level):
    room.create()
    frozen = room.directories
    if level == "its parent":
        frozen = {names: os.path.dirname(directory) for names, directory in frozen.items()}
        remove(room.directories)
    freezer.freeze(frozen)
    try:
        with pytest.raises(OcipyError, match=f"{room.name}/box is frozen"):
            room.create()
        assert bool(room.left()) == (level == "the cgroup")
    finally:
        freezer.thaw(frozen)


def test_create_that_fails_removes_only_what_it_made(room):
    directory = room.pairs[0][1]
    os.mkdir(os.path.dirname(directory))
    wrong = (*room.pairs, ("none", "/proc/no-such-place/box"))
    with pytest.raises(OcipyError, match=PROPERTY):
        create.create_cgroup(PROPERTY, wrong)
    assert room.left() == []
    assert os.path.isdir(os.path.dirname(directory))


# --- limits


@needs("memory", "pids", "cpu", "cpuset")
def test_limits_of_a_configuration_can_be_read_back(room):
    room.apply(Resources(memory=Memory(limit=1 << 25), pids=17, cpu=CPU(quota=20000, period=100000, cpus="0")))
    assert room.text("pids", "pids.max") == "17"
    assert room.text("cpuset", "cpuset.cpus") == "0"
    assert room.text("memory", "memory.max" if V2 else "memory.limit_in_bytes") == str(1 << 25)
    if V2:
        assert room.text("cpu", "cpu.max") == "20000 100000"
    else:
        assert room.text("cpu", "cpu.cfs_quota_us") == "20000"


@needs_v1
@needs("memory")
def test_memory_and_swap_grow_and_shrink_in_the_order_that_the_kernel_permits(room):
    room.create()
    memory = room.directories["memory"]
    if not os.path.exists(f"{memory}/memory.memsw.limit_in_bytes"):
        pytest.skip("no swap accounting")
    for limit, swap in ((1 << 25, 1 << 25), (1 << 27, 1 << 28), (1 << 24, 1 << 24), (-1, None)):
        write.set_memory_limits("linux.resources.memory.limit", memory, limit, swap)
        if limit > 0:
            assert room.text("memory", "memory.limit_in_bytes") == str(limit)
            assert room.text("memory", "memory.memsw.limit_in_bytes") == str(swap)
    assert int(room.text("memory", "memory.limit_in_bytes")) > 1 << 40


@needs("pids")
def test_a_refused_value_names_property_file_value_and_errno(room):
    room.create()
    directory = room.directories.get("pids") or room.directories[""]
    create.enable_controllers(PROPERTY, FACTS.unified, directory, FACTS.available)
    with pytest.raises(OcipyError) as caught:
        write.write_cgroup_file("linux.resources.pids.limit", directory, "pids.max", "many")
    for part in ("linux.resources.pids.limit", f"{directory}/pids.max", "'many'", "EINVAL"):
        assert part in str(caught.value)


def test_a_missing_file_is_an_error_unless_optional(room):
    room.create()
    directory = room.pairs[0][1]
    write.write_cgroup_file("p", directory, "no.such", "1", optional=True)
    with pytest.raises(OcipyError, match="ENOENT"):
        write.write_cgroup_file("p", directory, "no.such", "1")


def test_the_first_file_that_exists_gets_its_value(room):
    room.create()
    directory = room.pairs[-1][1]
    own = "cgroup.max.depth" if FACTS.unified else "notify_on_release"
    write.write_first_cgroup_file("p", directory, (("no.such", "1"), (own, "1")))
    with open(f"{directory}/{own}") as stream:
        assert stream.read().strip() == "1"
    with pytest.raises(OcipyError, match=r"no\.such"):
        write.write_first_cgroup_file("p", directory, (("no.such", "1"),))


def test_a_limit_below_the_usage_is_refused_when_asked_to_check(tmp_path):
    (tmp_path / "memory.current").write_text("4096\n")
    write.check_memory_usage("linux.resources.memory.limit", str(tmp_path), 4096)
    with pytest.raises(OcipyError, match=r"linux\.resources\.memory\.limit: rejecting memory limit 4095 < usage 4096"):
        write.check_memory_usage("linux.resources.memory.limit", str(tmp_path), 4095)


# --- delegation


@needs_v2_hierarchy
def test_delegation_gives_the_directory_and_the_files_of_the_kernels_list_and_no_others(room):
    room.create()
    directory = room.directories[""]
    with open("/sys/kernel/cgroup/delegate") as stream:
        listed = set(stream.read().split())
    assert listed - set(os.listdir(directory))  # a listed file that is not there is no error
    delegate.delegate_cgroup(PROPERTY, directory, 1000)
    assert os.stat(directory).st_uid == 1000
    assert {name for name in os.listdir(directory) if os.stat(f"{directory}/{name}").st_uid == 1000} == (
        listed & set(os.listdir(directory))
    )
    assert {os.stat(f"{directory}/{name}").st_gid for name in (".", *os.listdir(directory))} == {0}


def test_a_kernel_without_a_list_delegates_the_files_of_the_specification():
    assert delegate.delegated_files("/no/such/list") == ("cgroup.procs", "cgroup.subtree_control", "cgroup.threads")


# --- devices


def opens(path, flags=os.O_RDONLY):
    try:
        os.close(os.open(path, flags))
    except PermissionError:
        return False
    return True


def test_a_process_in_the_cgroup_opens_default_devices_and_no_others(room):
    room.apply(Resources(devices=(DeviceRule(property="d", allow=False),)))
    # 1:11, /dev/kmsg, is on every machine and not among the default devices.
    node = f"/dev/{room.name}"
    os.mknod(node, 0o20600, os.makedev(1, 11))
    try:
        assert opens(node)
        body = lambda: opens("/dev/null", os.O_RDWR) + 2 * opens("/dev/zero") + 4 * opens(node)  # noqa: E731
        assert room.wait(room.spawn(body)) == 3
    finally:
        os.unlink(node)


@needs_v1
@needs("devices")
def test_rules_of_the_configuration_lead_the_list_of_v1_in_their_order(room):
    rules = ((10, 229, "rwm"), (8, 20, "rw"), (10, 200, "r"))
    asked = [DeviceRule(property="d", allow=True, type="c", major=a, minor=b, access=access) for a, b, access in rules]
    room.apply(Resources(devices=(DeviceRule(property="d", allow=False), *asked)))
    assert room.text("devices", "devices.list").splitlines()[:3] == ["c 10:229 rwm", "c 8:20 rw", "c 10:200 rwm"]


@needs_v2_hierarchy
def test_the_device_program_decides_about_real_opens_and_is_seen_attached(room):
    room.create()
    directory = room.directories[""]
    zero = (DeviceRule(property="d", allow=False, type="c", major=1, minor=5),)
    rules = v2_rules([*device_rules(()), *device_rules(zero)[1:2]])
    attach_device_program("linux.resources.devices", directory, rules)
    descriptor = os.open(directory, os.O_RDONLY)
    try:
        first = bpf.device_programs(descriptor)
        assert len(first) == 1
        body = lambda: opens("/dev/null", os.O_RDWR) + 2 * opens("/dev/zero")  # noqa: E731
        assert room.wait(room.spawn(body)) == 1
        attach_device_program("linux.resources.devices", directory, v2_rules(device_rules(())))
        second = bpf.device_programs(descriptor)
        assert len(second) == 1
        assert second != first
        assert room.wait(room.spawn(body)) == 3
    finally:
        os.close(descriptor)


@needs_v2_hierarchy
def test_programs_of_any_rules_pass_the_verifier(room):
    import random

    room.create()
    generator = random.Random(7)
    for _ in range(50):
        rules = tuple(
            (
                generator.random() < 0.5,
                generator.choice("abc"),
                generator.choice((None, 0, 4095)),
                generator.choice((None, 0, 1048575)),
                "".join(generator.sample("rwm", generator.randint(1, 3))),
            )
            for _ in range(generator.randint(0, 40))
        )
        attach_device_program("p", room.directories[""], rules)


# --- joining


def test_a_process_that_joined_is_verified_in_every_hierarchy(room):
    room.create()
    join.verify_membership(room.spawn(), room.directories)


def test_a_process_elsewhere_is_not_taken_for_a_member(room):
    room.create()
    with pytest.raises(OcipyError, match=f"process {os.getpid()} is in cgroup "):
        join.verify_membership(os.getpid(), room.directories)


def test_a_process_in_a_cgroup_of_the_same_name_elsewhere_is_not_taken_for_a_member(room):
    twin = f"{room.name}-twin"
    elsewhere = dict(cgroup_directories(f"/{twin}", FACTS, "box"))
    wanted = dict(cgroup_directories(f"/{room.name}/{twin}", FACTS, "box"))
    room.directories = wanted
    create.create_cgroup(PROPERTY, tuple(wanted.items()))
    create.create_cgroup(PROPERTY, tuple(elsewhere.items()))
    try:
        pid = room.spawn(directories=elsewhere)
        join.verify_membership(pid, elsewhere)
        with pytest.raises(OcipyError, match="not in"):
            join.verify_membership(pid, wanted)
    finally:
        for child in processes(elsewhere):
            os.kill(child, signal.SIGKILL)
        for directory in elsewhere.values():
            eventually(lambda directory=directory: vanishes(directory))


# --- freezing, killing, removing


def ticks(pid):
    with open(f"/proc/{pid}/stat") as stream:
        return sum(map(int, stream.read().rsplit(")", 1)[1].split()[11:13]))


def spin():
    while True:
        pass


@pytest.mark.skipif(V1 and "freezer" not in controllers(), reason="no freezer")
def test_a_frozen_process_stands_still_and_a_thawed_one_goes_on(room):
    room.create()
    pid = room.spawn(spin)
    assert freezer.freezer_state(room.directories) == "thawed"
    freezer.freeze(room.directories)
    assert freezer.freezer_state(room.directories) == "frozen"
    before = ticks(pid)
    time.sleep(0.1)
    assert ticks(pid) == before
    freezer.thaw(room.directories)
    assert freezer.freezer_state(room.directories) == "thawed"
    eventually(lambda: ticks(pid) > before)


def test_state_of_a_cgroup_that_is_gone_is_thawed(room):
    assert freezer.freezer_state(room.directories) == "thawed"


def fork_tree():
    """Four processes that ignore SIGTERM."""
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    os.fork()
    os.fork()
    signal.pause()


@pytest.mark.parametrize("frozen", [False, True])
@pytest.mark.parametrize("unified", [True, False])
def test_kill_all_ends_every_process_frozen_or_not_with_or_without_cgroup_kill(room, frozen, unified):
    room.create()
    directories = room.directories
    if not unified:
        directories = {names: directory for names, directory in directories.items() if names}
        if not directories:
            pytest.skip("no v1 hierarchy")
    pid = room.spawn(fork_tree)
    eventually(lambda: len(processes(directories)) == 4)
    if frozen:
        freezer.freeze(directories)
    kill.kill_all(directories)
    assert room.wait(pid) == -signal.SIGKILL
    assert kill.wait_empty(directories)


@needs_v1
@needs_v2_hierarchy
def test_kill_all_reaches_a_process_that_left_the_unified_cgroup(room):
    room.create()

    def flee():
        with open(f"{FACTS.unified}/cgroup.procs", "w") as stream:
            stream.write("0")
        signal.pause()

    pid = room.spawn(flee)
    eventually(lambda: pid not in processes({"": room.directories[""]}))
    kill.kill_all(room.directories)
    assert room.wait(pid) == -signal.SIGKILL


def test_kill_all_sends_another_signal_to_each_process(room):
    room.create()
    pid = room.spawn()
    kill.kill_all(room.directories, signal.SIGTERM)
    assert room.wait(pid) == -signal.SIGTERM


def test_remove_takes_the_subtree_that_the_payload_made(room):
    room.create()
    for directory in room.directories.values():
        os.makedirs(f"{directory}/a/b/c")
        os.mkdir(f"{directory}/a/d")
    remove(room.directories)
    assert room.left() == []
    assert all(os.path.isdir(os.path.dirname(directory)) for directory in room.directories.values())


def test_remove_of_what_is_gone_is_no_error(room):
    room.create()
    remove(room.directories)
    remove(room.directories)


def test_remove_waits_for_processes_that_are_dying(room):
    room.create()
    room.spawn()
    kill.kill_all(room.directories)
    remove(room.directories)
    assert room.left() == []


@pytest.mark.skipif(V1 and "freezer" not in controllers(), reason="no freezer")
def test_remove_thaws_what_a_killed_command_left_frozen(room):
    room.create()
    pid = room.spawn()
    freezer.freeze(room.directories)
    os.kill(pid, signal.SIGKILL)
    remove(room.directories)
    assert room.left() == []


def test_remove_that_can_not_finish_names_the_process(room):
    room.create()
    pid = room.spawn()
    with pytest.raises(OcipyError, match=f"process {pid}"):
        remove(room.directories, limit=0.05)
