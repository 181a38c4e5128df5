"""exec: another process in a container that runs."""

import json
import os
import signal
import subprocess
from pathlib import Path

import pytest
from support import host, probe, profiles, requires
from support.runtime import end_all_but_init, reap
from support.users import FIRST, mapped

NAMESPACES = ("pid", "net", "mnt", "ipc", "uts", "cgroup", "user", "time")
STATUS = ("cat", "/proc/self/status")


@pytest.fixture
def inside(ocipy, bundle):
    """A function that runs a program by exec in a container of the bundle, which it starts first."""
    boxes = []

    def run(*words, flags=(), **how):
        if not boxes:
            boxes.append(ocipy.start(bundle, "sleep", "1000"))
        return ocipy("exec", *flags, boxes[0].id, *words, **how)

    run.box = lambda: boxes[0]
    yield run
    for box in boxes:
        end_all_but_init(box)


@pytest.fixture
def by_file(inside, scratch):
    """As inside, with a process block in a file."""

    def run(*args, flags=(), **block):
        document = {"args": list(args), "cwd": "/", "user": {"uid": 0, "gid": 0}, "env": ["PATH=/bin"], **block}
        (scratch / "process.json").write_text(json.dumps(document))
        return inside(flags=("--process", scratch / "process.json", *flags))

    return run


def fields(result):
    lines = result.ok().out.splitlines()
    return {name: value.strip() for name, _colon, value in (line.partition(":") for line in lines)}


# --- where it runs


def test_process_is_in_all_namespaces_of_the_container(inside):
    shown = dict(line.split(" ") for line in inside(
        "sh", "-c", "for n in $0; do echo $n $(readlink /proc/self/ns/$n); done", " ".join(NAMESPACES)
    ).ok().out.splitlines())  # fmt: skip
    assert shown == {kind: host.namespace(inside.box().pid, kind) for kind in NAMESPACES}


def test_process_is_in_all_cgroups_of_the_container(inside):
    shown = inside("cat", "/proc/self/cgroup").ok().out
    # The cgroup namespace is the container's: its own cgroup is the root.
    assert {line.split(":")[2] for line in shown.splitlines()} == {"/"}


def test_process_is_in_the_cgroups_of_init(ocipy, inside, scratch):
    inside("sleep", "1000", flags=("-d", "--pid-file", scratch / "pid")).ok()
    own, init = (Path(f"/proc/{pid}/cgroup") for pid in ((scratch / "pid").read_text(), inside.box().pid))
    assert own.read_text() == init.read_text()


def test_process_has_a_pid_of_the_container_and_no_parent_there(inside):
    status = fields(inside(*STATUS))
    assert int(status["Pid"]) > 1
    assert status["PPid"] == "0"


def test_process_leads_a_session_of_its_own(inside):
    """Else it could push input into the caller's terminal (TIOCSTI)."""
    stat = inside("cat", "/proc/self/stat").ok().out.rpartition(")")[2].split()
    pid = fields(inside(*STATUS))["Pid"]
    assert stat[2] == stat[3] != "0" and pid


def test_container_that_waits_for_start_takes_a_process(ocipy, bundle):
    box = ocipy.create(bundle, "true")
    assert ocipy("exec", box.id, "sh", "-c", "echo here").ok().out == "here\n"
    assert box.status() == "created"


def test_namespaces_by_path_are_entered(ocipy, bundle, make_bundle):
    first = ocipy.start(bundle, "sleep", "1000")
    other = make_bundle()
    for kind, name in (("pid", "pid"), ("network", "net"), ("ipc", "ipc"), ("cgroup", "cgroup")):
        other.namespace(kind, f"/proc/{first.pid}/ns/{name}")
    box = ocipy.start(other, "sleep", "1000")
    assert ocipy("exec", box.id, "readlink", "/proc/self/ns/net").ok().out.strip() == host.namespace(first.pid, "net")
    box.delete(force=True).ok()
    box.wait()


def test_container_without_a_pid_namespace_takes_a_process(ocipy, bundle):
    bundle.share("pid").share("cgroup").share("network")
    box = ocipy.start(bundle, "sleep", "1000")
    assert ocipy("exec", box.id, "readlink", "/proc/self/ns/pid").ok().out.strip() == host.namespace("self", "pid")


