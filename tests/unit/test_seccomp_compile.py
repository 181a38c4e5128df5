"""A profile to classic BPF: the program is executed, by an interpreter, and compared with what the profile says."""

import random

import pytest
from support import filters, profiles
from support.filters import AARCH64, ENOSYS, ERRNO, I386, KILL, X32_BIT, X86_64, meaning, run
from support.profiles import allow, compare, errno

from ocipy.errors import OcipyError
from ocipy.plan.seccomp import compile_filter
from ocipy.runtime.log import Log
from ocipy.runtime.seccomp import answer_newer, compile_profile, load_library
from ocipy.spec.seccomp import seccomp

PERSONALITY = 135


@pytest.fixture(scope="module")
def library():
    try:
        library = load_library()
    except OcipyError as error:
        pytest.skip(str(error))
    if library.native != X86_64:
        pytest.skip("needs x86_64: numbers of system calls are written out")
    return library


def fields(profile):
    problems = []
    typed = seccomp(profile, "linux.seccomp", problems)
    assert not problems
    return tuple(value for name, value in compile_filter(typed).items() if name != "property")


@pytest.fixture
def compiled(library):
    return lambda profile: compile_profile(library, fields(profile), Log())


def values(dice, profile):
    """Six arguments, most of them near what the profile compares with."""
    near = [
        value + step
        for rule in profile["syscalls"] for argument in rule.get("args", ())
        for value in (argument["value"], argument["valueTwo"]) for step in (-1, 0, 1)
    ]
    pool = [value % 2**64 for value in near] + list(profiles.VALUES)
    return tuple(dice.choice(pool) for _ in range(6))


@pytest.mark.parametrize("seed", range(60))
def test_a_random_profile_does_what_it_says_on_every_listed_architecture(library, compiled, seed):
    profile = profiles.at_random(seed)
    program = compiled(profile)
    dice = random.Random(seed)
    families = {"SCMP_ARCH_X86_64": X86_64, "SCMP_ARCH_X86": I386, "SCMP_ARCH_X32": X86_64}
    passing = profile["defaultAction"] in ("SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE")
    named = {name for rule in profile["syscalls"] for name in rule["names"]}
    for architecture in profile["architectures"]:
        token = library.architecture(architecture)
        newest = max(library.number(name, token) for name in named)
        for name in (*profiles.CALLS, "read", "getpid", "futex_waitv"):
            number = library.number(name, token)
            if number < 0:
                continue
            for _ in range(25):
                arguments = values(dice, profile)
                if architecture != "SCMP_ARCH_X86_64":
                    arguments = tuple(value % 2**32 for value in arguments)
                expected = meaning(profile, name, arguments)
                if newest > 0 and number > newest and not passing:
                    expected = ENOSYS
                if (architecture != "SCMP_ARCH_X86_64" and _is_wide(profile, name)) or _is_entangled(profile, name):
                    continue
                assert run(program, families[architecture], number, arguments) == expected, (name, arguments)


def _is_wide(profile, name):
    """On x86 and x32 libseccomp looks at the lower 32 bits only: for wide values the profile and it do not agree."""
    return any(
        max(argument["value"], argument["valueTwo"]) >= 2**32
        for rule in profile["syscalls"] if name in rule["names"] for argument in rule.get("args", ())
    )


def _is_entangled(profile, name):
    """libseccomp 2.5 puts rules of one call into one tree, and mixes up those that order the same argument twice."""
    ordered = [
        argument["index"]
        for rule in profile["syscalls"] if name in rule["names"] for argument in rule.get("args", ())
        if argument["op"] not in ("SCMP_CMP_EQ", "SCMP_CMP_MASKED_EQ")
    ]
    return len(set(ordered)) < len(ordered)


def test_the_default_profile_of_the_engines(compiled):
    profile = profiles.of_the_engines()
    program = compiled(profile)
    for name, number in {"read": 0, "execve": 59, "clone3": 435, "openat2": 437, "mount": 165, "bpf": 321,
                         "keyctl": 250}.items():  # fmt: skip
        assert run(program, X86_64, number) == meaning(profile, name, (0,) * 6), name
    for value, expected in ((0, filters.ALLOW), (8, filters.ALLOW), (2**32 - 1, filters.ALLOW), (2, ERRNO | 38)):
        assert run(program, X86_64, PERSONALITY, (value,)) == expected


