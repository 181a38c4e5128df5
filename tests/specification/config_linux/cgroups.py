"""config-linux.md: control groups and their limits."""

from __future__ import annotations

from .. import Sentence

_CGROUP = "tests/integration/test_cgroup.py::"
_PLAN = "tests/unit/test_cgroup_plan.py::"
_ROOM = "tests/integration/test_cgroup_room.py::"
_RULES = "tests/unit/test_cgroup_devices.py::"
_LOADER = "tests/unit/test_spec_load.py::"
_BAD = f"{_LOADER}test_load_refuses_a_bad_value_and_names_its_path"
_GOOD = f"{_LOADER}test_load_takes_a_good_value"
_WRITES = f"{_PLAN}test_limits_become_writes_with_the_property_that_asks"
_NOT_ON_V2 = f"{_PLAN}test_what_cannot_be_converted_for_v2_is_refused_by_name"
_DELEGATION = f"{_ROOM}test_delegation_gives_the_directory_and_the_files_of_the_kernels_list_and_no_others"
_OWNER_V2 = f"{_CGROUP}test_user_owns_its_writable_cgroup_v2"
_THROTTLES = f"{_CGROUP}test_block_device_throttles_v1"

CGROUPS = {
    "Control groups": (
        Sentence(
            "MAY", "an operation checks whether the cgroup is fit for it",
            (f"{_CGROUP}test_cgroup_that_another_container_uses_is_refused",
             f"{_CGROUP}test_frozen_cgroup_is_refused"),
        ),
        Sentence(
            "MUST", "a cgroup that is not fit, frozen or not empty for create, is an error",
            (f"{_CGROUP}test_cgroup_that_another_container_uses_is_refused",
             f"{_CGROUP}test_frozen_cgroup_is_refused",
             f"{_ROOM}test_create_refuses_a_cgroup_with_a_process_and_leaves_it",
             f"{_ROOM}test_create_refuses_a_frozen_cgroup_and_names_it"),
        ),
    ),
    "Cgroups Path": (
        Sentence(
            "OPTIONAL", "`cgroupsPath`", f"{_CGROUP}test_container_has_a_cgroup_of_its_own_in_every_hierarchy"
        ),
        Sentence(
            "MUST", "the path is absolute or relative",
            (f"{_CGROUP}test_absolute_path_is_below_the_mount",
             f"{_CGROUP}test_relative_path_is_below_the_callers_own_cgroup"),
        ),
        Sentence(
            "MUST", "an absolute path is taken from the cgroup mount point",
            (f"{_CGROUP}test_absolute_path_is_below_the_mount",
             f"{_PLAN}test_absolute_path_is_below_every_mount_of_v1",
             f"{_PLAN}test_absolute_path_on_v2_is_below_the_mount"),
        ),
        Sentence(
            "MAY", "a relative path is taken from a place that the runtime chooses",
            f"{_CGROUP}test_relative_path_is_below_the_callers_own_cgroup",
            "below the caller's own cgroup, on v2 beside it",
        ),
        Sentence(
            "MUST", "the same path leads to the same place each time",
            f"{_CGROUP}test_the_same_path_is_the_same_cgroup_each_time",
        ),
        Sentence(
            "MAY", "without a path the runtime chooses one",
            (f"{_CGROUP}test_container_has_a_cgroup_of_its_own_in_every_hierarchy",
             f"{_PLAN}test_absent_path_is_the_id_below_the_callers_own_cgroup_on_v1",
             f"{_PLAN}test_absent_path_is_beside_the_callers_own_cgroup_on_v2"),
        ),
        Sentence(
            "MAY", "certain paths are invalid",
            (f"{_CGROUP}test_path_that_leaves_the_hierarchy_is_refused",
             f"{_PLAN}test_path_that_names_no_cgroup_of_its_own_is_refused",
             f"{_PLAN}test_path_with_control_characters_is_refused"),
        ),
        Sentence(
            "MUST", "an invalid path is an error", f"{_CGROUP}test_path_that_leaves_the_hierarchy_is_refused"
        ),
        Sentence(
            "MAY", "the process is attached to more controllers than the limits need",
            f"{_CGROUP}test_container_has_a_cgroup_of_its_own_in_every_hierarchy",
        ),
    ),
    "Cgroup ownership": (
        Sentence(
            "MAY", "the owner of the cgroup becomes the host's user of `process.user.uid`",
            (_OWNER_V2,
             f"{_PLAN}test_the_user_owns_a_cgroup_of_v2_that_is_mounted_writable_in_a_new_namespace"),
        ),
        Sentence(
            "SHOULD NOT", "the owner is changed on cgroup v1",
            f"{_PLAN}test_the_owner_of_a_cgroup_is_not_changed_on_v1",
        ),
        Sentence(
            "SHOULD NOT", "the owner is changed without a new cgroup namespace",
            f"{_PLAN}test_the_owner_of_a_cgroup_is_not_changed_without_a_new_cgroup_namespace",
        ),
        Sentence(
            "SHOULD", "the owner is changed if, and only if, the source cgroup is mounted on /sys/fs/cgroup without ro",
            (f"{_PLAN}test_the_user_owns_a_cgroup_of_v2_that_is_mounted_writable_in_a_new_namespace",
             f"{_CGROUP}test_read_only_cgroup_v2_stays_roots", _OWNER_V2),
        ),
        Sentence(
            "SHOULD NOT", "the owner is changed without such a mount",
            f"{_PLAN}test_the_owner_of_a_cgroup_is_not_changed_without_its_writable_mount",
        ),
        Sentence(
            "SHOULD", "only the directory, and its files that /sys/kernel/cgroup/delegate lists, change the owner",
            (_DELEGATION, _OWNER_V2),
        ),
        Sentence("MUST NOT", "a listed file that the cgroup lacks is an error", _DELEGATION),
        Sentence("SHOULD", "the listed files that are there change the owner", (_DELEGATION, _OWNER_V2)),
        Sentence(
            "MUST", "without that list it is cgroup.procs, cgroup.subtree_control and cgroup.threads",
            f"{_ROOM}test_a_kernel_without_a_list_delegates_the_files_of_the_specification",
        ),
        Sentence("SHOULD NOT", "any other file changes the owner", (_DELEGATION, _OWNER_V2)),
    ),
    "Allowed Device list": (
        Sentence(
            "OPTIONAL", "`devices`",
            (f"{_CGROUP}test_devices_are_closed_but_for_the_default_ones",
             f"{_CGROUP}test_allowed_device_can_be_opened_as_the_rule_says"),
        ),
        Sentence(
            "MUST", "the entries are applied in their order",
            (f"{_CGROUP}test_order_of_device_rules_counts",
             f"{_ROOM}test_rules_of_the_configuration_lead_the_list_of_v1_in_their_order",
             f"{_RULES}test_the_kernel_ends_up_with_the_plain_meaning_of_random_rules_or_they_are_refused"),
            "the default devices are allowed after them; on v1 a rule that the kernel cannot express is refused",
        ),
        Sentence("REQUIRED", "`allow`", _BAD),
        Sentence(
            "OPTIONAL", "`type`: a, c or b; absent means all",
            (_GOOD, f"{_CGROUP}test_devices_are_closed_but_for_the_default_ones"),
        ),
        Sentence(
            "OPTIONAL", "`major`, `minor`; absent means all",
            (_GOOD, f"{_CGROUP}test_allowed_device_can_be_opened_as_the_rule_says"),
        ),
        Sentence(
            "OPTIONAL", "`access`: of r, w and m", f"{_CGROUP}test_allowed_device_can_be_opened_as_the_rule_says"
        ),
    ),
    "Memory": (
        Sentence("OPTIONAL", "`memory`", f"{_CGROUP}test_memory_limits"),
        Sentence(
            "OPTIONAL", "`limit`",
            (f"{_CGROUP}test_memory_limits", "tests/integration/test_demos.py::test_memory_limit_is_never_exceeded"),
        ),
        Sentence("OPTIONAL", "`reservation`", f"{_CGROUP}test_memory_limits"),
        Sentence("OPTIONAL", "`swap`: memory and swap together", (f"{_CGROUP}test_memory_v1", _WRITES)),
        Sentence(
            "OPTIONAL", "`kernel`", (f"{_CGROUP}test_kernel_memory_is_a_warning", _NOT_ON_V2),
            "not recommended; the kernel has had no such limit since 5.16: a warning on v1, an error on v2",
        ),
        Sentence(
            "OPTIONAL", "`kernelTCP`", (f"{_CGROUP}test_memory_v1", _NOT_ON_V2), "not recommended; an error on v2"
        ),
        Sentence(
            "OPTIONAL", "`swappiness`, 0 to 100", (f"{_CGROUP}test_memory_v1", _BAD, _NOT_ON_V2), "an error on v2"
        ),
        Sentence(
            "OPTIONAL", "`disableOOMKiller`", (f"{_CGROUP}test_oom_killer_can_be_disabled_v1", _NOT_ON_V2),
            "an error on v2",
        ),
        Sentence("OPTIONAL", "`useHierarchy`", (f"{_CGROUP}test_memory_v1", _WRITES), "v2 always accounts so"),
        Sentence("OPTIONAL", "`checkBeforeUpdate`", _WRITES),
        Sentence(
            "MAY", "with it, a limit is compared with the present usage", (_WRITES,), "on v2; on v1 the kernel does it"
        ),
        Sentence(
            "MUST", "with it, a limit below the usage is refused",
            f"{_ROOM}test_a_limit_below_the_usage_is_refused_when_asked_to_check",
        ),
    ),
    "CPU": (
        Sentence("OPTIONAL", "`cpu`", (f"{_CGROUP}test_cpu_v1", f"{_CGROUP}test_cpu_v2")),
        Sentence(
            "OPTIONAL", "`shares`",
            (f"{_CGROUP}test_cpu_v1", _WRITES,
             f"{_PLAN}test_shares_keep_minimum_default_and_maximum_as_weight"),
        ),
        Sentence(
            "OPTIONAL", "`quota`",
            (f"{_CGROUP}test_cpu_v1", f"{_CGROUP}test_cpu_v2",
             "tests/integration/test_demos.py::test_cpu_quota_holds_a_busy_program_at_its_share"),
        ),
        Sentence("MUST", "a positive `quota` is no smaller than `burst`", (_BAD, _GOOD)),
        Sentence("MAY", "a `quota` below `burst` is an error", _BAD, "it is one, before the kernel is asked"),
        Sentence("OPTIONAL", "`burst`", (f"{_CGROUP}test_cpu_v1", f"{_CGROUP}test_cpu_v2")),
        Sentence("MUST", "`burst` is no larger than a positive `quota`", (_BAD, _GOOD)),
        Sentence("MAY", "a `burst` above `quota` is an error", _BAD, "it is one, before the kernel is asked"),
        Sentence("OPTIONAL", "`period`", (f"{_CGROUP}test_cpu_v1", f"{_CGROUP}test_cpu_v2")),
        Sentence("OPTIONAL", "`realtimeRuntime`", (_WRITES, _NOT_ON_V2), "an error on v2"),
        Sentence("OPTIONAL", "`realtimePeriod`", (_WRITES, _NOT_ON_V2), "an error on v2"),
        Sentence("OPTIONAL", "`cpus`", f"{_CGROUP}test_cpuset"),
        Sentence("OPTIONAL", "`mems`", f"{_CGROUP}test_cpuset"),
        Sentence("OPTIONAL", "`idle`: 0 or 1", (f"{_CGROUP}test_cpu_v1", f"{_CGROUP}test_cpu_v2", _BAD)),
    ),
    "Block IO": (
        Sentence("OPTIONAL", "`blockIO`", _THROTTLES),
        Sentence("OPTIONAL", "`weight`", (_WRITES, f"{_PLAN}test_block_weight_keeps_minimum_and_maximum")),
        Sentence("OPTIONAL", "`leafWeight`", (_WRITES, _NOT_ON_V2), "an error on v2"),
        Sentence("OPTIONAL", "`weightDevice`", _WRITES),
        Sentence("REQUIRED", "`major` and `minor` of a `weightDevice`", _BAD),
        Sentence("OPTIONAL", "`weight` of a `weightDevice`", (_WRITES, _GOOD)),
        Sentence("OPTIONAL", "`leafWeight` of a `weightDevice`", (_GOOD, _NOT_ON_V2), "an error on v2"),
        Sentence("MUST", "a `weightDevice` has `weight` or `leafWeight`", _BAD),
        Sentence("MAY", "a `weightDevice` has both", _GOOD),
        Sentence("OPTIONAL", "`throttleReadBpsDevice`, `throttleWriteBpsDevice`", (_THROTTLES, _WRITES)),
        Sentence("REQUIRED", "`major` and `minor` of their entries", _BAD),
        Sentence("REQUIRED", "`rate` of their entries", _BAD),
        Sentence("OPTIONAL", "`throttleReadIOPSDevice`, `throttleWriteIOPSDevice`", (_THROTTLES, _WRITES)),
        Sentence("REQUIRED", "`major` and `minor` of their entries", _BAD),
        Sentence("REQUIRED", "`rate` of their entries", _BAD),
    ),
    "Huge page limits": (
        Sentence("OPTIONAL", "`hugepageLimits`: reservations", (_WRITES, f"{_CGROUP}test_hugepage_limit_v1")),
        Sentence(
            "should", "a kernel that does not account reservations limits the usage",
            f"{_PLAN}test_reservation_of_huge_pages_is_optional_because_older_kernels_lack_it",
        ),
        Sentence("REQUIRED", "`pageSize`", _BAD),
        Sentence(
            "must", "`pageSize` has the form of 64KB, 2MB or 1GB and is one that the kernel has",
            (_BAD, f"{_PLAN}test_a_page_size_that_is_no_size_never_becomes_a_file_name",
             f"{_ROOM}test_a_missing_file_is_an_error_unless_optional"),
        ),
        Sentence("REQUIRED", "`limit`", _BAD),
    ),
    "Network": (
        Sentence("OPTIONAL", "`network`", (_WRITES, _NOT_ON_V2), "an error on v2"),
        Sentence("OPTIONAL", "`classID`", (_WRITES, f"{_CGROUP}test_network_class_v1")),
        Sentence("OPTIONAL", "`priorities`", (_WRITES, f"{_CGROUP}test_network_priorities_v1")),
        Sentence("REQUIRED", "`name` of a priority", _BAD),
        Sentence("REQUIRED", "`priority` of a priority", _BAD),
    ),
    "PIDs": (
        Sentence("OPTIONAL", "`pids`", f"{_CGROUP}test_pids_limit"),
        Sentence(
            "OPTIONAL", "`limit`; -1 is no limit",
            (f"{_CGROUP}test_pids_limit", f"{_CGROUP}test_pids_without_a_limit_sets_none"),
        ),
        Sentence(
            "SHOULD", "0 is a limit like any other", f"{_CGROUP}test_pids_limit_of_zero_leaves_the_program_alone",
            "written as 1, which allows as little: the program is in the cgroup already",
        ),
    ),
    "RDMA": (
        Sentence("OPTIONAL", "`rdma`", _WRITES),
        Sentence("OPTIONAL", "`hcaHandles` of a device", (_WRITES, _GOOD)),
        Sentence("OPTIONAL", "`hcaObjects` of a device", (_WRITES, _GOOD)),
        Sentence("MUST", "a device has one of them", _BAD),
        Sentence("MAY", "a device has both", (_WRITES, _GOOD)),
    ),
    "Unified": (
        Sentence(
            "OPTIONAL", "`unified`",
            (f"{_CGROUP}test_unified_values_v2", f"{_PLAN}test_unified_values_come_last_and_win"),
        ),
        Sentence(
            "MUST", "the controllers that it needs are enabled for the cgroup",
            (f"{_PLAN}test_controllers_are_enabled_down_to_the_cgroup_before_any_limit_of_v2",
             f"{_CGROUP}test_unified_values_v2"),
        ),
        Sentence(
            "MUST", "what the runtime does not know is written to its file all the same",
            (f"{_PLAN}test_unified_writes_a_file_that_ocipy_does_not_know", f"{_CGROUP}test_unified_values_v2"),
        ),
        Sentence(
            "MUST", "a controller that is not there, or cannot be enabled, is an error",
            (f"{_PLAN}test_unified_refuses_a_controller_that_is_not_there",
             f"{_PLAN}test_unified_is_refused_without_v2",
             f"{_CGROUP}test_unified_value_of_a_missing_controller_is_refused_v2",
             f"{_ROOM}test_a_missing_file_is_an_error_unless_optional"),
            "one that cannot be enabled shows itself by its missing file",
        ),
        Sentence(
            "MAY", "limits in words of v1 are converted for v2",
            (_WRITES, f"{_PLAN}test_shares_keep_minimum_default_and_maximum_as_weight",
             f"{_PLAN}test_block_weight_keeps_minimum_and_maximum"),
        ),
        Sentence(
            "MUST", "a limit that cannot be converted is an error",
            (_NOT_ON_V2, f"{_CGROUP}test_what_v2_does_not_have_is_refused_by_name",
             f"{_PLAN}test_swap_without_a_limit_is_refused_on_v2",
             f"{_PLAN}test_what_asks_for_nothing_is_no_error_on_v2"),
        ),
    ),
}