def test_root_of_a_container_without_pivot_root(ocipy, bundle):
    bundle.file("marker", "inside")
    box = ocipy.start(bundle, "sleep", "1000", options=("--no-pivot",))
    assert ocipy("exec", box.id, "cat", "/marker").ok().out == "inside"


def test_user_namespace_is_entered_as_its_root(ocipy, bundle, scratch):
    box = ocipy.start(mapped(bundle), "sleep", "1000")
    ocipy("exec", "-d", "--pid-file", scratch / "pid", box.id, "sleep", "1000").ok()
    pid = int((scratch / "pid").read_text())
    assert host.namespace(pid, "user") == host.namespace(box.pid, "user") != host.namespace("self", "user")
    assert host.status(pid)["Uid"].split() == [str(FIRST)] * 4
    assert host.status(pid)["Groups"] == ""
    assert host.namespace(pid, "cgroup") == host.namespace(box.pid, "cgroup")
    end_all_but_init(box)


def test_user_that_is_not_mapped_is_refused(ocipy, bundle):
    box = ocipy.start(mapped(bundle), "sleep", "1000")
    assert ocipy("exec", "-u", "70000", box.id, "true").refused("70000 is not mapped").code == 255


def test_config_of_the_container_counts_whatever_the_bundle_says_now(ocipy, bundle):
    bundle.process["env"].append("SAID=before")
    box = ocipy.start(bundle, "sleep", "1000")
    (bundle.path / "config.json").write_text("{}")
    assert "SAID=before" in ocipy("exec", box.id, "env").ok().out


# --- exit codes, and what is left


@pytest.mark.parametrize("code", [0, 1, 7, 126, 255])
def test_exit_code_is_the_programs(inside, code):
    assert inside("sh", "-c", f"exit {code}").code == code


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM, signal.SIGUSR1])
def test_exit_code_is_128_and_the_signal(inside, number):
    assert inside("sh", "-c", f"kill -{number:d} $$").code == 128 + number


@pytest.mark.parametrize(("program", "said"), [
    ("no-such-program", 'exec: "no-such-program": executable file not found in $PATH'),
    ("/no/such/program", "no such file or directory"),
    ("/etc", 'exec: "/etc": is a directory: permission denied'),
    ("/etc/passwd", 'exec: "/etc/passwd": permission denied'),
    ("/etc/passwd/x", "not a directory"),
])
def test_program_that_cannot_be_executed_is_255_and_nothing_is_left(inside, scratch, program, said):
    result = inside(program, flags=("--pid-file", scratch / "pid")).refused(said)
    assert result.code == 255
    assert not (scratch / "pid").exists()
    assert set(reap()) == {inside.box().pid}
    assert host.processes_of(inside.box().id) == [inside.box().pid]


def test_failure_of_execve_itself_is_255_and_nothing_is_left(inside, bundle, scratch):
    bundle.file("bin/script", "#!/no/interpreter\n", 0o755)
    for flags in ((), ("--detach",)):
        result = inside("script", flags=(*flags, "--pid-file", scratch / "pid")).refused("no such file")
        assert result.code == 255
        assert not (scratch / "pid").exists()
        assert set(reap()) == {inside.box().pid}


def test_exec_leaves_no_process_and_no_file(ocipy, inside):
    inside("true").ok()
    before = host.statesnap(ocipy.root)
    inside("true").ok()
    assert host.statesnap(ocipy.root) == before
    assert reap() == [inside.box().pid]
    assert host.processes_of(inside.box().id) == [inside.box().pid]


def test_container_goes_on_after_an_exec(inside):
    inside("true").ok()
    assert inside.box().status() == "running"


def test_exec_in_a_stopped_container_is_refused(ocipy, bundle):
    box = ocipy.start(bundle, "true")
    host.wait_for(lambda: host.exited(box.pid), "the end of the container")
    assert ocipy("exec", box.id, "true").refused("cannot exec in a stopped container").code == 255


def test_exec_in_a_missing_container_is_refused(ocipy):
    assert ocipy("exec", "ocipy-test-none", "true").refused("container does not exist").code == 255


def test_exec_without_a_command_is_refused(inside):
    assert inside().refused("args cannot be empty").code == 255


def test_exec_without_an_id_is_a_usage_error(ocipy):
    assert ocipy("exec").refused("argument").code == 1


