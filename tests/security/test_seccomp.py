"""Seccomp: what a filter is compiled to, when it is loaded, and what it must not let through."""

from __future__ import annotations

import os
import random
import signal

import pytest
from support import filters, host, probe, profiles, requires
from support.filters import X32_BIT
from support.profiles import allow, compare, errno

KILLED = 128 + signal.SIGSYS
NEEDED = ("execve", "write", "exit_group")


@pytest.fixture
def calls(ocipy, bundle):
    """A function that makes system calls in a container with a profile: their results, or the exit code."""

    def run(profile, *wanted):
        bundle.linux["seccomp"] = profile
        probe.write(bundle.rootfs / "probe", *wanted)
        done = ocipy.run(bundle, "/probe")
        return done.code or probe.results(done._out)

    return run


@pytest.mark.parametrize("op", ["LT", "LE", "GE", "GT"])
def test_sec_2019_9893_ordering_of_64_bit_arguments(calls, op):
    """libseccomp before 2.4 compared the halves of an argument wrongly; the kernel is asked, with real calls."""
    dice = random.Random(op)
    holds = {"LT": int.__lt__, "LE": int.__le__, "GE": int.__ge__, "GT": int.__gt__}[op]
    for _ in range(4):
        limit = dice.choice((2**32, 2**32 - 1, 2**63, 2**63 - 1, dice.getrandbits(64)))
        values = sorted({(limit + step) % 2**64 for step in (-(2**32), -1, 0, 1, 2**32, 2**31, 2**63)})
        profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [errno(95, "uname", args=[compare(1, op, limit)])]}
        given = calls(profile, *(("uname", 0, value) for value in values))
        assert [result == -95 for result in given] == [holds(value, limit) for value in values], limit


def test_sec_2019_9893_a_truncated_argument_is_not_taken_for_the_whole(calls):
    profile = {"defaultAction": "SCMP_ACT_ERRNO",
               "syscalls": [allow(*NEEDED), allow("getpgid", args=[compare(0, "EQ", 0)])]}  # fmt: skip
    assert calls(profile, ("getpgid", 0), ("getpgid", 2**32), ("getpgid", 2**63)) == [1, -1, -1]


# --- order


@pytest.mark.parametrize("no_new_privileges", [True, False])
@pytest.mark.parametrize("action", ["SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP", "SCMP_ACT_ERRNO"])
def test_sec_order_a_profile_that_denies_all_but_execve_and_exit(ocipy, bundle, action, no_new_privileges):
    bundle.process["noNewPrivileges"] = no_new_privileges
    bundle.linux["seccomp"] = {"defaultAction": action, "syscalls": [allow("execve", "exit_group")]}
    probe.write(bundle.rootfs / "probe")
    box = ocipy.create(bundle, "/probe")
    ocipy("start", box.id).ok()
    assert os.waitstatus_to_exitcode(box.wait()) == (0 if action == "SCMP_ACT_ERRNO" else -signal.SIGSYS)


@pytest.mark.parametrize("call", ["write", "capset", "prctl", "sendmsg", "close", "mmap", "brk", "futex"])
def test_sec_order_a_call_that_kills_does_not_reach_the_runtime(ocipy, bundle, call):
    """create and start report success: what the profile kills is the program, at its own call."""
    bundle.process["noNewPrivileges"] = False
    bundle.linux["seccomp"] = {
        "defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [call], "action": "SCMP_ACT_KILL_PROCESS"}],
    }  # fmt: skip
    probe.write(bundle.rootfs / "probe", ("getpid",))
    box = ocipy.create(bundle, "/probe")
    assert box.status() == "created"
    ocipy("start", box.id).ok()
    assert os.waitstatus_to_exitcode(box.wait()) == (-signal.SIGSYS if call == "write" else 0)


def test_sec_order_the_privilege_for_the_load_ends_with_it(ocipy, bundle):
    bundle.capabilities().process["noNewPrivileges"] = False
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [errno(1, "swapoff")]}
    box = ocipy.start(bundle, "sleep", "100")
    host.wait_for(lambda: host.status(box.pid)["Name"] == "sleep", "the program")
    assert {host.status(box.pid)[name] for name in ("CapPrm", "CapEff", "CapInh", "CapBnd", "CapAmb")} == {"0" * 16}
    assert host.status(box.pid)["Seccomp"] == "2"


def test_sec_order_a_hook_has_no_use_of_the_privilege_for_the_load(ocipy, bundle):
    bundle.capabilities("CAP_KILL").process["noNewPrivileges"] = False
    bundle.config["hooks"] = {
        "startContainer": [{"path": "/bin/sh", "args": ["sh", "-c", "grep Cap /proc/self/status >/seen"]}],
    }
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [errno(1, "swapoff")]}
    ocipy.run(bundle, "true").ok()
    sets = dict(line.split(":\t") for line in (bundle.rootfs / "seen").read_text().splitlines())
    assert int(sets["CapPrm"], 16) == int(sets["CapEff"], 16) == 1 << 5


