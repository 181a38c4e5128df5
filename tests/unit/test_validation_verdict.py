"""The verdict of conformance/runtime-tools on the output of a test of the suite. The samples are real, shortened."""

import importlib.util
import sys
from pathlib import Path

import pytest

FILE = Path(__file__).resolve().parents[2] / "conformance/runtime-tools/judge.py"


@pytest.fixture(scope="module")
def judge():
    spec = importlib.util.spec_from_file_location("runtime_tools_judge", FILE)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclass looks its module up
    spec.loader.exec_module(module)
    yield module.judge
    del sys.modules[spec.name]


PIDS = """\
TAP version 13
ok 1 - find pids cgroup
ok 2 - get pids cgroup data
ok 3 - pids limit is set correctly
# expect: 1000, actual: 1000
1..3
"""
STATE = """\
TAP version 13
ok 1 - state MUST generate an error if it is not provided the ID of a container Refer to: https://a/runtime.md
  ---
  {"error":"exit status 1","reference":"https://a/runtime.md","stderr":"\\"state\\" requires exactly 1 argument(s)\\n"}
  ...
"""
PRESTART = """\
TAP version 13
  ---
  {"error":"Pre-start hooks MUST be called after the `start` operation is called\\nRefer to: https://a/config.md"}
  ...
1..0
"""
HOSTNAME = """\
TAP version 13
  ---
  {"stderr":"","stdout":"TAP version 13\\nok 1 - # SKIP hostname not set\\nok 2 - has expected user ID\\n1..2\\n"}
  ...
ok 1 - check hostname ""
1..1
"""
GETCWD = """\
TAP version 13
  ---
  {"stderr":"msg=\\"getwd: operation not permitted\\"\\n","stdout":"TAP version 13\\nok 1 - has hostname\\n"}
  ...
ok 1 -\x20
ok 2 - seccomp action is added correctly
1..2
"""
REFUSED = """\
failed to create the container
runc create failed: wrong rlimit value: RLIMIT_TEST
exit status 1
"""


def test_assertions_that_hold_and_fit_their_plan_pass(judge):
    assert judge("linux_cgroups_pids", 0, PIDS, "") == ("passed", "")


def test_several_streams_pass_when_all_of_their_plans_fit(judge):
    assert judge("linux_cgroups_cpus", 0, PIDS + PIDS, "") == ("passed", "")


def test_first_assertion_that_does_not_hold_is_told(judge):
    output = PIDS.replace("ok 2", "not ok 2").replace("ok 3", "not ok 3")
    assert judge("linux_cgroups_pids", 0, output, "") == ("failed", "get pids cgroup data")


def test_assertion_that_is_to_do_may_fail(judge):
    output = "TAP version 13\nok 1 - one\nnot ok 2 - we need an (r)bind spec to test against # TODO\n1..2\n"
    assert judge("mounts", 0, output, "") == ("passed", "")


def test_output_without_a_plan_fails(judge):
    assert judge("linux_cgroups_pids", 0, PIDS.replace("1..3\n", ""), "")[0] == "failed"


def test_output_shorter_than_its_plan_fails(judge):
    output = PIDS.replace("ok 3 - pids limit is set correctly\n", "")
    assert judge("linux_cgroups_pids", 0, output, "") == ("failed", "2 assertions, 3 planned in 1 plans")


def test_plan_of_nothing_fails_where_the_test_has_assertions(judge):
    assert judge("linux_cgroups_pids", 0, "TAP version 13\n1..0\n", "") == ("failed", "asserted nothing")


def test_all_skipped_is_skipped(judge):
    output = "TAP version 13\n1..1\nok 1 - # SKIP linux-specific process.capabilities test\n"
    assert judge("process_capabilities", 0, output, "") == ("skipped", "")


def test_error_that_explains_an_assertion_is_no_failure(judge):
    assert judge("state", 0, STATE + "1..1\n", "") == ("passed", "")


def test_error_that_takes_the_place_of_an_assertion_fails(judge):
    output = STATE + '  ---\n  {"error":"the format MUST adhere to the default pattern"}\n  ...\n1..1\n'
    assert judge("state", 0, output, "") == ("failed", "the format MUST adhere to the default pattern")


def test_error_of_a_test_of_hooks_fails_though_its_plan_is_nothing(judge):
    words = "Pre-start hooks MUST be called after the `start` operation is called"
    assert judge("prestart", 0, PRESTART, "") == ("failed", words)


def test_test_of_hooks_that_has_no_complaint_passes(judge):
    assert judge("prestart_fail", 0, "TAP version 13\n1..0\n", REFUSED) == ("passed", "")


def test_test_of_hooks_that_ends_before_its_plan_fails(judge):
    assert judge("poststart_fail", 0, "TAP version 13\n", "")[0] == "failed"


def test_program_of_the_container_that_came_to_its_end_passes(judge):
    assert judge("hostname", 0, HOSTNAME, "") == ("passed", "")


@pytest.mark.parametrize("before", ["", "ok 1 - hostname is set correctly\n"])
def test_program_of_the_container_that_said_nothing_fails(judge, before):
    output = 'TAP version 13\n' + before + '  ---\n  {"stderr":"Killed\\n","stdout":""}\n  ...\nok 1 - \n1..1\n'
    output = output.replace("1..1", "1..2") if before else output
    assert judge("hostname", 0, output, "") == ("failed", "the container's program did not come to its end: Killed")


def test_program_that_dies_of_a_denied_call_passes_where_the_profile_denies_it(judge):
    assert judge("linux_seccomp", 0, GETCWD, "") == ("passed", "")
    assert judge("hostname", 0, GETCWD, "")[0] == "failed"


def test_program_that_makes_a_denied_call_fails(judge):
    assert judge("linux_seccomp", 0, HOSTNAME, "")[0] == "failed"


def test_silence_passes_only_where_the_runtime_has_to_refuse(judge):
    assert judge("process_rlimits_fail", 0, "", REFUSED) == ("passed", "")
    assert judge("process_rlimits", 0, "", "")[0] == "failed"


def test_runtime_that_accepts_what_it_has_to_refuse_fails(judge):
    verdict = judge("process_capabilities_fail", 1, PIDS, "Any value which cannot be mapped MUST cause an error\n")
    assert verdict == ("failed", "Any value which cannot be mapped MUST cause an error")


def test_exit_status_fails_and_the_words_of_the_runtime_are_told(judge):
    assert judge("process", 1, "", REFUSED) == ("failed", "runc create failed: wrong rlimit value: RLIMIT_TEST")
    assert judge("process", 1, PIDS, "") == ("failed", "exit status 1")


def test_empty_words_of_an_assertion_give_way_to_those_of_the_runtime(judge):
    output = "TAP version 13\nnot ok 1 - exit status 1\n1..1\n"
    assert judge("mounts", 0, output, REFUSED) == ("failed", "runc create failed: wrong rlimit value: RLIMIT_TEST")
