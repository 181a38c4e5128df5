"""config-linux.md: seccomp."""

from __future__ import annotations

from .. import Sentence

_SECCOMP = "tests/integration/test_seccomp.py::"
_COMPILE = "tests/unit/test_seccomp_compile.py::"
_BAD = "tests/unit/test_spec_load.py::test_load_refuses_a_bad_value_and_names_its_path"
_NO_LISTENER = "ocipy has no seccomp listener so far and refuses a config that asks for one, by name"
_LISTENER = "tests/unit/test_spec_unsupported.py::test_unsupported_names_a_property_of_linux"
_OPERATORS = (f"{_SECCOMP}test_operator_compares_whole_arguments", f"{_SECCOMP}test_MASKED_EQ")


def _listener(level: str, text: str) -> Sentence:
    return Sentence(level, text, _LISTENER, _NO_LISTENER)


SECCOMP = {
    "Seccomp": (
        Sentence(
            "OPTIONAL", "`seccomp`",
            (f"{_SECCOMP}test_without_a_profile_there_is_no_filter",
             f"{_SECCOMP}test_the_loaded_filter_does_the_same_as_runcs"),
        ),
        Sentence("REQUIRED", "`defaultAction`", (_BAD, f"{_SECCOMP}test_default_action")),
        Sentence(
            "OPTIONAL", "`defaultErrnoRet`; absent it is EPERM",
            (f"{_SECCOMP}test_defaultErrnoRet", f"{_SECCOMP}test_default_action"),
        ),
        Sentence("MUST", "`defaultErrnoRet` with an action that takes no errno is an error", _BAD),
        Sentence(
            "OPTIONAL", "`architectures`",
            (f"{_SECCOMP}test_a_listed_architecture_has_the_same_rules",
             f"{_SECCOMP}test_the_native_architecture_need_not_be_listed",
             f"{_COMPILE}test_a_profile_without_architectures_has_the_native_one"),
        ),
        Sentence("OPTIONAL", "`flags`", f"{_SECCOMP}test_flags_reach_the_kernel"),
        _listener("OPTIONAL", "`listenerPath`"),
        _listener("MUST", "the listener's socket is an AF_UNIX stream"),
        _listener("MUST", "exactly one container process state is sent on a connection"),
        _listener("MUST NOT", "a connection is used again"),
        _listener("MUST", "a connection is closed after the state"),
        _listener("MUST", "a state that cannot be sent is an error"),
        _listener("REQUIRED", "seccompFd among the descriptors: that of the filter"),
        _listener("OPTIONAL", "`listenerMetadata`, passed on as it is"),
        Sentence("MUST NOT", "`listenerMetadata` is set without `listenerPath`", _BAD),
        Sentence(
            "OPTIONAL", "`syscalls`", (f"{_SECCOMP}test_default_action",
                                       f"{_SECCOMP}test_init_ends_when_it_can_neither_execute_nor_say_so"),
        ),
        Sentence("REQUIRED", "`names` of a rule", _BAD),
        Sentence("MUST", "`names` has an entry at least", _BAD),
        Sentence("REQUIRED", "`action` of a rule", _BAD),
        Sentence(
            "OPTIONAL", "`errnoRet` of a rule; absent it is EPERM",
            (f"{_SECCOMP}test_ERRNO_gives_the_number", f"{_SECCOMP}test_ERRNO_without_a_number_is_EPERM"),
        ),
        Sentence("MUST", "`errnoRet` with an action that takes no errno is an error", _BAD),
        Sentence(
            "OPTIONAL", "`args` of a rule",
            (f"{_SECCOMP}test_comparisons_with_several_arguments_must_all_hold",
             f"{_SECCOMP}test_several_comparisons_with_one_argument_are_alternatives"),
        ),
        Sentence("REQUIRED", "`index` of an argument", _BAD),
        Sentence("REQUIRED", "`value` of an argument", _BAD),
        Sentence("OPTIONAL", "`valueTwo` of an argument", f"{_SECCOMP}test_MASKED_EQ"),
        Sentence("REQUIRED", "`op` of an argument", (_BAD, *_OPERATORS)),
    ),
    "The Container Process State": (
        _listener("MUST", "the state is sent over the socket as JSON, in the regular payload"),
        _listener("MUST", "the descriptors are sent by SCM_RIGHTS"),
        _listener("MAY", "the data are sent in several messages"),
        _listener("MUST", "of several messages only the first has the descriptors"),
        _listener("REQUIRED", "`ociVersion` of the state"),
        _listener("OPTIONAL", "`fds`: the names of the descriptors"),
        _listener("REQUIRED", "`pid`, as the runtime sees it"),
        _listener("OPTIONAL", "`metadata`"),
        _listener("REQUIRED", "`state` of the container"),
    ),
}