def test_error_is_one_line_and_one_record(inside, ocipy, scratch):
    inside("true")
    result = ocipy("exec", inside.box().id, "nothing", flags=("--log", scratch / "log", "--log-format", "json"))
    assert len(result.refused().err.splitlines()) == 1
    records = [json.loads(line) for line in (scratch / "log").read_text().splitlines()]
    assert [record["level"] for record in records] == ["error"]
    assert "executable file not found in $PATH" in records[0]["msg"]


@requires.controller("freezer")
def test_exec_in_a_paused_container(ocipy, inside, scratch):
    inside("true").ok()
    box = inside.box()
    frozen, thawed = ("1", "0") if host.CGROUP_V2 else ("FROZEN", "THAWED")
    file = host.cgroup(box.pid, "freezer") / ("cgroup.freeze" if host.CGROUP_V2 else "freezer.state")
    file.write_text(frozen)
    try:
        host.wait_for(lambda: box.status() == "paused", "the freezer")
        result = inside("true").refused("cannot exec in a paused container (use --ignore-paused to override)")
        assert result.code == 255
        running = ocipy.spawn("exec", "--ignore-paused", box.id, "sh", "-c", "exit 5")
        host.wait_for(lambda: len(host.processes_of(box.id)) == 2, "the process in the frozen cgroup")
        assert running.poll() is None
    finally:
        file.write_text(thawed)
    assert running.wait(host.PATIENCE) == 5


# --- streams and signals


def test_standard_streams_are_the_callers(inside):
    result = inside("sh", "-c", "tr a-z A-Z; echo problem >&2", input=b"text\n").ok()
    assert result.out == "TEXT\n"
    assert result.err == "problem\n"


def test_output_of_any_size_arrives_whole(inside):
    assert inside("dd", "if=/dev/zero", "bs=1000", "count=3000").ok().out == "\0" * 3_000_000


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGUSR1, signal.SIGHUP, signal.SIGWINCH])
def test_signals_are_passed_on(ocipy, inside, number):
    inside("true")
    script = f"trap 'echo got {number:d}; exit 9' {number:d}; echo ready; while :; do sleep 0.01; done"
    running = ocipy.spawn("exec", inside.box().id, "sh", "-c", script, stdout=subprocess.PIPE, text=True)
    assert running.stdout.readline() == "ready\n"
    running.send_signal(number)
    assert running.stdout.read() == f"got {number:d}\n"
    assert running.wait(host.PATIENCE) == 9
    running.stdout.close()


def test_process_goes_on_when_exec_itself_is_killed(ocipy, inside, scratch):
    inside("true")
    running = ocipy.spawn("exec", "--pid-file", scratch / "pid", inside.box().id, "sleep", "1000")
    host.wait_for((scratch / "pid").exists, "the process")
    pid = int((scratch / "pid").read_text())
    host.wait_for(lambda: host.status(pid)["Name"] == "sleep", "the program")
    running.kill()
    running.wait(host.PATIENCE)
    assert host.alive(pid)


def test_exec_returns_although_processes_hold_the_output(inside):
    assert inside("sh", "-c", "setsid sleep 1000 & exit 4").code == 4


def test_exec_ends_with_the_container(ocipy, inside):
    inside("true")
    running = ocipy.spawn("exec", inside.box().id, "sh", "-c", "echo ready; exec sleep 1000", stdout=subprocess.PIPE)
    assert running.stdout.readline() == b"ready\n"
    running.stdout.close()
    inside.box().kill("KILL").ok()
    assert running.wait(host.PATIENCE) == 137


# --- the flags


def test_variables_are_added_and_replaced(inside, bundle):
    bundle.process["env"] += ["OLD=1", "KEPT=2"]
    shown = inside("env", flags=("-e", "OLD=3", "--env", "NEW=a=b", "-e", "EMPTY=")).ok().out.splitlines()
    assert {"OLD=3", "KEPT=2", "NEW=a=b", "EMPTY="} <= set(shown)


@pytest.mark.parametrize("entry", ["NAME", "=value", ""])
def test_variable_without_name_or_value_is_refused(inside, entry):
    assert inside("true", flags=("-e", entry)).refused("--env").code == 255


def test_environment_is_not_the_callers(inside):
    assert "SECRET" not in inside("env", env={"PATH": os.environ["PATH"], "SECRET": "1"}).ok().out


