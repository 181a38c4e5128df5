"""config-linux.md: seccomp."""

from __future__ import annotations

from .. import Sentence

_NO_SECCOMP = "ocipy has no seccomp so far and refuses a config that asks for it, by name"
_REFUSED = "tests/security/test_refused_features.py::test_sec_2019_9893_seccomp_is_never_ignored"
_SCHEMA = "tests/unit/test_validate.py::test_the_config_schema_refuses_a_bad_value_in_what_the_loader_keeps_untyped"


def _not_yet(level: str, text: str, *holds: str) -> Sentence:
    return Sentence(level, text, (_REFUSED, *holds), _NO_SECCOMP + ("; `ocipy validate` checks it" if holds else ""))


SECCOMP = {
    "Seccomp": (
        _not_yet("OPTIONAL", "`seccomp`"),
        _not_yet("REQUIRED", "`defaultAction`", _SCHEMA),
        _not_yet("OPTIONAL", "`defaultErrnoRet`; absent it is EPERM"),
        _not_yet("MUST", "`defaultErrnoRet` with an action that takes no errno is an error", _SCHEMA),
        _not_yet("OPTIONAL", "`architectures`", _SCHEMA),
        _not_yet("OPTIONAL", "`flags`", _SCHEMA),
        _not_yet("OPTIONAL", "`listenerPath`"),
        _not_yet("MUST", "the listener's socket is an AF_UNIX stream"),
        _not_yet("MUST", "exactly one container process state is sent on a connection"),
        _not_yet("MUST NOT", "a connection is used again"),
        _not_yet("MUST", "a connection is closed after the state"),
        _not_yet("MUST", "a state that cannot be sent is an error"),
        _not_yet("REQUIRED", "seccompFd among the descriptors: that of the filter"),
        _not_yet("OPTIONAL", "`listenerMetadata`, passed on as it is"),
        _not_yet("MUST NOT", "`listenerMetadata` is set without `listenerPath`", _SCHEMA),
        _not_yet("OPTIONAL", "`syscalls`"),
        _not_yet("REQUIRED", "`names` of a rule"),
        _not_yet("MUST", "`names` has an entry at least", _SCHEMA),
        _not_yet("REQUIRED", "`action` of a rule"),
        _not_yet("OPTIONAL", "`errnoRet` of a rule; absent it is EPERM"),
        _not_yet("MUST", "`errnoRet` with an action that takes no errno is an error", _SCHEMA),
        _not_yet("OPTIONAL", "`args` of a rule"),
        _not_yet("REQUIRED", "`index` of an argument", _SCHEMA),
        _not_yet("REQUIRED", "`value` of an argument"),
        _not_yet("OPTIONAL", "`valueTwo` of an argument"),
        _not_yet("REQUIRED", "`op` of an argument", _SCHEMA),
    ),
    "The Container Process State": (
        _not_yet("MUST", "the state is sent over the socket as JSON, in the regular payload"),
        _not_yet("MUST", "the descriptors are sent by SCM_RIGHTS"),
        _not_yet("MAY", "the data are sent in several messages"),
        _not_yet("MUST", "of several messages only the first has the descriptors"),
        _not_yet("REQUIRED", "`ociVersion` of the state"),
        _not_yet("OPTIONAL", "`fds`: the names of the descriptors"),
        _not_yet("REQUIRED", "`pid`, as the runtime sees it"),
        _not_yet("OPTIONAL", "`metadata`"),
        _not_yet("REQUIRED", "`state` of the container"),
    ),
}