# --- reach


@pytest.mark.parametrize("action", ["SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW"])
def test_sec_reach_a_32_bit_call_past_a_profile_for_64_bits(calls, action):
    """mkdir has another number for 32-bit code: a filter that looks at numbers alone lets it through."""
    profile = {"defaultAction": action, "architectures": ["SCMP_ARCH_X86_64"],
               "syscalls": [allow(*NEEDED) if action == "SCMP_ACT_ERRNO" else errno(1, "mkdir")]}  # fmt: skip
    assert calls(profile, ("i386", 20)) == KILLED


@pytest.mark.parametrize("number", [39, 83, 440, 2**29])
def test_sec_x32_calls_past_a_profile_for_64_bits(calls, number):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86_64"],
               "syscalls": [errno(1, "mkdir")]}  # fmt: skip
    assert calls(profile, (X32_BIT | number,)) == KILLED


def test_sec_x32_a_number_above_the_profile_is_no_way_around_the_rules(calls):
    """With the ENOSYS rule in front, an x32 number that the profile denies must still be denied."""
    profile = {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13, "architectures": profiles.ARCHITECTURES,
               "syscalls": [allow(*NEEDED, "getpid"), errno(95, "umask")]}  # fmt: skip
    assert calls(profile, (X32_BIT | 95,), (X32_BIT | 24,), (X32_BIT | 600,), ("umask",)) == [-95, -13, -38, -95]


def test_sec_reach_the_filter_binds_children_and_cannot_be_taken_off(ocipy, bundle):
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [errno(95, "umask")]}
    probe.write(bundle.rootfs / "probe", ("umask", 0))
    result = ocipy.run(bundle, "sh", "-c", "(exec /probe) | od -An -td8")
    assert result.ok().out.split() == ["-95"]


@requires.ocipy_itself
def test_sec_seccomp_a_planted_filter_is_not_loaded(ocipy, bundle):
    """What lies below the state root is believed only when this user alone could have put it there."""
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [errno(95, "umask")]}
    probe.write(bundle.rootfs / "probe", ("umask", 0))
    assert probe.results(ocipy.run(bundle, "/probe").ok()._out) == [-95]
    (kept,) = (ocipy.root / "@seccomp").iterdir()
    data = kept.read_bytes()
    harmless = (0x06).to_bytes(2, "little") + bytes(2) + filters.ALLOW.to_bytes(4, "little")
    for planted, mode in ((data[:32] + data[32:].partition(b"\n")[0] + b"\n" + harmless, 0o600), (data, 0o666)):
        kept.write_bytes(planted)
        kept.chmod(mode)
        assert probe.results(ocipy.run(bundle, "/probe").ok()._out) == [-95]
        assert (kept.read_bytes(), kept.stat().st_mode & 0o777) == (data, 0o600)


# --- other published troubles


def test_sec_U16_the_engines_profile_loads(ocipy, bundle):
    """runc 3109, 5347, containerd 6203: an engine newer than libseccomp, names and rules that it does not know."""
    bundle.linux["seccomp"] = profiles.of_the_engines()
    bundle.linux["seccomp"]["syscalls"].append(allow("a_call_of_the_year_2040"))
    ocipy.run(bundle, "true").ok()


@pytest.mark.parametrize("profile", [
    {"defaultAction": "SCMP_ACT_NOTIFY", "listenerPath": "/run/agent"},
    {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["mount"], "action": "SCMP_ACT_NOTIFY"}]},
    {"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]},
], ids=["default", "rule", "flag"])  # fmt: skip
def test_sec_seccomp_the_listener_is_never_ignored(ocipy, bundle, profile):
    bundle.linux["seccomp"] = profile
    ocipy.created(bundle, "true").refused("linux.seccomp", "listener", "not supported")


def test_sec_seccomp_path_of_a_listener_that_no_action_asks_for_has_no_effect(ocipy, bundle):
    """config-linux.md, Seccomp: without SCMP_ACT_NOTIFY its value is ignored."""
    bundle.linux["seccomp"] = {"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "/no/such/agent"}
    ocipy.run(bundle, "true").ok()


@pytest.mark.parametrize("profile", [{}, {"defaultAction": ""}, {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{}]}])
def test_sec_seccomp_a_profile_that_says_nothing_is_never_ignored(ocipy, bundle, profile):
    bundle.linux["seccomp"] = profile
    ocipy.created(bundle, "true").refused("linux.seccomp")


def test_sec_open_by_handle_at_2014_is_denied_by_the_engines_profile(calls):
    assert calls(profiles.of_the_engines(), ("open_by_handle_at", 2**64 - 1, 0, 0)) == [-1]
