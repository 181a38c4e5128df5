"""runtime.md."""

from __future__ import annotations

from . import Document, Sentence

_CREATED_HOOKS = "the validation suite wants `created` in the hooks of create; the `state` command says `creating` meanwhile"
_DELETE_CREATED = "a created container is deleted without force as by runc: engines rely on it when they give up between create and start"

DOCUMENT = Document(
    "runtime.md",
    {
        "Scope of a Container": (
            Sentence(
                "MUST", "whoever created a container can use every operation on it",
                ("tests/integration/test_delete.py::test_delete_force_finishes_from_every_status",
                 "tests/integration/test_library.py::test_container_lives_and_ends_by_the_library_alone"),
            ),
        ),
        "State": (
            Sentence(
                "REQUIRED", "ociVersion: the version of the specification that the state complies with",
                ("tests/integration/test_state_list.py::test_state_of_a_created_container",
                 "tests/integration/test_hooks.py::test_state_is_on_the_standard_input"),
            ),
            Sentence("REQUIRED", "id: the id of the container", "tests/integration/test_state_list.py::test_state_of_a_created_container"),
            Sentence(
                "MUST", "the id is unique on this host",
                "tests/integration/test_create_start.py::test_second_create_with_an_id_in_use_is_refused_and_the_first_lives_on",
                "within a --root: containers of another state directory are another runtime's, as with runc",
            ),
            Sentence("REQUIRED", "status: what the container is doing", "tests/integration/test_state_list.py::test_state_of_a_created_container"),
            Sentence("MAY", "status is `creating` while the container is being made", "tests/integration/test_state_list.py::test_state_shows_the_container_while_it_is_creating"),
            Sentence("MAY", "status is `created` when create is done and the program has not begun", "tests/integration/test_create_start.py::test_create_does_not_run_the_program"),
            Sentence("MAY", "status is `running` when the program has begun and not ended", "tests/integration/test_state_list.py::test_state_of_a_running_container_differs_in_the_status_alone"),
            Sentence(
                "MAY", "status is `stopped` when the process has ended",
                ("tests/integration/test_state_list.py::test_state_of_a_stopped_container_has_pid_0",
                 "tests/integration/test_state_list.py::test_a_zombie_counts_as_stopped"),
            ),
            Sentence("MAY", "a runtime has further values of status", "tests/integration/test_delete.py::test_delete_force_finishes_when_the_container_is_frozen", "`paused`, as with runc"),
            Sentence("MUST", "further values stand for states that the listed ones do not cover", "tests/integration/test_delete.py::test_delete_force_finishes_when_the_container_is_frozen"),
            Sentence(
                "REQUIRED", "pid, when created or running on Linux",
                ("tests/integration/test_state_list.py::test_state_of_a_created_container",
                 "tests/integration/test_state_list.py::test_state_of_a_running_container_differs_in_the_status_alone"),
            ),
            Sentence(
                "REQUIRED", "a hook in the runtime's namespace gets the pid as the runtime sees it, one in the container's as the container does",
                "tests/integration/test_hooks.py::test_state_is_on_the_standard_input",
            ),
            Sentence(
                "REQUIRED", "bundle: absolute path of the bundle",
                ("tests/integration/test_state_list.py::test_state_of_a_created_container",
                 "tests/integration/test_hooks.py::test_state_is_on_the_standard_input"),
            ),
            Sentence("OPTIONAL", "annotations: those of config.json", "tests/integration/test_create_start.py::test_annotations_are_part_of_the_state"),
            Sentence("MAY", "without annotations the property is absent or empty", "tests/integration/test_state_list.py::test_state_without_annotations_has_no_empty_map"),
            Sentence("MAY", "the state has additional properties", "tests/integration/test_state_list.py::test_state_of_a_created_container", "rootfs, created and owner, as with runc"),
            Sentence(
                "MUST", "the JSON form of the state has these names and types",
                ("tests/integration/test_state_list.py::test_state_document_follows_the_schema_in_every_phase",
                 "tests/integration/test_hooks.py::test_state_on_the_standard_input_follows_the_schema"),
                _CREATED_HOOKS,
            ),
        ),
        "Lifecycle": (
            Sentence("MUST", "2: the environment is created as config.json says", ("tests/integration/test_namespaces.py::test_other_namespaces_are_as_asked_for",
                 "tests/integration/test_process.py::test_environment_is_that_of_the_config_and_no_more",
                 "tests/integration/test_rootfs.py::test_nothing_of_the_host_is_mounted_inside")),
            Sentence("MUST", "2: an environment that cannot be created is an error", "tests/integration/test_failed_create.py::test_failed_create_names_the_cause_and_leaves_nothing"),
            Sentence(
                "MUST", "2: the resources that config.json asks for are created",
                ("tests/integration/test_cgroup.py::test_container_has_a_cgroup_of_its_own_in_every_hierarchy",
                 "tests/integration/test_namespaces.py::test_a_new_namespace_differs_from_the_hosts",
                 "tests/integration/test_init_mounts.py::test_mounts_appear_in_the_order_of_the_config"),
            ),
            Sentence("MUST NOT", "2: the program runs during create", "tests/integration/test_create_start.py::test_create_does_not_run_the_program"),
            Sentence(
                "MUST NOT", "2: later changes of config.json affect the container",
                ("tests/integration/test_create_start.py::test_config_changed_after_create_has_no_effect",
                 "tests/integration/test_create_start.py::test_config_removed_after_create_has_no_effect"),
            ),
            Sentence("MAY", "2: the runtime offers further actions on a created container", "tests/integration/test_state_list.py::test_list_as_table_has_a_line_for_each_container"),
            Sentence("MUST", "3: the prestart hooks are invoked", "tests/integration/test_hooks.py::test_hooks_run_in_the_order_of_the_lifecycle"),
            Sentence(
                "MUST", "3: when one fails: an error, the container is stopped, destroyed, and the poststop hooks run",
                "tests/integration/test_hooks.py::test_failure_of_a_hook_in_create_leaves_nothing_but_runs_poststop",
            ),
            Sentence("MUST", "4: the createRuntime hooks are invoked", "tests/integration/test_hooks.py::test_hooks_run_in_the_order_of_the_lifecycle"),
            Sentence("MUST", "4: when one fails: as in 3", "tests/integration/test_hooks.py::test_failure_of_a_hook_in_create_leaves_nothing_but_runs_poststop"),
            Sentence("MUST", "5: the createContainer hooks are invoked", "tests/integration/test_hooks.py::test_hooks_run_in_the_order_of_the_lifecycle"),
            Sentence("MUST", "5: when one fails: as in 3", "tests/integration/test_hooks.py::test_failure_of_a_hook_in_create_leaves_nothing_but_runs_poststop"),
            Sentence("MUST", "7: the startContainer hooks are invoked", "tests/integration/test_hooks.py::test_hooks_run_in_the_order_of_the_lifecycle"),
            Sentence(
                "MUST", "7: when one fails: as in 3",
                ("tests/integration/test_hooks.py::test_failure_of_a_hook_in_start_destroys_the_container_and_runs_poststop",
                 "tests/integration/test_hooks.py::test_failure_of_start_container_keeps_the_program_from_running",
                 "tests/integration/test_hooks.py::test_hook_that_cannot_be_started_fails_as_one_that_ran",
                 "tests/integration/test_hooks.py::test_failure_of_a_hook_in_run_runs_poststop_once_and_leaves_nothing"),
            ),
            Sentence("MUST", "8: the program of process is run", "tests/integration/test_create_start.py::test_start_runs_the_program_as_the_process_that_create_made"),
            Sentence("MUST", "9: the poststart hooks are invoked", "tests/integration/test_hooks.py::test_program_runs_after_start_container_and_before_poststart"),
            Sentence(
                "MUST", "9: when one fails: as in 3 (until 1.2 a warning)",
                ("tests/integration/test_hooks.py::test_failure_of_a_hook_in_start_destroys_the_container_and_runs_poststop",
                 "tests/integration/test_hooks.py::test_failure_of_a_hook_in_run_runs_poststop_once_and_leaves_nothing"),
            ),
            Sentence(
                "MAY", "10: the process ends by an error, by itself, by a crash or by kill",
                ("tests/integration/test_run.py::test_exit_code_is_the_programs",
                 "tests/integration/test_run.py::test_exit_code_is_128_and_the_signal_that_ended_the_program",
                 "tests/integration/test_kill.py::test_kill_ends_a_container_that_was_never_started"),
            ),
            Sentence("MUST", "12: the container is destroyed: what create did is undone", "tests/integration/test_delete.py::test_delete_of_a_stopped_container_leaves_nothing"),
            Sentence("MUST", "13: the poststop hooks are invoked", "tests/integration/test_hooks.py::test_hooks_run_in_the_order_of_the_lifecycle"),
            Sentence("MUST", "13: when one fails: a warning, and the others run", "tests/integration/test_hooks.py::test_failure_of_poststop_is_a_warning_and_the_rest_run"),
        ),
        "Errors": (
            Sentence(
                "MUST", "an error leaves everything as if the operation had never been tried: start",
                ("tests/integration/test_refused_operations.py::test_start_of_a_running_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_start_of_a_stopped_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_start_of_a_missing_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_start_of_a_container_without_process_changes_nothing"),
                "a program that went away since create is found out by execve: the container is stopped then (test_failed_create.py)",
            ),
            Sentence(
                "MUST", "the same: kill",
                ("tests/integration/test_refused_operations.py::test_kill_of_a_stopped_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_kill_with_an_unknown_signal_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_kill_of_a_missing_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_kill_and_delete_while_it_is_creating_change_nothing"),
            ),
            Sentence(
                "MUST", "the same: delete",
                ("tests/integration/test_refused_operations.py::test_delete_of_a_running_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_delete_of_a_missing_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_kill_and_delete_while_it_is_creating_change_nothing"),
            ),
            Sentence("MUST", "the same: state", "tests/integration/test_refused_operations.py::test_state_of_a_missing_container_changes_nothing"),
            Sentence(
                "MUST", "the same: create",
                ("tests/integration/test_refused_operations.py::test_create_with_an_id_in_use_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_create_with_a_bad_id_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_create_with_a_bad_config_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_create_without_a_bundle_changes_nothing",
                 "tests/integration/test_failed_create.py::test_failed_create_names_the_cause_and_leaves_nothing"),
            ),
            Sentence(
                "MUST", "the same: what is no operation, or lacks the id",
                ("tests/integration/test_refused_operations.py::test_unknown_operation_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_operation_without_an_id_changes_nothing"),
            ),
        ),
        "Warnings": (
            Sentence(
                "MUST", "after a warning the operation goes on as if there had been none",
                ("tests/integration/test_capabilities.py::test_unknown_capability_is_a_warning",
                 "tests/integration/test_hooks.py::test_failure_of_poststop_is_a_warning_and_the_rest_run"),
            ),
        ),
        "Operations": (
            Sentence(
                "MUST", "state, create, start, kill and delete are there",
                ("tests/integration/test_state_list.py::test_state_of_a_created_container",
                 "tests/integration/test_create_start.py::test_create_does_not_run_the_program",
                 "tests/integration/test_kill.py::test_signal_is_a_number_or_a_name_in_any_case",
                 "tests/integration/test_delete.py::test_delete_of_a_stopped_container_leaves_nothing"),
            ),
        ),
        "Query State": (
            Sentence("MUST", "without an id: an error", "tests/integration/test_command_line.py::test_wrong_usage_is_one_line_and_exit_code_1"),
            Sentence("MUST", "of a container that does not exist: an error", "tests/integration/test_state_list.py::test_state_of_a_missing_container_says_does_not_exist"),
            Sentence("MUST", "gives the state as State has it", "tests/integration/test_state_list.py::test_state_document_follows_the_schema_in_every_phase"),
        ),
        "Create": (
            Sentence(
                "MUST", "without a bundle or an id: an error",
                ("tests/integration/test_command_line.py::test_wrong_usage_is_one_line_and_exit_code_1",
                 "tests/integration/test_refused_operations.py::test_create_without_a_bundle_changes_nothing"),
                "the bundle is the working directory when none is given, as with runc",
            ),
            Sentence(
                "MUST", "an id that is in use: an error",
                ("tests/integration/test_create_start.py::test_second_create_with_an_id_in_use_is_refused_and_the_first_lives_on",
                 "tests/integration/test_interrupted_create.py::test_two_creates_of_one_id_at_once_make_one_container"),
            ),
            Sentence("MUST", "an id that is not valid: an error", "tests/integration/test_create_start.py::test_an_id_that_is_no_plain_name_is_refused"),
            Sentence("MUST NOT", "in both cases a container is made", "tests/integration/test_refused_operations.py::test_create_with_an_id_in_use_changes_nothing"),
            Sentence("MUST", "a new container is made", "tests/integration/test_state_list.py::test_state_of_a_created_container"),
            Sentence(
                "MUST", "every property but process is applied",
                ("tests/integration/test_init_mounts.py::test_mounts_appear_in_the_order_of_the_config",
                 "tests/integration/test_namespaces.py::test_other_namespaces_are_as_asked_for",
                 "tests/integration/test_cgroup.py::test_memory_limits"),
            ),
            Sentence("MUST NOT", "process.args is applied before start", "tests/integration/test_create_start.py::test_create_does_not_run_the_program"),
            Sentence("MAY", "the rest of process is applied by create", "tests/integration/test_capabilities.py::test_init_that_waits_has_dropped_its_privileges", "all but the limits, which would bind ocipy"),
            Sentence(
                "MUST", "a property that cannot be applied: an error",
                ("tests/integration/test_failed_create.py::test_failed_create_names_the_cause_and_leaves_nothing",
                 "tests/integration/test_failed_create.py::test_property_that_is_not_supported_is_refused_by_its_path"),
            ),
            Sentence("MUST NOT", "then a container is made", "tests/integration/test_failed_create.py::test_failed_create_names_the_cause_and_leaves_nothing"),
            Sentence(
                "MAY", "config.json is checked, in general and against this host, before anything is made",
                ("tests/integration/test_failed_create.py::test_all_problems_of_a_config_are_told_at_once",
                 "tests/unit/test_spec_load.py::test_load_refuses_a_bad_value_and_names_its_path"),
            ),
            Sentence("will not", "later changes of config.json have an effect", "tests/integration/test_create_start.py::test_config_changed_after_create_has_no_effect"),
        ),
        "Start": (
            Sentence("MUST", "without an id: an error", "tests/integration/test_command_line.py::test_wrong_usage_is_one_line_and_exit_code_1"),
            Sentence(
                "MUST", "of a container that is not created: an error",
                ("tests/integration/test_create_start.py::test_start_of_a_running_container_is_refused_and_changes_nothing",
                 "tests/integration/test_create_start.py::test_start_of_a_stopped_container_is_refused_and_changes_nothing",
                 "tests/integration/test_state_list.py::test_state_shows_the_container_while_it_is_creating"),
            ),
            Sentence(
                "MUST", "then it has no effect",
                ("tests/integration/test_refused_operations.py::test_start_of_a_running_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_start_of_a_stopped_container_changes_nothing",
                 "tests/integration/test_interrupted_create.py::test_two_starts_at_once_start_the_program_once"),
            ),
            Sentence(
                "MUST", "the program of process is run",
                ("tests/integration/test_create_start.py::test_start_runs_the_program_as_the_process_that_create_made",
                 "tests/integration/test_process.py::test_start_waits_until_the_program_has_begun"),
            ),
            Sentence("MUST", "without process: an error", "tests/integration/test_create_start.py::test_container_without_process_can_be_created_but_not_started"),
        ),
        "Kill": (
            Sentence("MUST", "without an id: an error", "tests/integration/test_command_line.py::test_wrong_usage_is_one_line_and_exit_code_1"),
            Sentence(
                "MUST", "of a container that is neither created nor running: an error",
                ("tests/integration/test_kill.py::test_kill_of_a_stopped_container_says_container_not_running",
                 "tests/integration/test_refused_operations.py::test_kill_and_delete_while_it_is_creating_change_nothing"),
                "`kill --all` of a stopped container succeeds, as containerd's shim needs (test_kill.py); a paused one is a running one that stands still",
            ),
            Sentence(
                "MUST", "then it has no effect",
                ("tests/integration/test_refused_operations.py::test_kill_of_a_stopped_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_kill_and_delete_while_it_is_creating_change_nothing",
                 "tests/integration/test_kill.py::test_kill_never_hits_a_stranger_that_got_the_pid"),
            ),
            Sentence(
                "MUST", "the signal is sent to the container's process",
                ("tests/integration/test_kill.py::test_signal_is_a_number_or_a_name_in_any_case",
                 "tests/integration/test_kill.py::test_real_time_signals_are_signals",
                 "tests/integration/test_kill.py::test_kill_ends_a_container_that_was_never_started"),
            ),
        ),
        "Delete": (
            Sentence("MUST", "without an id: an error", "tests/integration/test_command_line.py::test_wrong_usage_is_one_line_and_exit_code_1"),
            Sentence(
                "MUST", "of a container that is not stopped: an error",
                ("tests/integration/test_delete.py::test_delete_of_a_running_container_is_refused_and_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_kill_and_delete_while_it_is_creating_change_nothing"),
                _DELETE_CREATED,
            ),
            Sentence(
                "MUST", "then it has no effect",
                ("tests/integration/test_refused_operations.py::test_delete_of_a_running_container_changes_nothing",
                 "tests/integration/test_refused_operations.py::test_kill_and_delete_while_it_is_creating_change_nothing"),
            ),
            Sentence(
                "MUST", "what create made is deleted",
                ("tests/integration/test_delete.py::test_delete_of_a_stopped_container_leaves_nothing",
                 "tests/integration/test_delete.py::test_delete_removes_cgroups_that_the_container_made_below_its_own"),
            ),
            Sentence(
                "MUST NOT", "what the container did not make is deleted",
                ("tests/integration/test_delete.py::test_delete_leaves_a_cgroup_that_was_there_before",
                 "tests/integration/test_delete.py::test_delete_of_one_container_leaves_the_others_alone",
                 "tests/integration/test_namespaces.py::test_joined_pid_namespace_does_not_end_with_the_container",
                 "tests/integration/test_namespaces.py::test_a_bound_namespace_outlives_its_maker"),
            ),
            Sentence("MAY", "the id is used again", "tests/integration/test_delete.py::test_an_id_can_be_used_again_after_delete"),
        ),
    },
)