def test_home_is_that_of_the_user_in_the_image(inside, bundle):
    assert "HOME=/home/guest\n" in inside("env", flags=("-u", "1000")).ok().out
    assert "HOME=/root\n" in inside("env").ok().out


def test_working_directory(inside, bundle):
    bundle.process["cwd"] = "/tmp"
    assert inside("pwd").ok().out == "/tmp\n"
    assert inside("pwd", flags=("--cwd", "/etc")).ok().out == "/etc\n"


@pytest.mark.parametrize(("path", "said"), [
    ("etc", "absolute"), ("/none", "no such file"), ("/etc/passwd", "not a directory"),
])
def test_bad_working_directory_is_refused(inside, path, said):
    assert inside("true", flags=("--cwd", path)).refused(said).code == 255


def test_user_and_group(inside, bundle):
    bundle.process["user"] = {"uid": 5, "gid": 6, "additionalGids": [7], "umask": 0o027}
    shown = "echo $(id -u) $(id -g) $(cat /proc/self/status | grep Groups) $(umask)"
    assert inside("sh", "-c", shown).ok().out == "5 6 Groups: 7 0027\n"
    assert inside("sh", "-c", shown, flags=("-u", "8")).ok().out == "8 6 Groups: 7 0027\n"
    assert inside("sh", "-c", shown, flags=("--user", "8:9")).ok().out == "8 9 Groups: 7 0027\n"
    flags = ("--user=8:9", "-g", "10", "--additional-gids", "11")
    assert inside("sh", "-c", shown, flags=flags).ok().out == "8 9 Groups: 7 10 11 0027\n"


def test_capability_is_added_to_what_the_container_has(inside, bundle):
    bundle.capabilities("CAP_KILL")
    bit, kill = 1 << 13, 1 << 5
    status = fields(inside(*STATUS, flags=("--cap", "CAP_NET_RAW")))
    sets = {name: int(status[f"Cap{name}"], 16) for name in ("Inh", "Prm", "Eff", "Bnd", "Amb")}
    assert sets == {"Inh": 0, "Prm": bit | kill, "Eff": bit | kill, "Bnd": bit | kill, "Amb": 0}


def test_capabilities_of_another_user_are_only_bounding(inside, bundle):
    bundle.capabilities("CAP_KILL")
    status = fields(inside(*STATUS, flags=("-u", "1000", "-c", "CAP_NET_RAW")))
    assert int(status["CapEff"], 16) == 0
    assert int(status["CapBnd"], 16) == 1 << 13 | 1 << 5


def test_unknown_capability_is_told(inside):
    assert "CAP_NONE is not known" in inside("true", flags=("-c", "CAP_NONE")).ok().err


def test_warnings_that_create_gave_are_not_repeated(inside, bundle):
    bundle.capabilities("CAP_KILL", "CAP_NONE")
    assert inside("true").ok().err == ""


@pytest.mark.parametrize(("own", "flag", "seen"), [
    (False, (), "0"), (True, (), "1"), (False, ("--no-new-privs",), "1"), (True, ("--no-new-privs=false",), "0"),
])
def test_no_new_privileges(inside, bundle, own, flag, seen):
    bundle.process["noNewPrivileges"] = own
    assert fields(inside(*STATUS, flags=flag))["NoNewPrivs"] == seen


@pytest.mark.parametrize(("flag", "module"), [("--apparmor", "AppArmor"), ("--process-label", "SELinux")])
def test_label_of_a_module_that_the_kernel_lacks_is_told(inside, flag, module):
    if module == "AppArmor" and os.path.exists("/sys/module/apparmor/parameters/enabled"):
        pytest.skip("this kernel runs AppArmor")
    assert f"the kernel runs no {module}" in inside("true", flags=(flag, "some:label")).ok().err


def test_preserved_descriptors_and_no_others_reach_the_program(inside, scratch):
    names = ("three", "four", "five")
    for name in names:
        (scratch / name).write_text(name)
    opened = " ".join(f"{number}<{scratch}/{name}" for number, name in enumerate(names, 3))
    prefix = ["sh", "-c", f'exec "$@" {opened}', "sh"]
    script = "cat <&3; cat <&4; [ -e /proc/self/fd/5 ] || echo; ls /proc/self/fd"
    lines = inside("sh", "-c", script, flags=("--preserve-fds", "2"), prefix=prefix).ok().out.splitlines()
    assert lines[0] == "threefour"
    # 5 is the directory that ls reads.
    assert lines[1:] == ["0", "1", "2", "3", "4", "5"]
    assert inside("true", flags=("--preserve-fds", "60")).refused("not open").code == 255


