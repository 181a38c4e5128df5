"""linux.seccomp on real containers: what the program may call, and what a caller of the runtime sees of it."""

import os
import random
import shutil
import signal
import subprocess

import pytest
from support import filters, host, probe, profiles, requires
from support.filters import X86_64
from support.profiles import allow, compare, errno
from support.runtime import LAUNCHER, command

EPERM, EIO, ENOSYS, EBADF, EINVAL = -1, -5, -38, -9, -22
KILLED = 128 + signal.SIGSYS
ALL = ("SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO",
       "SCMP_ACT_TRACE", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG")  # fmt: skip
# What the probe itself needs.
NEEDED = ("execve", "write", "exit_group")


@pytest.fixture
def calls(ocipy, bundle, scratch):
    """A function that makes system calls in a container with a profile, and gives their results or the exit code."""

    def run(profile, *wanted, flags=()):
        if profile is not None:
            bundle.linux["seccomp"] = profile
        probe.write(bundle.rootfs / "probe", *wanted)
        done = ocipy.run(bundle, "/probe", flags=flags)
        if done.code:
            assert probe.results(done._out) == [], done
            return done.code
        return probe.results(done._out)

    return run


def default_allow(*rules, **more):
    return {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": list(rules), **more}


def default_errno(*rules, **more):
    return {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [allow(*NEEDED), *rules], **more}


def rule(action, *names, **more):
    return {"names": list(names), "action": action, **more}


# --- actions


@pytest.mark.parametrize("number", [1, 5, 38, 95, 4094])
def test_ERRNO_gives_the_number(calls, number):
    assert calls(default_allow(errno(number, "umask")), ("umask", 0), ("getpgid", 0))[0] == -number


def test_ERRNO_without_a_number_is_EPERM(calls):
    assert calls(default_allow(rule("SCMP_ACT_ERRNO", "getsid")), ("getsid",)) == [EPERM]


def test_ERRNO_0_does_nothing_and_says_that_it_did(calls):
    assert calls(default_allow(errno(0, "mount")), ("mount",)) == [0]


@pytest.mark.parametrize("action", ["SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_action_ends_the_program_by_SIGSYS(calls, action):
    assert calls(default_allow(rule(action, "getsid")), ("getsid",)) == KILLED
    assert calls(default_allow(rule(action, "getsid")), ("getpgid",)) == [1]


def test_KILL_is_seen_as_a_signal_by_whoever_reaps_init(ocipy, bundle):
    bundle.linux["seccomp"] = default_allow(rule("SCMP_ACT_KILL_PROCESS", "getsid"))
    probe.write(bundle.rootfs / "probe", ("getsid",))
    box = ocipy.start(bundle, "/probe")
    assert os.WTERMSIG(box.wait()) == signal.SIGSYS


def test_KILL_of_one_process_leaves_the_others(ocipy, bundle):
    bundle.linux["seccomp"] = default_allow(rule("SCMP_ACT_KILL", "getsid"))
    probe.write(bundle.rootfs / "probe", ("getsid",))
    assert ocipy.run(bundle, "sh", "-c", "/probe; echo $?").ok().out.split()[-1] == str(KILLED)


def test_TRAP_is_a_signal_that_a_shell_can_ignore_no_more_than_KILL(ocipy, bundle):
    bundle.linux["seccomp"] = default_allow(rule("SCMP_ACT_TRAP", "getsid"))
    probe.write(bundle.rootfs / "probe", ("getsid",))
    assert ocipy.run(bundle, "sh", "-c", "trap '' SYS; /probe; echo $?").ok().out.split()[-1] == str(KILLED)


def test_TRACE_without_a_tracer_is_ENOSYS(calls):
    assert calls(default_allow(rule("SCMP_ACT_TRACE", "getsid", errnoRet=7)), ("getsid",)) == [ENOSYS]


def test_LOG_and_ALLOW_let_pass(calls):
    profile = default_errno(rule("SCMP_ACT_LOG", "getsid"), allow("getpgid"))
    assert calls(profile, ("getsid",), ("getpgid",), ("uname",)) == [1, 1, EPERM]


@pytest.mark.parametrize("action", ALL)
def test_default_action(calls, action):
    profile = {"defaultAction": action, "syscalls": [allow(*NEEDED, "unshare")]}
    wanted = {"SCMP_ACT_ERRNO": [EPERM], "SCMP_ACT_TRACE": [ENOSYS], "SCMP_ACT_ALLOW": [1], "SCMP_ACT_LOG": [1]}
    assert calls(profile, ("getsid",)) == wanted.get(action, KILLED)


def test_defaultErrnoRet(calls):
    assert calls(default_errno(allow("unshare"), defaultErrnoRet=5), ("getsid",)) == [EIO]


def test_a_rule_that_equals_the_default_is_no_error(calls):
    assert calls(default_errno(errno(1, "getsid")), ("getsid",)) == [EPERM]
    assert calls(default_allow(allow("getsid")), ("getsid",)) == [1]


def test_unknown_names_are_left_out(calls):
    assert calls(default_errno(allow("no_such_call", "getsid", "_no_more")), ("getsid",)) == [1]


# --- arguments


@pytest.mark.parametrize(("op", "hits"), [
    ("NE", (0, 0x1FFFFFFFF, 0x80000000FFFFFFFF)), ("LT", (0, 0xFFFFFFFE)), ("LE", (0, 0xFFFFFFFE, 0xFFFFFFFF)),
    ("EQ", (0xFFFFFFFF,)), ("GE", (0xFFFFFFFF, 0x1FFFFFFFF, 0x80000000FFFFFFFF)),
    ("GT", (0x1FFFFFFFF, 0x80000000FFFFFFFF)),
])  # fmt: skip
def test_operator_compares_whole_arguments(calls, op, hits):
    values = (0, 0xFFFFFFFE, 0xFFFFFFFF, 0x1FFFFFFFF, 0x80000000FFFFFFFF)
    if op == "NE":
        hits = tuple(value for value in values if value != 0xFFFFFFFF)
    profile = default_allow(errno(95, "uname", args=[compare(1, op, 0xFFFFFFFF)]))
    given = calls(profile, *(("uname", 0, value) for value in values))
    assert [value for value, result in zip(values, given, strict=True) if result == -95] == list(hits)


def test_MASKED_EQ(calls):
    profile = default_allow(errno(95, "uname", args=[compare(5, "MASKED_EQ", 0xFF00000000000000, 1 << 63)]))
    values = (0, 1 << 63, (1 << 63) + 5, (1 << 63) + (1 << 56))
    assert [result == -95 for result in calls(profile, *(("uname", 0, 0, 0, 0, 0, value) for value in values))] == [
        False, True, True, False,
    ]  # fmt: skip


def test_several_comparisons_with_one_argument_are_alternatives(calls):
    profile = default_errno(allow("getpgid", args=[compare(0, "EQ", 0), compare(0, "EQ", 1)]))
    assert calls(profile, ("getpgid", 0), ("getpgid", 1), ("getpgid", 2)) == [1, 1, EPERM]


def test_comparisons_with_several_arguments_must_all_hold(calls):
    profile = default_allow(errno(95, "uname", args=[compare(1, "EQ", 1), compare(2, "EQ", 2)]))
    assert [result == -95 for result in calls(profile, ("uname", 0, 1, 2), ("uname", 0, 1, 3), ("uname", 0, 0, 2))] == [
        True, False, False,
    ]  # fmt: skip


# --- architectures and newer calls


def test_a_listed_architecture_has_the_same_rules(calls):
    profile = default_allow(errno(95, "getsid"), architectures=profiles.ARCHITECTURES)
    assert calls(profile, ("i386", 147), ("i386", 20)) == [-95, 1]


def test_the_native_architecture_need_not_be_listed(calls):
    assert calls(default_allow(errno(95, "getsid"), architectures=["SCMP_ARCH_X86"]), ("getsid",)) == [-95]


def test_a_call_newer_than_the_profile_does_not_exist(calls):
    profile = default_errno(allow("getsid", "unshare"))
    assert calls(profile, ("getsid",), ("setns",), ("mount",), ("openat2",), (1000,)) == [
        1, ENOSYS, EPERM, ENOSYS, ENOSYS,
    ]  # fmt: skip


# --- order


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_execve_is_all_that_a_profile_must_allow(ocipy, bundle, no_new_privileges):
    """Everything else kills: had ocipy made one more call under the filter, there would be no output."""
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.process["rlimits"] = [{"type": "RLIMIT_NOFILE", "soft": 64, "hard": 64}]
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [allow(*NEEDED)]}
    probe.write(bundle.rootfs / "probe")
    box = ocipy.start(bundle, "/probe")
    assert box.wait() == 0


@requires.ocipy_itself
@requires.program("strace")
@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_execve_is_the_only_call_under_the_filter(ocipy, bundle, scratch, monkeypatch, no_new_privileges):
    from support.hostile import Trace

    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.linux["seccomp"] = profiles.of_the_suite()
    # Now the filter is kept, and the command makes no call of seccomp(2) to compile it.
    ocipy.run(bundle, "true").ok()
    trace = Trace(scratch, "all")
    monkeypatch.setenv("OCIPY_RUNTIME", str(trace.command))
    ocipy.run(bundle, "true").ok()
    monkeypatch.delenv("OCIPY_RUNTIME")
    made = [(name, result) for name, _arguments, result in trace.calls("seccomp")]
    place = made.index(("seccomp", "0"))
    assert made[place + 1] == ("execve", "0")


@pytest.mark.parametrize("user", [0, 1000])
@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_program_has_the_capabilities_of_the_config_and_no_more(ocipy, bundle, user, no_new_privileges):
    bundle.capabilities("CAP_KILL", "CAP_CHOWN").process["capabilities"]["inheritable"] = ["CAP_KILL"]
    bundle.process["capabilities"]["ambient"] = ["CAP_KILL"]
    bundle.process["user"] = {"uid": user, "gid": user}
    bundle.process["noNewPrivileges"] = no_new_privileges
    sets = []
    for profile in (None, profiles.of_the_engines()):
        bundle.linux["seccomp"] = profile
        box = ocipy.start(bundle, "sleep", "100")
        host.wait_for(lambda box=box: host.status(box.pid)["Name"] == "sleep", "the program")
        status = host.status(box.pid)
        sets.append({name: status[name] for name in status if name.startswith("Cap")})
        assert status["Seccomp"] == ("2" if profile else "0")
        assert status["NoNewPrivs"] == str(int(no_new_privileges))
    assert sets[0] == sets[1]
    assert int(sets[1]["CapPrm"], 16) & 1 << 21 == 0


def test_without_a_profile_there_is_no_filter(ocipy, bundle):
    assert "Seccomp:\t0" in ocipy.run(bundle, "cat", "/proc/self/status").ok().out


def test_hooks_are_not_under_the_filter(ocipy, bundle):
    bundle.config["hooks"] = {"startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "getsid=1; ls / >/seen"]}]}
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [allow(*NEEDED)]}
    probe.write(bundle.rootfs / "probe")
    ocipy.run(bundle, "/probe").ok()
    assert "bin" in (bundle.rootfs / "seen").read_text()


def test_a_program_that_cannot_be_executed_is_told_of_under_a_filter(ocipy, bundle):
    bundle.linux["seccomp"] = profiles.of_the_suite()
    bundle.file("bin/broken", "no program\n", 0o755)
    ocipy.run(bundle, "/bin/broken").refused("exec format error")


@requires.ocipy_itself
@pytest.mark.parametrize("action", ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_init_ends_when_it_can_neither_execute_nor_say_so(ocipy, bundle, action):
    bundle.linux["seccomp"] = {"defaultAction": action, "syscalls": []}
    box = ocipy.create(bundle, "true")
    ocipy("start", box.id)
    assert os.WIFSIGNALED(box.wait())


# --- flags


@pytest.mark.parametrize("flags", [
    None, [], ["SECCOMP_FILTER_FLAG_TSYNC"], ["SECCOMP_FILTER_FLAG_LOG"], ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
    ["SECCOMP_FILTER_FLAG_TSYNC", "SECCOMP_FILTER_FLAG_LOG", "SECCOMP_FILTER_FLAG_SPEC_ALLOW"],
])  # fmt: skip
@requires.ocipy_itself
@requires.program("strace")
def test_flags_reach_the_kernel(ocipy, bundle, scratch, monkeypatch, flags):
    from support.hostile import Trace

    bundle.linux["seccomp"] = default_allow(errno(95, "getsid")) | ({} if flags is None else {"flags": flags})
    ocipy.run(bundle, "true").ok()
    trace = Trace(scratch, "seccomp")
    monkeypatch.setenv("OCIPY_RUNTIME", str(trace.command))
    ocipy.run(bundle, "true").ok()
    monkeypatch.delenv("OCIPY_RUNTIME")
    seen = [arguments.split(", ")[1] for _name, arguments, result in trace.calls("seccomp")
            if arguments.startswith("SECCOMP_SET_MODE_FILTER") and result == "0"]  # fmt: skip
    wanted = ["SECCOMP_FILTER_FLAG_SPEC_ALLOW"] if flags is None else flags
    assert seen == ["|".join(wanted) or "0"]


# --- profiles of the world

DENIED_BY_THE_SUITE = ("openat2", "close_range", "faccessat2", "clone3", "setns", "getcwd")


@pytest.mark.parametrize("no_new_privileges", [True, False])
def test_the_suites_profile_denies_what_a_runtime_likes_to_call(calls, bundle, no_new_privileges):
    bundle.process["noNewPrivileges"] = no_new_privileges
    assert calls(profiles.of_the_suite(), *((name,) for name in DENIED_BY_THE_SUITE), ("getpgid",)) == [
        ENOSYS, ENOSYS, ENOSYS, ENOSYS, EPERM, EPERM, 1,
    ]  # fmt: skip


def test_the_engines_profile_on_the_programs_of_busybox(ocipy, bundle):
    bundle.linux["seccomp"] = profiles.of_the_engines()
    script = "ls /; sleep 0; echo x | cat; id; ps; mkdir /tmp/d && mv /tmp/d /tmp/e; (exit 3); echo end $?; "
    script += "unshare -m id"
    result = ocipy.run(bundle, "sh", "-c", script)
    assert "end 3" in result.out
    assert "unshare" in result.err


# --- equality with runc

PROBES = [
    (name, *values) for name in probe.NUMBERS if name not in ("exit_group", "read", "write", "ptrace", "close_range")
    for values in ((), (0, 2**64 - 1), (2**64 - 1, 2**64 - 1, 2**64 - 1, 2**64 - 1, 2**64 - 1, 2**64 - 1))
    if values or name not in ("clone3", "unshare")
] + [("personality", value) for value in (0, 2, 8, 0x20000, 0x20008, 2**32 - 1)] + [
    ("close_range", 2, 1), ("i386", 136, 0xFFFFFFFF), ("i386", 20), ("i386", 437, 0), (0x40000000 | 39,), (600,),
]  # fmt: skip


def without_getcwd(profile):
    """The profile, but for a call that runc makes under it."""
    for entry in profile["syscalls"]:
        if entry["names"] == ["getcwd"] and entry["action"] != "SCMP_ACT_ALLOW":
            entry["names"] = ["getpgid"]
    profile["syscalls"].append(allow("getcwd"))
    return profile


def of_both(monkeypatch, act):
    """What `act` gives with ocipy and with runc."""
    given = [act()]
    with monkeypatch.context() as patch:
        patch.setenv("OCIPY_RUNTIME", "runc")
        given.append(act())
    return given


@requires.ocipy_itself
@requires.program("runc")
@pytest.mark.parametrize("profile", ["of_the_engines", "of_the_suite"])
def test_the_same_probes_have_the_same_results_under_runc(ocipy, bundle, monkeypatch, profile):
    bundle.linux["seccomp"] = without_getcwd(getattr(profiles, profile)())
    probe.write(bundle.rootfs / "probe", *PROBES)
    seen, wanted = of_both(monkeypatch, lambda: probe.results(ocipy.run(bundle, "/probe").ok()._out))
    assert len(seen) == len(PROBES)
    assert [(call, result) for call, result in zip(PROBES, seen, strict=True)] == [
        (call, result) for call, result in zip(PROBES, wanted, strict=True)
    ]


def filter_of(ocipy, bundle):
    box = ocipy.start(bundle, "sleep", "100")
    host.wait_for(lambda: host.status(box.pid)["Name"] == "sleep", "the program")
    try:
        return filters.of_process(box.pid)
    finally:
        box.delete(force=True)


def data_for(profile, seed):
    """System calls with arguments, most of them near what the profile compares with."""
    dice = random.Random(seed)
    near = [
        (argument[name] + step) % 2**64
        for entry in profile["syscalls"] for argument in entry.get("args", ())
        for name in ("value", "valueTwo") if name in argument for step in (-1, 0, 1)
    ] + list(profiles.VALUES)  # fmt: skip
    for architecture in (X86_64, filters.I386, filters.AARCH64):
        for number in (*range(470), 600, 2**31, 2**32 - 1):
            for bit in (0, filters.X32_BIT):
                for _ in range(3):
                    yield architecture, number | bit, tuple(dice.choice(near) for _ in range(6))


def profile_to_compare(which):
    """A profile under which runc can do what it does after loading it."""
    if not isinstance(which, int):
        return getattr(profiles, which)()
    profile = profiles.at_random(which)
    used = {name for entry in profile["syscalls"] for name in entry["names"]}
    needed = {name for entry in profiles.of_the_engines()["syscalls"] for name in entry["names"]}
    profile["syscalls"].append(allow(*sorted(needed - used | {"clone"})))
    return profile


@requires.ocipy_itself
@requires.program("runc")
@pytest.mark.parametrize("which", ["of_the_engines", "of_the_suite", *range(12)])
def test_the_loaded_filter_does_the_same_as_runcs(ocipy, bundle, monkeypatch, which):
    profile = bundle.linux["seccomp"] = without_getcwd(profile_to_compare(which))
    own, other = of_both(monkeypatch, lambda: filter_of(ocipy, bundle))
    for data in data_for(profile, str(which)):
        assert filters.run(own, *data) == filters.run(other, *data), data


# --- libseccomp is missing


@requires.ocipy_itself
def test_without_libseccomp_a_profile_is_refused_and_nothing_is_left(ocipy, bundle):
    bundle.linux["seccomp"] = default_allow(errno(95, "getsid"))
    script = 'for file in /usr/lib/*/libseccomp.so.2*; do mount --bind /dev/null "$file"; done; exec "$@"'
    hide = ["unshare", "--mount", "sh", "-c", script, "sh"]
    id = ocipy.new_id()
    bundle.write()
    ocipy("create", "--bundle", bundle.path, id, prefix=hide).refused(
        "linux.seccomp", "libseccomp.so.2", "apt install libseccomp2"
    )
    assert host.statesnap(ocipy.root) == host.cgsnap(id) == []
    bundle.linux["seccomp"] = None
    bundle.args("true").write()
    ocipy("run", "--bundle", bundle.path, ocipy.new_id(), prefix=hide).ok()




# --- kept filters


@requires.ocipy_itself
@requires.program("strace")
def test_a_second_container_needs_no_libseccomp(ocipy, bundle, scratch, monkeypatch):
    bundle.linux["seccomp"] = profiles.of_the_engines()
    ocipy.run(bundle, "true").ok()
    log = scratch / "trace"
    script = scratch / "traced"
    script.write_text(f'#!/bin/sh\nexec strace -f -qq -e trace=openat -o {log} {command()} "$@"\n')
    script.chmod(0o755)
    monkeypatch.setenv("OCIPY_RUNTIME", str(script))
    ocipy.run(bundle, "true").ok()
    assert "@seccomp" in log.read_text()
    assert "libseccomp" not in log.read_text()


@requires.ocipy_itself
def test_list_shows_containers_alone(ocipy, bundle):
    bundle.linux["seccomp"] = default_allow(errno(95, "getsid"))
    ocipy.run(bundle, "true").ok()
    assert (ocipy.root / "@seccomp").is_dir()
    result = ocipy("list", "--quiet").ok()
    assert (result.out, result.err) == ("", "")
    ocipy("delete", "--force", "@seccomp").refused("invalid container ID")


def test_what_a_profile_needs_is_in_the_archive_of_the_verb_without_one(ocipy, bundle, scratch, monkeypatch):
    """The engines give every container a profile: its modules would be imported one by one each time."""
    copy = scratch / "checkout/ocipy"
    shutil.copytree(LAUNCHER.parents[1], copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setenv("OCIPY_RUNTIME", str(copy / "bin/ocipy"))
    ocipy.run(bundle, "true").ok()
    bundle.linux["seccomp"] = profiles.of_the_engines()
    assert list(copy.rglob("seccomp_cache.*.pyc")), "what was compiled one by one would be read again"
    words = ["strace", "-f", "-o", scratch / "trace", "-e", "trace=openat", copy / "bin/ocipy", "--root", ocipy.root]
    done = subprocess.run([*words, "run", "-b", bundle.path, ocipy.new_id()], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "seccomp_cache.cpython" not in (scratch / "trace").read_text()
