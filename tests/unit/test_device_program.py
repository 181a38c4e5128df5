"""The program that decides about devices on cgroup v2, run here by an interpreter of the few instructions it has."""

import random
import struct

import pytest

from ocipy.cgroup.device_program import assemble
from ocipy.plan.cgroup_devices import device_rules, v2_rules
from ocipy.spec.model import DeviceRule

TYPES = {"b": 1, "c": 2}
ACCESS = {"m": 1, "r": 2, "w": 4}


def execute(program, type, major, minor, access):
    """Interprets eBPF; refuses, as the kernel's verifier does, to read what was never written or to run off the end."""
    wanted = sum(ACCESS[letter] for letter in access)
    context = struct.pack("<III", wanted << 16 | TYPES[type], major, minor)
    registers = {1: context}
    instructions = list(struct.iter_unpack("<BBhI", program))
    at = 0
    while True:
        opcode, pair, offset, immediate = instructions[at]
        destination, source = pair & 15, pair >> 4
        at += 1
        if opcode == 0x61:
            (registers[destination],) = struct.unpack_from("<I", registers[source], offset)
        elif opcode == 0xB4:
            registers[destination] = immediate
        elif opcode == 0xBC:
            registers[destination] = registers[source]
        elif opcode == 0x74:
            registers[destination] >>= immediate
        elif opcode == 0x54:
            registers[destination] &= immediate
        elif opcode == 0x16:
            at += offset if registers[destination] == immediate else 0
        elif opcode == 0x56:
            at += offset if registers[destination] != immediate else 0
        elif opcode == 0x95:
            return bool(registers[0])
        else:
            raise AssertionError(f"unknown opcode {opcode:#x}")
        assert 0 <= at < len(instructions)


def judge(rules, type, major, minor, access):
    """The meaning of the list, said plainly: for each letter the last rule that names it and matches."""

    def letter_allowed(letter):
        allowed = False
        for allow, kind, rule_major, rule_minor, letters in rules:
            if (
                kind in ("a", type)
                and rule_major in (None, major)
                and rule_minor in (None, minor)
                and letter in letters
            ):
                allowed = allow
        return allowed

    return all(letter_allowed(letter) for letter in access)


def reachable(program):
    instructions = list(struct.iter_unpack("<BBhI", program))
    seen, todo = set(), [0]
    while todo:
        at = todo.pop()
        if at in seen:
            continue
        seen.add(at)
        opcode, _, offset, _ = instructions[at]
        if opcode != 0x95:
            todo.append(at + 1)
        if opcode in (0x16, 0x56):
            todo.append(at + 1 + offset)
    return len(seen) == len(instructions)


def random_rules(generator):
    def rule():
        return (
            generator.random() < 0.6,
            generator.choice("aabbccc"),
            generator.choice((None, 0, 1, 2, 4095)),
            generator.choice((None, 0, 1, 2, 1048575)),
            "".join(generator.sample("rwm", generator.randint(1, 3))),
        )

    return tuple(rule() for _ in range(generator.randint(0, 12)))


@pytest.mark.parametrize("seed", range(60))
def test_the_program_agrees_with_the_plain_meaning_of_random_rules(seed):
    generator = random.Random(seed)
    for _ in range(10):
        rules = random_rules(generator)
        program = assemble(rules)
        for _ in range(40):
            question = (
                generator.choice("bc"),
                generator.choice((0, 1, 2, 3, 4095)),
                generator.choice((0, 1, 2, 3, 1048575)),
                "".join(generator.sample("rwm", generator.randint(1, 3))),
            )
            assert execute(program, *question) is judge(rules, *question), (rules, question)


@pytest.mark.parametrize("seed", range(20))
def test_every_instruction_can_be_reached_as_the_verifier_demands(seed):
    generator = random.Random(seed)
    for _ in range(20):
        assert reachable(assemble(random_rules(generator)))


def test_no_rules_deny_everything():
    program = assemble(())
    assert not any(execute(program, type, 1, 3, access) for type in "bc" for access in "rwm")


def test_denied_writing_is_not_passed_by_also_reading():
    program = assemble(((True, "c", 1, 3, "rwm"), (False, "c", 1, 3, "w")))
    assert execute(program, "c", 1, 3, "r")
    assert not execute(program, "c", 1, 3, "rw")


def test_reading_and_writing_may_come_from_two_rules():
    program = assemble(((True, "c", 1, 3, "r"), (True, "c", 1, None, "w")))
    assert execute(program, "c", 1, 3, "rw")


@pytest.mark.parametrize(
    "rules",
    [
        (),
        (DeviceRule(property="d", allow=True, type="c", major=4, minor=64, access="r"),),
        (DeviceRule(property="d", allow=False, type="b", major=8, minor=0, access="r"),),
    ],
    ids=["absent", "allow first", "odd deny first"],
)
def test_every_list_denies_the_host_disk_and_allows_the_default_devices(rules):
    program = assemble(v2_rules(device_rules(rules)))
    assert not execute(program, "b", 8, 0, "r")
    assert not execute(program, "b", 8, 0, "w")
    for major, minor in ((1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136, 7)):
        assert execute(program, "c", major, minor, "rw")
    assert execute(program, "b", 8, 0, "m")


def test_a_rule_for_all_devices_but_only_reading_does_not_allow_writing():
    rules = (DeviceRule(property="d", allow=True, type="a", access="r"),)
    program = assemble(v2_rules(device_rules(rules)))
    assert execute(program, "b", 8, 0, "r")
    assert not execute(program, "b", 8, 0, "w")
