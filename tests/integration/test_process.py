"""process: arguments, environment, directory, limits, priorities."""

import os
import resource
import time

import pytest
from support import host, requires


def test_arguments_reach_the_program_as_they_are(ocipy, bundle):
    words = ["two words", "", "$HOME", "*", "ä€", "a\nb", "-n", "\\"]
    result = ocipy.run(bundle, "sh", "-c", 'for w; do printf "<%s>" "$w"; done', "sh", *words).ok()
    assert result.out == "".join(f"<{word}>" for word in words)


def test_environment_is_that_of_the_config_and_no_more(ocipy, bundle):
    bundle.process["env"] = ["PATH=/bin", "HOME=/", "A=b=c", "EMPTY=", "SPACE=a b", "UMLAUT=ä"]
    result = ocipy.run(bundle, "env", env={"PATH": os.environ["PATH"], "SECRET": "of the caller"}).ok()
    assert sorted(result.out.splitlines()) == sorted(bundle.process["env"])


def test_of_a_variable_that_is_given_twice_the_last_counts(ocipy, bundle):
    bundle.process["env"] += ["TWICE=first", "TWICE=second"]
    assert ocipy.run(bundle, "env").ok().out.count("TWICE=second\n") == 1
    assert "first" not in ocipy.run(bundle, "env").ok().out


@pytest.mark.parametrize(("uid", "home"), [(0, "/root"), (1000, "/home/guest"), (4711, "/")])
def test_home_is_that_of_the_user_in_the_containers_passwd(ocipy, bundle, uid, home):
    bundle.process["user"] = {"uid": uid, "gid": uid}
    assert ocipy.run(bundle, "sh", "-c", "echo $HOME").ok().out == f"{home}\n"


def test_home_of_the_config_is_kept(ocipy, bundle):
    bundle.process["env"].append("HOME=/somewhere")
    assert ocipy.run(bundle, "sh", "-c", "echo $HOME").ok().out == "/somewhere\n"


def test_passwd_may_be_missing(ocipy, bundle):
    (bundle.rootfs / "etc/passwd").unlink()
    assert ocipy.run(bundle, "sh", "-c", "echo $HOME").ok().out == "/\n"


def test_passwd_that_is_a_fifo_does_not_stop_the_create(ocipy, bundle):
    (bundle.rootfs / "etc/passwd").unlink()
    os.mkfifo(bundle.rootfs / "etc/passwd")
    assert ocipy.run(bundle, "echo", "goes on", timeout=host.PATIENCE).ok().out == "goes on\n"


def test_program_starts_in_cwd(ocipy, bundle):
    bundle.process["cwd"] = "/etc"
    assert ocipy.run(bundle, "pwd").ok().out == "/etc\n"


def test_cwd_is_created(ocipy, bundle):
    bundle.process["cwd"] = "/made/on/demand"
    assert ocipy.run(bundle, "pwd").ok().out == "/made/on/demand\n"
    assert (bundle.rootfs / "made/on/demand").is_dir()


def test_cwd_may_lie_on_a_mount(ocipy, bundle):
    bundle.process["cwd"] = "/srv/here"
    bundle.mount("/work", "tmpfs", "x")
    assert ocipy.run(bundle, "pwd").ok().out == "/srv/here\n"
    assert not (bundle.rootfs / "work/here").exists()


def test_cwd_that_only_its_owner_may_enter(ocipy, bundle):
    directory = bundle.rootfs / "private"
    directory.mkdir(mode=0o700)
    os.chown(directory, 1000, 1000)
    bundle.process.update(cwd="/private", user={"uid": 1000, "gid": 1000})
    assert ocipy.run(bundle, "pwd").ok().out == "/private\n"


def test_cwd_that_only_root_may_enter(ocipy, bundle):
    """As with runc, the directory is entered before the user changes, too."""
    (bundle.rootfs / "private").mkdir(mode=0o700)
    bundle.process.update(cwd="/private", user={"uid": 1000, "gid": 1000})
    box = ocipy.start(bundle, "sleep", "100")
    assert os.readlink(f"/proc/{box.pid}/cwd") == "/private"


@pytest.mark.parametrize(("options", "own"), [((), True), (("--no-new-keyring",), False)])
def test_session_keyring_is_the_containers_own(ocipy, bundle, options, own):
    bundle.linux["maskedPaths"] = []
    id = ocipy.new_id()
    result = ocipy.run(bundle, "cat", "/proc/keys", id=id, options=options).ok()
    assert (f"_ses.{id}" in result.out) is own


def test_user_group_and_further_groups(ocipy, bundle):
    bundle.process["user"] = {"uid": 1000, "gid": 2000, "additionalGids": [5, 3000]}
    box = ocipy.start(bundle, "sleep", "100")
    status = host.status(box.pid)
    assert status["Uid"].split() == ["1000"] * 4
    assert status["Gid"].split() == ["2000"] * 4
    assert sorted(map(int, status["Groups"].split())) == [5, 3000]


