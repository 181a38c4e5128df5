"""features-linux.md."""

from __future__ import annotations

from . import Document, Sentence

_FEATURES = "tests/unit/test_features.py::"
_ENABLED = f"{_FEATURES}test_features_says_enabled_exactly_for_what_is_not_refused"
_ALL_SAID = f"{_FEATURES}test_features_leaves_nothing_unsaid_but_what_goes_with_seccomp"
_NAMESPACES = f"{_FEATURES}test_features_lists_exactly_the_namespaces_that_are_supported"
_CAPABILITIES = f"{_FEATURES}test_features_lists_capabilities_that_are_recognized"
_RDMA = f"{_FEATURES}test_features_says_rdma_because_both_versions_of_cgroups_get_its_limits"
_POLICY = f"{_FEATURES}test_features_lists_no_memory_policy_because_each_is_refused"
_SYSTEMD = "tests/security/test_refused_features.py::test_sec_crun_1_24_systemd_manager_is_never_ignored"
_LISTS = f"{_FEATURES}test_features_lists_of_seccomp_what_a_config_can_have"
_FLAGS = f"{_FEATURES}test_features_lists_the_flags_of_seccomp_that_the_kernel_has"
_NO_LISTENER = f"{_FEATURES}test_features_lists_no_part_of_the_seccomp_listener"
_OFF = f"{_FEATURES}test_features_says_that_seccomp_is_off_without_libseccomp"


DOCUMENT = Document(
    "features-linux.md",
    {
        "Namespaces": (
            Sentence("OPTIONAL", "`namespaces`", _NAMESPACES),
            Sentence(
                "MUST", "each listed type is recognized",
                (_NAMESPACES, "tests/integration/test_namespaces.py::test_a_new_namespace_differs_from_the_hosts"),
            ),
        ),
        "Capabilities": (
            Sentence("OPTIONAL", "`capabilities`", f"{_FEATURES}test_features_lists_all_capabilities"),
            Sentence("MUST", "each listed capability is recognized", _CAPABILITIES),
        ),
        "Cgroup": (
            Sentence("OPTIONAL", "`cgroup`", _ALL_SAID),
            Sentence(
                "OPTIONAL", "`v1`",
                (_RDMA, "tests/unit/test_cgroup_plan.py::test_limits_become_writes_with_the_property_that_asks"),
            ),
            Sentence(
                "OPTIONAL", "`v2`",
                (_RDMA, "tests/unit/test_cgroup_plan.py::test_limits_become_writes_with_the_property_that_asks"),
            ),
            Sentence(
                "OPTIONAL", "`systemd`", (f"{_FEATURES}test_features_says_systemd_exactly_where_libsystemd_is", _SYSTEMD)
            ),
            Sentence(
                "OPTIONAL", "`systemdUser`",
                (f"{_FEATURES}test_features_says_systemd_exactly_where_libsystemd_is", _SYSTEMD),
            ),
            Sentence("OPTIONAL", "`rdma`", _RDMA),
        ),
        "Seccomp": (
            Sentence("OPTIONAL", "`seccomp`", (_LISTS, _OFF)),
            Sentence("OPTIONAL", "`enabled`", (_LISTS, _OFF)),
            Sentence("OPTIONAL", "`actions`", (_LISTS, _NO_LISTENER)),
            Sentence("MUST", "each listed action is recognized", _LISTS),
            Sentence("OPTIONAL", "`operators`", _LISTS),
            Sentence("MUST", "each listed operator is recognized", _LISTS),
            Sentence("OPTIONAL", "`archs`", _LISTS, "those that the libseccomp of the host can compile for"),
            Sentence("MUST", "each listed architecture is recognized", _LISTS),
            Sentence("OPTIONAL", "`knownFlags`", (_LISTS, _NO_LISTENER)),
            Sentence("MUST", "each listed flag is recognized", _LISTS),
            Sentence("OPTIONAL", "`supportedFlags`", (_LISTS, _FLAGS)),
            Sentence(
                "MUST", "each of them is recognized and supported",
                (_FLAGS, "tests/integration/test_seccomp.py::test_flags_reach_the_kernel"),
            ),
        ),
        "AppArmor": (
            Sentence("OPTIONAL", "`apparmor`", _ENABLED),
            Sentence("OPTIONAL", "`enabled`", _ENABLED),
        ),
        "SELinux": (
            Sentence("OPTIONAL", "`selinux`", _ENABLED),
            Sentence("OPTIONAL", "`enabled`", _ENABLED),
        ),
        "MemoryPolicy": (
            Sentence("OPTIONAL", "`memoryPolicy`", _POLICY),
            Sentence("OPTIONAL", "`modes`", _POLICY),
            Sentence("MUST", "each listed mode is recognized", _POLICY, "none is listed"),
            Sentence("OPTIONAL", "`flags`", _POLICY),
            Sentence("MUST", "each listed flag is recognized", _POLICY, "none is listed"),
        ),
        "Intel RDT": (
            Sentence("OPTIONAL", "`intelRdt`", _ENABLED),
            Sentence("OPTIONAL", "`enabled`", _ENABLED),
            Sentence("OPTIONAL", "`schemata`", f"{_FEATURES}test_features_says_nothing_of_resctrl_is_there"),
            Sentence("OPTIONAL", "`monitoring`", f"{_FEATURES}test_features_says_nothing_of_resctrl_is_there"),
        ),
        "MountExtensions": (
            Sentence("OPTIONAL", "`mountExtensions`", _ENABLED),
            Sentence("OPTIONAL", "`idmap`", _ENABLED),
            Sentence("OPTIONAL", "`enabled` of `idmap`", _ENABLED),
            Sentence(
                "MUST", "a runtime that supports a part of id-mapped mounts says true", _ENABLED,
                "ocipy supports no part: it refuses the mappings, and says false",
            ),
        ),
        "NetDevices": (
            Sentence("OPTIONAL", "`netDevices`", _ENABLED),
            Sentence("OPTIONAL", "`enabled`", _ENABLED),
        ),
    },
)
