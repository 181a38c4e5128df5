"""features.md."""

from __future__ import annotations

from . import Document, Sentence

_FEATURES = "tests/unit/test_features.py::"
_SCHEMA = f"{_FEATURES}test_features_schema_takes_absent_and_null_for_all_but_the_versions"
_ALL_SAID = f"{_FEATURES}test_features_leaves_nothing_unsaid_but_what_goes_with_seccomp"
_VERSIONS = f"{_FEATURES}test_features_versions_are_in_order_and_both_accepted"
_RUNS = "tests/integration/test_command_line.py::test_config_of_the_versions_that_features_names_runs"
_HOOKS = f"{_FEATURES}test_features_names_the_versions_and_the_six_hooks"
_OPTIONS = f"{_FEATURES}test_features_lists_mount_options_that_the_plan_knows"

DOCUMENT = Document(
    "features.md",
    {
        "Features Structure": (
            Sentence(
                "MAY", "the runtime gives a JSON document of what it implements",
                ("tests/integration/test_command_line.py::test_features_is_json_and_nothing_else",
                 f"{_FEATURES}test_features_is_valid"),
            ),
            Sentence(
                "SHOULD", "the document is fixed when the runtime is built, not when it runs",
                f"{_FEATURES}test_features_asks_nothing_of_the_host",
                "but for seccomp: what the libseccomp and the kernel that are there can do",
            ),
            Sentence("MAY", "all properties but the two versions are absent or null", _SCHEMA),
            Sentence(
                "MUST NOT", "null is mistaken for an empty value", (_SCHEMA, _ALL_SAID),
                "a duty of who reads; ocipy says everything, and what it has none of as an empty array",
            ),
        ),
        "Specification version": (
            Sentence("REQUIRED", "`ociVersionMin`", (_HOOKS, _SCHEMA)),
            Sentence("MUST", "a config of `ociVersionMin` is accepted", (_VERSIONS, _RUNS)),
            Sentence("REQUIRED", "`ociVersionMax`", (_HOOKS, _SCHEMA)),
            Sentence("MUST", "a config of `ociVersionMax` is accepted", (_VERSIONS, _RUNS)),
            Sentence("MUST NOT", "`ociVersionMax` is less than `ociVersionMin`", _VERSIONS),
            Sentence(
                "MUST NOT", "the document has a property that `ociVersionMax` does not define",
                f"{_FEATURES}test_features_has_no_property_beyond_the_specification",
            ),
        ),
        "Hooks": (
            Sentence("OPTIONAL", "`hooks`", _HOOKS),
            Sentence(
                "MUST", "each listed hook is supported",
                (_HOOKS, "tests/integration/test_hooks.py::test_hooks_run_in_the_order_of_the_lifecycle"),
            ),
        ),
        "Mount Options": (
            Sentence(
                "OPTIONAL", "`mountOptions`",
                f"{_FEATURES}test_features_lists_all_mount_options_of_the_specification_but_idmap",
            ),
            Sentence("MUST", "each listed option is recognized", _OPTIONS),
            Sentence("SHOULD NOT", "options of one file system alone are listed", _OPTIONS),
        ),
        "Platform-specific features": (
            Sentence("OPTIONAL", "`linux`", _ALL_SAID),
            Sentence("MAY", "`linux` is set by a runtime for Linux", _ALL_SAID),
        ),
        "Annotations": (
            Sentence("OPTIONAL", "`annotations`", f"{_FEATURES}test_features_tells_its_version"),
            Sentence(
                "MAY", "annotations are structured or not", f"{_FEATURES}test_features_tells_its_version",
                "one: the version of ocipy",
            ),
            Sentence(
                "MUST", "annotations are keys and values as in config.json: strings, no empty key",
                (f"{_FEATURES}test_features_is_valid", f"{_FEATURES}test_features_schema_refuses_bad_annotations"),
            ),
        ),
        "Unsafe annotations in config.json": (
            Sentence(
                "OPTIONAL", "`potentiallyUnsafeConfigAnnotations`",
                f"{_FEATURES}test_features_names_the_annotations_that_change_what_ocipy_does",
            ),
        ),
    },
)