OPERATORS = {
    "NE": lambda a, b: a != b, "LT": lambda a, b: a < b, "LE": lambda a, b: a <= b, "EQ": lambda a, b: a == b,
    "GE": lambda a, b: a >= b, "GT": lambda a, b: a > b,
}  # fmt: skip


@pytest.mark.parametrize("index", [0, 5])
@pytest.mark.parametrize("op", OPERATORS)
def test_comparisons_are_64_bits_wide(compiled, op, index):
    for value in profiles.VALUES:
        profile = {"defaultAction": "SCMP_ACT_ALLOW",
                   "syscalls": [errno(7, "personality", args=[compare(index, op, value)])]}
        program = compiled(profile)
        for given in {(value + step) % 2**64 for step in (-1, 0, 1, 2**32, -(2**32))}:
            arguments = tuple(given if place == index else 0 for place in range(6))
            expected = ERRNO | 7 if OPERATORS[op](given, value) else filters.ALLOW
            assert run(program, X86_64, PERSONALITY, arguments) == expected, (value, given)


def test_masked_eq_takes_the_value_as_mask_and_the_second_as_what_is_left(compiled):
    program = compiled({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [
        errno(7, "personality", args=[compare(0, "MASKED_EQ", 0xF000000000000001, 0x8000000000000001)])]})
    assert run(program, X86_64, PERSONALITY, (0x8000000000000001,)) == ERRNO | 7
    assert run(program, X86_64, PERSONALITY, (0x8FFFFFFFFFFFFFFF,)) == ERRNO | 7
    assert run(program, X86_64, PERSONALITY, (0x8000000000000000,)) == filters.ALLOW
    assert run(program, X86_64, PERSONALITY, (0x9000000000000001,)) == filters.ALLOW


def test_comparisons_with_one_argument_are_alternatives_and_with_several_are_conjoined(compiled):
    program = compiled({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
        allow("personality", args=[compare(0, "EQ", 1), compare(0, "EQ", 2), compare(1, "EQ", 3)]),
        allow("getpriority", args=[compare(0, "EQ", 1), compare(1, "EQ", 2)]),
    ]})  # fmt: skip
    for arguments in ((1,), (2,), (9, 3)):
        assert run(program, X86_64, PERSONALITY, arguments) == filters.ALLOW
    assert run(program, X86_64, PERSONALITY, (9, 9)) == ERRNO | 1
    assert run(program, X86_64, 140, (1, 2)) == filters.ALLOW
    assert run(program, X86_64, 140, (1, 9)) == run(program, X86_64, 140, (9, 2)) == ERRNO | 1