def test_passed_sockets_are_not_for_exec(inside):
    """As with runc: they are for the service, which init is."""
    env = {"PATH": os.environ["PATH"], "LISTEN_FDS": "1"}
    assert "LISTEN" not in inside("env", env=env).ok().out


@pytest.mark.parametrize("flag", ["-no-new-privs", "--no-new-privs"])
def test_flags_after_the_id_belong_to_the_command(inside, flag):
    assert inside("echo", flag, "-e", "--", "x").ok().out == f"{flag} -e -- x\n"


# --- cgroups


def own_cgroups(box):
    """The container's cgroups: those that bear its id, and not what is below them."""
    return [directory for directory in host.cgsnap(box.id) if box.id not in str(directory.parent)]


def sub(box, name):
    for directory in own_cgroups(box):
        (directory / name).mkdir()
        if (directory / name / "cpuset.cpus").exists() and not host.CGROUP_V2:
            for file in ("cpuset.cpus", "cpuset.mems"):
                (directory / name / file).write_text((directory / file).read_text())


def shown_cgroups(result):
    return {line.split(":")[1]: line.split(":")[2] for line in result.ok().out.splitlines()}


def test_process_runs_in_a_cgroup_below_the_containers(inside):
    inside("true").ok()
    sub(inside.box(), "below")
    for path in ("below", "/below", "./below/"):
        assert set(shown_cgroups(inside("cat", "/proc/self/cgroup", flags=("--cgroup", path))).values()) == {"/below"}


@requires.cgroup_v1
def test_process_runs_in_a_cgroup_below_for_one_controller(inside):
    inside("true").ok()
    sub(inside.box(), "below")
    shown = shown_cgroups(inside("cat", "/proc/self/cgroup", flags=("--cgroup", "pids,cpu:below")))
    assert {names for names, path in shown.items() if path == "/below"} >= {"pids"}
    assert shown["memory"] == "/"


@pytest.mark.parametrize(("paths", "said"), [
    (("missing",), "cannot join"), (("none:x",), "no cgroup of controller"), (("a", "b"), "prefix"),
    ((":x",), "no cgroup of controller"),
])
def test_bad_cgroup_is_refused(inside, paths, said):
    flags = [word for path in paths for word in ("--cgroup", path)]
    assert inside("true", flags=flags).refused(said).code == 255


def test_process_follows_init_into_a_cgroup_below(inside):
    """On v2 a cgroup that has children with controllers takes no process itself: systemd in a container."""
    inside("true").ok()
    box = inside.box()
    sub(box, "init")
    for directory in host.cgsnap(box.id):
        if directory.name == "init":
            (directory / "cgroup.procs").write_text(str(box.pid))
    assert set(shown_cgroups(inside("cat", "/proc/self/cgroup")).values()) == {"/init"}


@requires.cgroupfs
def test_init_that_left_its_cgroup_is_not_followed(inside):
    inside("true").ok()
    box = inside.box()
    directory = own_cgroups(box)[0]
    (directory.parent / "cgroup.procs").write_text(str(box.pid))
    try:
        assert inside("true").refused("has left").code == 255
    finally:
        (directory / "cgroup.procs").write_text(str(box.pid))


@requires.controller("memory")
def test_little_memory_is_enough(ocipy, bundle):
    bundle.resources["memory"] = {"limit": 2 << 20}
    box = ocipy.start(bundle, "sleep", "1000")
    for _ in range(3):
        ocipy("exec", box.id, "true").ok()


# --- rlimits, scheduling, seccomp: as the container has them


def test_limits_scheduling_and_oom_score_are_the_containers(inside, bundle):
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}]
    bundle.process.update(oomScoreAdj=123, scheduler={"policy": "SCHED_BATCH", "nice": 5})
    shown = inside("sh", "-c", "ulimit -n; ulimit -Hn; cat /proc/self/oom_score_adj; cat /proc/self/stat").ok().out
    lines = shown.splitlines()
    assert lines[:3] == ["77", "88", "123"]
    stat = lines[3].rpartition(")")[2].split()
    assert stat[16] == "5"  # nice
    assert stat[38] == "3"  # SCHED_BATCH


