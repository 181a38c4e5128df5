"""config-linux.md: Intel RDT and memory policy, which ocipy refuses; and sysctl."""

from __future__ import annotations

from .. import Sentence

_NO_RDT = "ocipy has no Intel RDT and refuses a config that asks for it, by name"
_RDT = (
    "tests/security/test_refused_features.py::test_sec_other_properties_are_never_ignored",
    "tests/unit/test_spec_unsupported.py::test_unsupported_names_a_property_of_linux",
)
_SCHEMA = "tests/unit/test_validate.py::test_the_config_schema_refuses_a_bad_value_of_a_rare_object"
_NO_POLICY = "ocipy sets no memory policy and refuses a config that asks for one, by name"
_SYSCTL = "tests/integration/test_sysctl.py::"


def _rdt(level: str, text: str) -> Sentence:
    return Sentence(level, text, _RDT, _NO_RDT)


RESCTRL = {
    "IntelRdt": (
        _rdt("OPTIONAL", "`intelRdt`"),
        _rdt("MUST", "the pid of the container is written to `tasks` of the directory of its class"),
        _rdt("MUST", "a host without a mounted resctrl is an error"),
        Sentence(
            "MUST NOT", "without `intelRdt` a resctrl is touched",
            "tests/security/test_refused_features.py::test_sec_no_resctrl_is_touched_when_none_is_asked_for",
        ),
        _rdt("OPTIONAL", "`closID`"),
        _rdt("MUST", "`closID` / puts the container into the default class"),
        _rdt("OPTIONAL", "`l3CacheSchema`"),
        _rdt("SHOULD", "`l3CacheSchema` begins with L3:"),
        _rdt("SHOULD NOT", "`l3CacheSchema` has newlines"),
        _rdt("OPTIONAL", "`memBwSchema`"),
        Sentence("MUST", "`memBwSchema` begins with MB:", (*_RDT, _SCHEMA), _NO_RDT + "; `ocipy validate` checks it"),
        _rdt("MUST NOT", "`memBwSchema` has newlines"),
        _rdt("OPTIONAL", "`schemata`"),
        Sentence("MUST NOT", "a line of `schemata` has newlines", (*_RDT, _SCHEMA), _NO_RDT + "; `ocipy validate` "
                 "checks it"),
        _rdt("OPTIONAL", "`enableMonitoring`"),
        _rdt("MUST", "the rules that follow are applied"),
        _rdt("MUST", "with both `l3CacheSchema` and `memBwSchema`, both are written to the class's schemata file"),
        _rdt("MUST", "of the two, `l3CacheSchema` is written first"),
        _rdt("MUST", "with one of the two, it is written"),
        _rdt("MUST", "`schemata` is written"),
        _rdt("must", "`schemata` is written after the two"),
        _rdt("MUST NOT", "with none of the three, a schemata file is written"),
        _rdt("MUST", "without `closID` a directory of the container's id is made"),
        _rdt("MUST", "with `closID` and a schema, a directory that is absent is made"),
        _rdt("MUST", "with `closID` and a schema, one that is there is compared, and a difference is an error"),
        _rdt("MUST", "with `closID` alone it is checked whether the directory is there"),
        _rdt("MUST", "with `closID` alone the container is put into it, and its absence is an error"),
        _rdt("MUST", "a directory that the runtime made is removed with the container, if `closID` is not set"),
        _rdt("MUST NOT", "any other directory is removed"),
        _rdt("MUST", "with `enableMonitoring` a MON group is made"),
        _rdt("MUST", "the MON group has the container's id as name"),
        _rdt("MUST", "the MON group is removed with the container"),
        _rdt("MUST", "a MON group that cannot be made is an error"),
    ),
    "Memory policy": (
        Sentence("OPTIONAL", "`memoryPolicy`", _RDT, _NO_POLICY),
        Sentence("REQUIRED", "`mode`", (*_RDT, _SCHEMA), _NO_POLICY + "; `ocipy validate` checks it"),
        Sentence("OPTIONAL", "`nodes`", _RDT, _NO_POLICY),
        Sentence("OPTIONAL", "`flags`", _RDT, _NO_POLICY),
    ),
    "Sysctl": (
        Sentence(
            "OPTIONAL", "`sysctl`",
            (f"{_SYSCTL}test_sysctl_is_set_inside_and_not_outside", f"{_SYSCTL}test_sysctl_of_the_host_is_refused",
             f"{_SYSCTL}test_sysctl_without_its_namespace_is_refused"),
            "only what a namespace of the container holds",
        ),
    ),
}