def test_the_callers_groups_are_not_inherited(ocipy, bundle):
    before = os.getgroups()
    os.setgroups([12, 34])
    try:
        box = ocipy.start(bundle, "sleep", "100")
    finally:
        os.setgroups(before)
    assert host.status(box.pid)["Groups"] == ""


@pytest.mark.parametrize(("umask", "shown"), [(None, "0022"), (0, "0000"), (0o077, "0077"), (0o777, "0777")])
def test_umask(ocipy, bundle, umask, shown):
    if umask is not None:
        bundle.process["user"]["umask"] = umask
    before = os.umask(0o002)
    try:
        box = ocipy.start(bundle, "sleep", "100")
    finally:
        os.umask(before)
    assert host.status(box.pid)["Umask"] == shown


@pytest.mark.parametrize(
    ("name", "soft", "hard"),
    [("NOFILE", 100, 200), ("NOFILE", 4, 4), ("CORE", 0, 0), ("NPROC", 500, 1000), ("AS", 1 << 24, 1 << 25),
     ("CPU", 30, 60), ("STACK", 1 << 20, 1 << 21), ("FSIZE", 0, 0), ("MEMLOCK", 4096, 4096), ("SIGPENDING", 10, 20),
     ("MSGQUEUE", 100, 200), ("DATA", 1 << 24, 1 << 24), ("RSS", 1 << 24, 1 << 24), ("LOCKS", 9, 10)],
)  # fmt: skip
def test_rlimit_is_set_for_the_program(ocipy, bundle, name, soft, hard):
    bundle.process["rlimits"] = [{"type": f"RLIMIT_{name}", "soft": soft, "hard": hard}]
    box = ocipy.start(bundle, "sleep", "100")
    assert resource.prlimit(box.pid, getattr(resource, f"RLIMIT_{name}", 10)) == (soft, hard)


@pytest.mark.parametrize(("name", "soft", "hard"), [("NICE", 0, 0), ("RTPRIO", 0, 0), ("RTTIME", 1000, 2000)])
def test_rlimit_of_priorities_is_set_for_the_program(ocipy, bundle, name, soft, hard):
    number = {"NICE": 13, "RTPRIO": 14, "RTTIME": 15}[name]
    bundle.process["rlimits"] = [{"type": f"RLIMIT_{name}", "soft": soft, "hard": hard}]
    assert resource.prlimit(ocipy.start(bundle, "sleep", "100").pid, number) == (soft, hard)


@requires.capability(24, "CAP_SYS_RESOURCE")
def test_hard_limit_may_be_above_the_callers_for_any_user(ocipy, bundle):
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1] // 2
    bundle.process["user"] = {"uid": 1000, "gid": 1000}
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 10, "hard": hard + 10}]
    box = ocipy.start(bundle, "sleep", "100", prefix=["prlimit", f"--nofile={hard}:{hard}"])
    assert resource.prlimit(box.pid, resource.RLIMIT_NOFILE) == (10, hard + 10)


