"""Seccomp profiles for the tests: the engines' default, the OCI validation suite's, and random ones."""

from __future__ import annotations

import json
import os
import random

import pytest

from ocipy.spec.default import default

ENGINES = "/usr/share/containers/seccomp.json"
ARCHITECTURES = ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"]
OPERATORS = [f"SCMP_CMP_{name}" for name in ("NE", "LT", "LE", "EQ", "GE", "GT", "MASKED_EQ")]


def of_the_engines() -> dict:
    """The default profile of podman, docker's with few changes, as the engine writes it into config.json on x86_64."""
    if not os.path.exists(ENGINES):
        pytest.skip("needs the engines' default profile (Debian: golang-github-containers-common)")
    with open(ENGINES) as file:
        source = json.load(file)
    held = set(default()["process"]["capabilities"]["bounding"])
    rules = [
        {name: rule[name] for name in ("names", "action", "errnoRet", "args") if rule.get(name) is not None}
        for rule in source["syscalls"]
        if _applies(rule, held)
    ]
    return {
        "defaultAction": source["defaultAction"], "defaultErrnoRet": source["defaultErrnoRet"],
        "architectures": ARCHITECTURES, "syscalls": rules,
    }


def _applies(rule: dict, held: set[str]) -> bool:
    wanted, unwanted = rule.get("includes") or {}, rule.get("excludes") or {}
    if not set(wanted.get("caps", ())) <= held or set(unwanted.get("caps", ())) & held:
        return False
    return ("arches" not in wanted or "amd64" in wanted["arches"]) and "amd64" not in unwanted.get("arches", ())


def allow(*names: str, **more: object) -> dict:
    return {"names": list(names), "action": "SCMP_ACT_ALLOW", **more}


def errno(number: int, *names: str, **more: object) -> dict:
    return {"names": list(names), "action": "SCMP_ACT_ERRNO", "errnoRet": number, **more}


def compare(index: int, op: str, value: int, two: int = 0) -> dict:
    return {"index": index, "op": f"SCMP_CMP_{op}", "value": value, "valueTwo": two}


def of_the_suite() -> dict:
    """What `opencontainers/runtime-tools` puts into the config of each of its tests: few calls newer than 2017."""
    engines = of_the_engines()
    newer = (
        "openat2 close_range faccessat2 clone3 pidfd_open pidfd_getfd pidfd_send_signal process_madvise epoll_pwait2 "
        "rseq io_pgetevents io_uring_enter io_uring_register io_uring_setup open_tree move_mount fsopen fsconfig "
        "fsmount fspick mount_setattr landlock_add_rule landlock_create_ruleset landlock_restrict_self memfd_secret "
        "process_mrelease futex_waitv set_mempolicy_home_node quotactl_fd cachestat fchmodat2 map_shadow_stack "
        "futex_wait futex_wake futex_requeue pkey_alloc pkey_free pkey_mprotect "
        # These need capabilities.
        "setns unshare mount umount umount2 pivot_root"
    )
    names = {name for rule in engines["syscalls"] if not rule.get("args") for name in rule["names"]}
    left_out = {*newer.split(), "personality", "clone", "getcwd"}
    namespaces = 0x7C020000
    return {
        "defaultAction": "SCMP_ACT_ERRNO", "architectures": ARCHITECTURES,
        "syscalls": [
            allow(*sorted(names - left_out)),
            *(allow("personality", args=[compare(0, "EQ", value)]) for value in (0, 8, 0xFFFFFFFF)),
            allow("clone", args=[compare(0, "MASKED_EQ", namespaces, 0)]),
            allow("arch_prctl"), allow("modify_ldt"), errno(1, "getcwd"),
        ],
    }  # fmt: skip


CALLS = ("getpriority", "getpgid", "getsid", "personality", "socket", "fadvise64", "sched_get_priority_max", "umask",
         "inotify_init1", "renameat2", "landlock_create_ruleset", "not_a_system_call")  # fmt: skip
VALUES = (0, 1, 2, 7, 2**31 - 1, 2**31, 2**32 - 1, 2**32, 2**32 + 1, 2**63 - 1, 2**63, 2**64 - 1)
_ACTIONS = ("SCMP_ACT_ERRNO", "SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE", "SCMP_ACT_TRAP", "SCMP_ACT_KILL",
            "SCMP_ACT_KILL_PROCESS")  # fmt: skip


def at_random(seed: int) -> dict:
    """A profile in which each system call has one action, under several rules with comparisons at times."""
    dice = random.Random(seed)
    profile = {"defaultAction": dice.choice(_ACTIONS), "syscalls": []}
    if profile["defaultAction"] == "SCMP_ACT_ERRNO" and dice.random() < 0.7:
        profile["defaultErrnoRet"] = dice.choice((1, 13, 38, 4094))
    profile["architectures"] = dice.sample(ARCHITECTURES, dice.randint(1, 3))
    if "SCMP_ARCH_X86_64" not in profile["architectures"]:
        profile["architectures"].append("SCMP_ARCH_X86_64")
    for name in dice.sample(CALLS, dice.randint(1, len(CALLS))):
        action = dice.choice(_ACTIONS)
        for _ in range(dice.randint(1, 3)):
            rule = {"names": [name], "action": action}
            if action == "SCMP_ACT_ERRNO":
                rule["errnoRet"] = 5
            rule["args"] = [
                {"index": dice.randint(0, 5), "op": dice.choice(OPERATORS), "value": dice.choice(VALUES),
                 "valueTwo": dice.choice(VALUES)}
                for _ in range(dice.choice((0, 1, 1, 2)))
            ]  # fmt: skip
            if rule not in profile["syscalls"]:
                profile["syscalls"].append(rule)
    return profile
