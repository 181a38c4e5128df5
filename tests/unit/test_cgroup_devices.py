"""Device rules as cgroup v1 gets them, checked against a model of the kernel's lists of exceptions."""

import random

import pytest

from ocipy.plan.cgroup_devices import device_rules, v1_lines
from ocipy.spec.model import DeviceRule

DEFAULTS = ["c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm", "c 1:9 rwm", "c 5:0 rwm",
            "c 5:2 rwm", "c 136:* rwm", "c 10:200 rwm"]  # fmt: skip


def rule(allow, type="a", major=None, minor=None, access="rwm", property="d"):
    return DeviceRule(property=property, allow=allow, type=type, major=major, minor=minor, access=access)


def lines(*rules):
    found, problems = v1_lines(device_rules(rules))
    assert problems == []
    return [f"{file.removeprefix('devices.')} {line}" for _, file, line in found]


@pytest.mark.parametrize(
    "rules",
    [(), (rule(False),), (rule(False), rule(False)), (rule(False, "b", 8, 0, "r"),), (rule(False, "c", access="m"),)],
    ids=["absent", "deny all", "deny all twice", "one disk", "odd"],
)
def test_a_list_that_allows_nothing_is_deny_all_and_the_default_devices(rules):
    assert lines(*rules) == ["deny a", *(f"allow {text}" for text in DEFAULTS)]


def test_allow_first_still_starts_from_deny_all():
    assert lines(rule(True, "c", 4, 64, "rw"))[:2] == ["deny a", "allow c 4:64 rw"]


def test_rules_of_the_configuration_are_written_in_order_before_the_defaults():
    asked = [rule(False), rule(True, "c", 10, 229), rule(True, "b", 8, 20, "rw"), rule(True, "c", 10, 200, "r")]
    found = lines(*asked)
    assert found[:5] == ["deny a", "allow c 10:229 rwm", "allow b 8:20 rw", "allow c 10:200 r", "allow c *:* m"]
    assert found[-1] == "allow c 10:200 rwm"


def test_allow_everything_is_one_write():
    assert lines(rule(True)) == ["deny a", "allow a"]


def test_a_rule_for_all_types_with_numbers_or_partial_access_is_split_because_the_kernel_ignores_them():
    assert lines(rule(True, "a", access="r"))[1:3] == ["allow b *:* r", "allow c *:* r"]
    assert lines(rule(True, "a", 10))[1:3] == ["allow b 10:* rwm", "allow c 10:* rwm"]


def test_denying_more_than_was_allowed_takes_each_back():
    found = lines(rule(True, "c", 7, 1), rule(True, "c", 7, 2, "r"), rule(False, "c", 7))
    assert found[3:5] == ["deny c 7:1 rwm", "deny c 7:2 r"]


def test_a_hole_in_a_wider_rule_is_refused_instead_of_silently_left_open():
    hole = rule(False, "c", 10, 229, property="linux.resources.devices[1]")
    _, problems = v1_lines(device_rules((rule(True, "c"), hole)))
    assert [path for path, _ in problems] == ["linux.resources.devices[1]"]
    assert "c 10:229" in problems[0][1]


def test_denied_mknod_is_no_hole_because_the_defaults_allow_it_again():
    found = lines(rule(True, "c", access="m"), rule(False, "c", 10, 229))
    assert found[:3] == ["deny a", "allow c *:* m", "allow b *:* m"]


class Kernel:
    """security/device_cgroup.c: devcgroup_update_access, dev_exception_add, dev_exception_rm, match_exception*."""

    def __init__(self):
        self.default, self.exceptions = True, {}

    def write(self, file, line):
        allow = file == "devices.allow"
        if line == "a":
            self.default, self.exceptions = allow, {}
            return
        type, numbers, access = line.split()
        key = (type, *numbers.split(":"))
        if allow != self.default:
            self.exceptions[key] = self.exceptions.get(key, set()) | set(access)
        elif key in self.exceptions:
            self.exceptions[key] -= set(access)
            if not self.exceptions[key]:
                del self.exceptions[key]

    def allows(self, type, major, minor, letter):
        matched = any(
            key[0] == type and key[1] in ("*", str(major)) and key[2] in ("*", str(minor)) and letter in access
            for key, access in self.exceptions.items()
        )
        return matched != self.default


@pytest.mark.parametrize("seed", range(40))
def test_the_kernel_ends_up_with_the_plain_meaning_of_random_rules_or_they_are_refused(seed):
    generator = random.Random(seed)
    accepted = 0
    for _ in range(60):
        asked = [
            rule(
                generator.random() < 0.6,
                generator.choice("abccc"),
                generator.choice((None, 1, 7, 8)),
                generator.choice((None, 0, 1, 3)),
                "".join(generator.sample("rwm", generator.randint(1, 3))),
            )
            for _ in range(generator.randint(0, 5))
        ]
        rules = device_rules(asked)
        found, problems = v1_lines(rules)
        if problems:
            continue
        accepted += 1
        kernel = Kernel()
        for _, file, line in found:
            kernel.write(file, line)
        for type in "bc":
            for major in (1, 7, 8, 136):
                for minor in (0, 1, 3):
                    for letter in "rwm":
                        meant = False
                        for entry in rules:
                            if (
                                entry.type in ("a", type)
                                and entry.major in (None, major)
                                and entry.minor in (None, minor)
                                and letter in entry.access
                            ):
                                meant = entry.allow
                        assert kernel.allows(type, major, minor, letter) is meant, (asked, type, major, minor, letter)
    assert accepted