def test_limits_that_are_not_in_the_config_are_the_callers(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    for number in range(resource.RLIM_NLIMITS if hasattr(resource, "RLIM_NLIMITS") else 16):
        assert resource.prlimit(box.pid, number) == resource.getrlimit(number)


@pytest.mark.parametrize("value", [pytest.param(-500, marks=requires.capability(24, "CAP_SYS_RESOURCE")), 0, 1000])
def test_oom_score_adjustment(ocipy, bundle, value):
    bundle.process["oomScoreAdj"] = value
    box = ocipy.start(bundle, "sleep", "100")
    assert host.Path(f"/proc/{box.pid}/oom_score_adj").read_text() == f"{value}\n"


def test_oom_score_adjustment_is_the_callers_when_it_is_not_given(ocipy, bundle):
    own = host.Path("/proc/self/oom_score_adj")
    before = own.read_text()
    own.write_text("123")
    try:
        box = ocipy.start(bundle, "sleep", "100")
    finally:
        own.write_text(before)
    assert host.Path(f"/proc/{box.pid}/oom_score_adj").read_text() == "123\n"


@pytest.mark.parametrize(
    ("policy", "number"),
    [("SCHED_OTHER", os.SCHED_OTHER), ("SCHED_BATCH", os.SCHED_BATCH), ("SCHED_IDLE", os.SCHED_IDLE)],
)  # fmt: skip
def test_scheduler_policy(ocipy, bundle, policy, number):
    bundle.process["scheduler"] = {"policy": policy, "nice": 0}
    box = ocipy.start(bundle, "sleep", "100")
    assert os.sched_getscheduler(box.pid) & ~os.SCHED_RESET_ON_FORK == number


@pytest.mark.parametrize(("policy", "number"), [("SCHED_FIFO", os.SCHED_FIFO), ("SCHED_RR", os.SCHED_RR)])
def test_scheduler_priority_of_the_real_time_policies(ocipy, bundle, policy, number):
    bundle.process["scheduler"] = {"policy": policy, "priority": 5}
    if not host.CGROUP_V2:
        # A new cgroup has no real time of its own on v1.
        bundle.resources["cpu"] = {"realtimePeriod": 1_000_000, "realtimeRuntime": 10_000}
    box = ocipy.start(bundle, "sleep", "100")
    assert os.sched_getscheduler(box.pid) == number
    assert os.sched_getparam(box.pid).sched_priority == 5


@requires.program("chrt")
@pytest.mark.parametrize(
    ("period", "shown"),
    [({"period": 30_000_000}, "10000000/20000000/30000000"),
     # The kernel takes 0 for the deadline: sched(7).
     ({}, "10000000/20000000/20000000")],
)  # fmt: skip
def test_scheduler_deadline_has_its_three_times_and_0_for_one_that_is_absent(ocipy, bundle, period, shown):
    bundle.process["scheduler"] = {
        "policy": "SCHED_DEADLINE", "runtime": 10_000_000, "deadline": 20_000_000, **period
    }  # fmt: skip
    text = os.popen(f"chrt -p {ocipy.start(bundle, 'sleep', '100').pid}").read()
    assert "SCHED_DEADLINE" in text
    assert shown in text


def test_scheduler_nice(ocipy, bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH", "nice": 7}
    assert os.getpriority(os.PRIO_PROCESS, ocipy.start(bundle, "sleep", "100").pid) == 7


def test_scheduler_nice_is_0_when_it_is_not_given(ocipy, bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_BATCH"}
    box = ocipy.start(bundle, "sleep", "100", prefix=["nice", "-n", "5"])
    assert os.getpriority(os.PRIO_PROCESS, box.pid) == 0


def test_exec_cpu_affinity_is_not_for_init(ocipy, bundle):
    cpus = os.sched_getaffinity(0)
    bundle.process["execCPUAffinity"] = {"initial": str(min(cpus)), "final": str(min(cpus))}
    assert os.sched_getaffinity(ocipy.start(bundle, "sleep", "100").pid) >= cpus


def test_scheduler_flags(ocipy, bundle):
    bundle.process["scheduler"] = {"policy": "SCHED_OTHER", "flags": ["SCHED_FLAG_RESET_ON_FORK"]}
    assert os.sched_getscheduler(ocipy.start(bundle, "sleep", "100").pid) & os.SCHED_RESET_ON_FORK


@pytest.mark.parametrize(
    ("name", "level", "shown"),
    [("IOPRIO_CLASS_BE", 3, "best-effort: prio 3"), ("IOPRIO_CLASS_RT", 1, "realtime: prio 1"),
     ("IOPRIO_CLASS_IDLE", 0, "idle")],
)  # fmt: skip
@requires.program("ionice")
def test_io_priority(ocipy, bundle, name, level, shown):
    bundle.process["ioPriority"] = {"class": name, "priority": level}
    box = ocipy.start(bundle, "sleep", "100")
    assert os.popen(f"ionice -p {box.pid}").read().strip() == shown


def test_program_may_use_all_cpus_whatever_the_caller_was_bound_to(ocipy, bundle):
    before = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {min(before)})
    try:
        box = ocipy.start(bundle, "sleep", "100")
    finally:
        os.sched_setaffinity(0, before)
    assert os.sched_getaffinity(box.pid) >= before


def test_program_has_default_signal_dispositions_and_an_empty_mask(ocipy, bundle):
    status = host.status(ocipy.start(bundle, "sleep", "100").pid)
    for name in ("SigBlk", "SigIgn", "SigCgt"):
        assert int(status[name], 16) == 0, name


def test_program_has_three_descriptors(ocipy, bundle):
    assert sorted(host.fdsnap(ocipy.start(bundle, "sleep", "100").pid)) == [0, 1, 2]


def test_program_leads_its_session(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    assert os.getsid(box.pid) == box.pid


def test_start_waits_until_the_program_has_begun(ocipy, bundle):
    for _ in range(5):
        box = ocipy.start(bundle, "sleep", "100")
        assert host.status(box.pid)["Name"] == "sleep"


@pytest.mark.parametrize(("domain", "machine"), [("LINUX32", "i686"), ("LINUX", os.uname().machine)])
@pytest.mark.skipif(os.uname().machine != "x86_64", reason="needs x86_64")
def test_personality(ocipy, bundle, domain, machine):
    bundle.linux["personality"] = {"domain": domain}
    assert ocipy.run(bundle, "uname", "-m").ok().out == f"{machine}\n"


def test_hostname_and_domainname(ocipy, bundle):
    bundle.config.update(hostname="box", domainname="example.org")
    result = ocipy.run(bundle, "sh", "-c", "hostname; cat /proc/sys/kernel/domainname").ok()
    assert result.out == "box\nexample.org\n"
    assert os.uname().nodename != "box"


def test_created_container_costs_no_processor_time_while_it_waits(ocipy, bundle):
    box = ocipy.create(bundle, "true")

    def ticks():
        return host.Path(f"/proc/{box.pid}/stat").read_text().rpartition(")")[2].split()[11:13]

    def stands_still():
        before = ticks()
        time.sleep(0.3)
        return ticks() == before

    # On a busy machine it may be a while before it comes to its wait.
    host.wait_for(stands_still, "0.3 s without work")