def test_seccomp_filter_is_the_containers(inside, bundle):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [profiles.errno(5, "umask")]}
    probe.write(bundle.rootfs / "probe", ("umask", 0), ("getpgid", 0))
    assert probe.results(inside("/probe").ok()._out)[0] == -5


def test_profile_of_the_engines(inside, bundle):
    bundle.linux["seccomp"] = profiles.of_the_engines()
    assert fields(inside(*STATUS))["Seccomp"] == "2"


def test_personality_is_the_containers(inside, bundle):
    bundle.linux["personality"] = {"domain": "LINUX32"}
    assert inside("cat", "/proc/self/personality").ok().out == "00000008\n"


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="needs two CPUs")
def test_exec_cpu_affinity_final_is_for_the_program(inside, bundle):
    bundle.process["execCPUAffinity"] = {"initial": "0", "final": "1"}
    assert fields(inside(*STATUS))["Cpus_allowed_list"] == "1"


def test_exec_cpu_affinity_initial_is_not_for_the_program(inside, bundle):
    bundle.process["execCPUAffinity"] = {"initial": "0"}
    assert fields(inside(*STATUS))["Cpus_allowed_list"] == host.status(os.getpid())["Cpus_allowed_list"]


@pytest.mark.parametrize("kind", ["initial", "final"])
def test_exec_cpu_affinity_without_a_cpu_of_the_host_is_refused(inside, bundle, kind):
    bundle.process["execCPUAffinity"] = {kind: "8000-999999999"}
    assert inside("true").refused(f"execCPUAffinity.{kind}").code == 255


# --- by file


def test_process_of_a_file(by_file):
    shown = by_file("sh", "-c", "pwd; id -u; id -g; env; exit 6", cwd="/tmp", user={"uid": 3, "gid": 4},
                    env=["PATH=/bin", "ONLY=1", "HOME=/x"])  # fmt: skip
    assert shown.code == 6
    assert shown.out.splitlines()[:3] == ["/tmp", "3", "4"]
    # The shell adds PWD and SHLVL.
    assert set(shown.out.splitlines()[3:]) - {"PWD=/tmp", "SHLVL=1"} == {"PATH=/bin", "ONLY=1", "HOME=/x"}


def test_process_of_a_file_takes_what_it_lacks_from_the_container(by_file, bundle):
    bundle.capabilities("CAP_KILL")
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 77, "hard": 88}]
    bundle.process["user"]["umask"] = 0o077
    status = fields(by_file(*STATUS))
    assert int(status["CapEff"], 16) == 1 << 5
    assert status["Umask"] == "0077"
    assert by_file("sh", "-c", "ulimit -n").ok().out == "77\n"


def test_process_of_a_file_has_its_own_capabilities_and_limits(by_file, bundle):
    bundle.capabilities("CAP_KILL")
    status = fields(by_file(
        *STATUS, capabilities={"bounding": ["CAP_CHOWN"], "effective": ["CAP_CHOWN"], "permitted": ["CAP_CHOWN"]},
        noNewPrivileges=True, rlimits=[{"type": "RLIMIT_NOFILE", "soft": 50, "hard": 60}],
    ))  # fmt: skip
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 1
    assert status["NoNewPrivs"] == "1"


@pytest.mark.parametrize(("text", "said"), [
    ("{", "process.json"), ("[]", "process.json"), ('{"args": ["x"], "cwd": "/"}', "user"),
    ('{"args": [], "cwd": "/", "user": {"uid": 0, "gid": 0}}', "args"),
    ('{"args": ["x"], "cwd": "x", "user": {"uid": 0, "gid": 0}}', "cwd"),
    ('{"args": ["x"], "cwd": "/", "user": {"uid": 4294967296, "gid": 0}}', "user.uid"),
])
def test_bad_process_file_is_refused(inside, scratch, text, said):
    (scratch / "process.json").write_text(text)
    assert inside(flags=("-p", scratch / "process.json")).refused(said).code == 255


def test_missing_process_file_is_refused(inside, scratch):
    assert inside(flags=("-p", scratch / "none")).refused("no such file").code == 255