def test_a_rule_with_the_default_action_changes_nothing(compiled):
    rest = [allow("read")]
    plain = compiled({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": rest})
    assert compiled({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [*rest, errno(1, "read")]}) == plain


def test_unknown_system_calls_are_left_out_with_a_word_to_the_debug_log(library, capfd):
    profile = {"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [errno(7, "no_such_call", "read")]}
    program = compile_profile(library, fields(profile), Log(debug=True))
    assert run(program, X86_64, 0) == ERRNO | 7
    assert "linux.seccomp.syscalls[0]: system call no_such_call is not known" in capfd.readouterr().err


@pytest.mark.parametrize(("profile", "property", "word"), [
    ({"architectures": ["SCMP_ARCH_X86", "SCMP_ARCH_SHEB"]}, "linux.seccomp.architectures[1]", "does not know"),
    ({"architectures": ["SCMP_ARCH_S390X"]}, "linux.seccomp.architectures[0]", "cannot be in a filter"),
    ({"syscalls": [errno(1, "read", args=[compare(0, "EQ", 1)]), errno(2, "read", args=[compare(0, "EQ", 1)])]},
     "linux.seccomp.syscalls[1]", "same comparisons"),
])  # fmt: skip
def test_what_libseccomp_refuses_is_told_by_its_place(library, compiled, profile, property, word):
    if "SCMP_ARCH_SHEB" in profile.get("architectures", ()) and library.architecture("SCMP_ARCH_SHEB"):
        pytest.skip("this libseccomp knows all architectures")
    with pytest.raises(OcipyError, match=word) as caught:
        compiled({"defaultAction": "SCMP_ACT_ALLOW", **profile})
    assert caught.value.property == property


def test_a_filter_that_is_too_long_is_refused(compiled):
    rules = [errno(1, "read", args=[compare(index, "EQ", value << 32 | value)])
             for index in range(6) for value in range(300)]
    with pytest.raises(OcipyError, match="4096"):
        compiled({"defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules})


# --- newer system calls

DENY = {"architectures": profiles.ARCHITECTURES, "syscalls": [allow("read", "personality", "getpid")]}


@pytest.mark.parametrize("default", ["SCMP_ACT_ERRNO", "SCMP_ACT_KILL", "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_TRAP"])
def test_calls_above_the_newest_of_the_profile_do_not_exist(compiled, default):
    program = compiled({"defaultAction": default, **DENY})
    for architecture, newest in ((X86_64, 135), (I386, 136), (X86_64, X32_BIT | 135)):
        assert run(program, architecture, newest) == filters.ALLOW
        assert run(program, architecture, newest - 1) == filters.action(default)
        for newer in (newest + 1, newest + 300):
            assert run(program, architecture, newer) == ENOSYS


@pytest.mark.parametrize("default", ["SCMP_ACT_ALLOW", "SCMP_ACT_LOG", "SCMP_ACT_TRACE"])
def test_a_default_that_lets_pass_lets_newer_calls_pass(compiled, default):
    program = compiled({"defaultAction": default, "syscalls": [errno(7, "read")]})
    assert run(program, X86_64, 460) == filters.action(default)


def test_the_newest_call_counts_whatever_the_action_of_its_rule(compiled):
    program = compiled({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [allow("read"), errno(1, "personality")]})
    assert (run(program, X86_64, 134), run(program, X86_64, 136)) == (ERRNO | 1, ENOSYS)


def test_a_profile_without_architectures_has_the_native_one(compiled):
    program = compiled({"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [allow("personality")]})
    assert run(program, X86_64, 135) == filters.ALLOW
    assert run(program, X86_64, 300) == ENOSYS


@pytest.mark.parametrize("architectures", [[], ["SCMP_ARCH_X86_64"], ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"]])
def test_an_architecture_that_is_not_listed_is_killed_whatever_the_number(compiled, architectures):
    program = compiled({"defaultAction": "SCMP_ACT_ERRNO", **DENY, "architectures": architectures})
    foreign = [(AARCH64, 0), (X86_64, X32_BIT), (X86_64, X32_BIT | 135), (X86_64, X32_BIT | 500)]
    if "SCMP_ARCH_X86" not in architectures:
        foreign += [(I386, 3), (I386, 136), (I386, 500)]
    for architecture, number in foreign:
        assert run(program, architecture, number) == KILL, (hex(architecture), hex(number))


def test_on_s390_the_number_of_unknown_calls_does_not_exist():
    program = answer_newer({0x80000016: 300}) + (0x06).to_bytes(2, "little") + bytes(2) + bytes(4)
    assert [run(program, 0x80000016, number) for number in (0, 1, 300, 301)] == [ENOSYS, KILL, KILL, ENOSYS]
    assert run(program, X86_64, 0) == KILL


def test_a_call_that_only_another_listed_architecture_has(compiled):
    """waitpid: 7 on x86, none on x86_64."""
    program = compiled({"defaultAction": "SCMP_ACT_ALLOW", "architectures": profiles.ARCHITECTURES,
                        "syscalls": [errno(95, "waitpid")]})  # fmt: skip
    assert run(program, I386, 7) == ERRNO | 95
    assert run(program, X86_64, 7) == filters.ALLOW
