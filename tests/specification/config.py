"""config.md: what concerns every platform, POSIX and Linux."""

from __future__ import annotations

from . import Document, Sentence

_HOOKS = "tests/integration/test_hooks.py::"
_LOAD_BAD = "tests/unit/test_spec_load.py::test_load_refuses_a_bad_value_and_names_its_path"
_LOAD_GOOD = "tests/unit/test_spec_load.py::test_load_takes_a_good_value"
_MOUNTS = "tests/integration/test_mounts.py::"
_OPTION = "tests/integration/test_mount_options.py::"
_PROCESS = "tests/integration/test_process.py::"
_REFUSED = "tests/integration/test_failed_create.py::test_failed_create_names_the_cause_and_leaves_nothing"
_EXEC = "tests/integration/test_exec.py::"
_NOT_SUPPORTED = "tests/integration/test_failed_create.py::test_property_that_is_not_supported_is_refused_by_its_path"
_IDMAP = ("tests/unit/test_spec_unsupported.py::test_unsupported_names_an_id_mapped_mount", _NOT_SUPPORTED)
_NO_IDMAP = "ocipy has no id-mapped mounts: the option or the mapping is refused by name"
_AUTHOR = "a duty of whoever writes config.json: nothing depends on it"
_IMAGE = "about the image that config.json was made of: a runtime does nothing with it"

_FLAG = f"{_OPTION}test_option_of_a_tmpfs"
_CONTRARY = f"{_OPTION}test_of_two_contrary_options_the_last_counts"
_SUPERBLOCK = f"{_OPTION}test_option_of_the_file_system_itself"
_BACK = f"{_OPTION}test_option_that_takes_a_switch_back_is_accepted"
_ARRIVES = f"{_OPTION}test_later_mounts_of_the_host_arrive_as_the_propagation_says"
_PROPAGATION = f"{_OPTION}test_propagation_of_a_mount"
_BELOW = f"{_OPTION}test_recursive_option_is_for_all_mounts_below"
_CLEARED = f"{_OPTION}test_recursive_option_can_take_a_flag_away"
_ATIME = f"{_OPTION}test_recursive_mode_of_access_time"

# Option of a mount: the word of the table in config.md, and the test.
_OPTIONS = {
    "async": ("MUST", (_FLAG, _CONTRARY)),
    "atime": ("MUST", (_FLAG, _CONTRARY)),
    "bind": ("MUST", f"{_OPTION}test_bind_leaves_out_what_is_mounted_below"),
    "defaults": ("MUST", _FLAG),
    "dev": ("MUST", (_FLAG, _CONTRARY)),
    "diratime": ("MUST", (_FLAG, _CONTRARY)),
    "dirsync": ("MUST", _SUPERBLOCK),
    "exec": ("MUST", (_FLAG, _CONTRARY)),
    "iversion": ("MUST", f"{_OPTION}test_iversion_is_accepted"),
    "lazytime": ("MUST", _SUPERBLOCK),
    "loud": ("MUST", _FLAG),
    "mand": ("MAY", _SUPERBLOCK),
    "noatime": ("MUST", _FLAG),
    "nodev": ("MUST", _FLAG),
    "nodiratime": ("MUST", _FLAG),
    "noexec": ("MUST", _FLAG),
    "noiversion": ("MUST", _BACK),
    "nolazytime": ("MUST", (_BACK, _CONTRARY)),
    "nomand": ("MAY", (_BACK, _CONTRARY)),
    "norelatime": ("MUST", _FLAG),
    "nostrictatime": ("MUST", (_FLAG, _CONTRARY)),
    "nosuid": ("MUST", _FLAG),
    "nosymfollow": ("SHOULD", _FLAG),
    "private": ("MUST", (_PROPAGATION, _ARRIVES)),
    "ratime": ("SHOULD", (_ATIME, _CLEARED)),
    "rbind": ("MUST", f"{_OPTION}test_rbind_takes_what_is_mounted_below"),
    "rdev": ("SHOULD", _CLEARED),
    "rdiratime": ("SHOULD", _CLEARED),
    "relatime": ("MUST", (_FLAG, _CONTRARY)),
    "remount": ("MUST", f"{_OPTION}test_remount_changes_an_earlier_mount"),
    "rexec": ("SHOULD", _CLEARED),
    "rnoatime": ("SHOULD", _BELOW),
    "rnodev": ("SHOULD", _BELOW),
    "rnodiratime": ("SHOULD", _BELOW),
    "rnoexec": ("SHOULD", _BELOW),
    "rnorelatime": ("SHOULD", f"{_OPTION}test_rnorelatime_leaves_the_mode_of_access_time"),
    "rnostrictatime": ("SHOULD", _ATIME),
    "rnosuid": ("SHOULD", _BELOW),
    "rnosymfollow": ("SHOULD", _BELOW),
    "ro": ("MUST", _FLAG),
    "rprivate": ("MUST", (_PROPAGATION, _ARRIVES)),
    "rrelatime": ("SHOULD", _ATIME),
    "rro": ("SHOULD", (_BELOW, f"{_OPTION}test_nothing_can_be_written_below_an_rro_mount")),
    "rrw": ("SHOULD", _CLEARED),
    "rshared": ("MUST", (_PROPAGATION, _ARRIVES)),
    "rslave": ("MUST", _ARRIVES),
    "rstrictatime": ("SHOULD", _ATIME),
    "rsuid": ("SHOULD", _CLEARED),
    "rsymfollow": ("SHOULD", _CLEARED),
    "runbindable": ("MUST", _PROPAGATION),
    "rw": ("MUST", (_FLAG, _CONTRARY)),
    "shared": ("MUST", (_PROPAGATION, _ARRIVES)),
    "silent": ("MUST", _FLAG),
    "slave": ("MUST", _ARRIVES),
    "strictatime": ("MUST", (_FLAG, _CONTRARY)),
    "suid": ("MUST", (_FLAG, _CONTRARY)),
    "symfollow": ("SHOULD", (_FLAG, _CONTRARY)),
    "sync": ("MUST", _SUPERBLOCK),
    "tmpcopyup": ("MAY", f"{_MOUNTS}test_tmpcopyup_copies_what_lies_below"),
    "unbindable": ("MUST", _PROPAGATION),
}

_SET = "tests/integration/test_capabilities.py::test_each_of_the_five_sets_is_as_asked_for"


def _hook(kind: str, resolves: str, *moments: Sentence) -> tuple[Sentence, ...]:
    """Gives the sentences about one kind of hooks: when it is called, where its path is looked up, where it runs."""
    runs = "container" if kind in ("createContainer", "startContainer") else "runtime"
    return (
        *moments,
        Sentence("MUST", f"the path of {kind} hooks resolves in the {resolves}'s namespace", f"{_HOOKS}test_path_of_a_hook_is_resolved_where_the_specification_says"),
        Sentence("MUST", f"{kind} hooks run in the {runs}'s namespaces", f"{_HOOKS}test_namespaces_of_a_hook"),
    )


_IN_CREATE = Sentence(
    "MUST", "they are called in create, when the environment is made and the root is not changed yet",
    (f"{_HOOKS}test_mounts_are_in_place_before_the_change_of_root", f"{_HOOKS}test_cgroup_is_in_place_before_the_first_hook"),
)

DOCUMENT = Document(
    "config.md",
    {
        "Specification version": (
            Sentence("REQUIRED", "ociVersion is there", _LOAD_BAD),
            Sentence(
                "MUST", "ociVersion is a version of Semantic Versioning 2.0.0",
                (_LOAD_BAD, _LOAD_GOOD, _REFUSED),
                "another major version is refused; a later 1.x is not, since engines write the version of the library that they were built with, and what it adds is an unknown property",
            ),
        ),
        "Root": (
            Sentence("REQUIRED", "root is there", _LOAD_BAD, "optional on Windows with Hyper-V alone"),
            Sentence("REQUIRED", "root.path is there", _LOAD_BAD),
            Sentence(
                "REQUIRED", "on POSIX platforms root.path is absolute or relative to the bundle",
                ("tests/integration/test_rootfs.py::test_root_by_absolute_path_with_a_link_before_it",
                 "tests/unit/test_plan_rootfs.py::test_root_path_is_relative_to_the_bundle"),
            ),
            Sentence("SHOULD", "root.path is `rootfs`", (), _AUTHOR),
            Sentence("MUST", "a directory exists at root.path", _REFUSED, "a symbolic link is refused too: it could be exchanged"),
            Sentence("OPTIONAL", "root.readonly, false when absent", "tests/integration/test_rootfs.py::test_root_writable"),
            Sentence("MUST", "the root is read-only inside when root.readonly is true", "tests/integration/test_rootfs.py::test_root_read_only"),
        ),
        "Mounts": (
            Sentence("OPTIONAL", "mounts may be absent", f"{_MOUNTS}test_config_without_mounts_and_linux_runs_in_the_hosts_namespaces"),
            Sentence(
                "MUST", "entries are mounted in the listed order",
                (f"{_MOUNTS}test_mounts_are_made_in_the_listed_order", "tests/integration/test_init_mounts.py::test_mounts_appear_in_the_order_of_the_config"),
            ),
            Sentence("REQUIRED", "destination is there", _LOAD_BAD),
            Sentence("SHOULD", "destination is absolute on Linux", f"{_MOUNTS}test_bind_of_a_directory"),
            Sentence("MAY", "destination is relative on Linux (deprecated)", f"{_MOUNTS}test_relative_destination_is_below_the_root"),
            Sentence("MUST", "a relative destination means one below /", f"{_MOUNTS}test_relative_destination_is_below_the_root"),
            Sentence("OPTIONAL", "source; of a bind mount absolute or relative to the bundle", f"{_MOUNTS}test_source_of_a_bind_is_relative_to_the_bundle"),
            Sentence("OPTIONAL", "options; bind or rbind among them make it a bind mount", f"{_MOUNTS}test_type_is_irrelevant_with_the_option_bind"),
        ),
        "Linux mount options": (
            *(Sentence(level, f"the option {name} is implemented", test) for name, (level, test) in _OPTIONS.items()),
            Sentence("SHOULD", "the option idmap is implemented: the mount gets an id mapping", _IDMAP, _NO_IDMAP),
            Sentence("SHOULD", "the option ridmap is implemented: the mount and those below get one", _IDMAP, _NO_IDMAP),
            Sentence("MUST", "with either, the mappings of the mount are used when given", _IDMAP, _NO_IDMAP),
            Sentence("MAY", "with either and no mapping, that of the user namespace is used", _IDMAP, _NO_IDMAP),
            Sentence("MUST", "with either, no mapping and no user namespace: an error", _IDMAP, "refused as all id-mapped mounts"),
            Sentence("SHOULD NOT", "idmap and ridmap are passed to mount(2)", _IDMAP, "refused before any mount"),
            Sentence("SHOULD", "both are done by mount_setattr(MOUNT_ATTR_IDMAP)", _IDMAP, _NO_IDMAP),
            Sentence("MAY", "a runtime has options of its own", (), "ocipy has none"),
            Sentence("SHOULD", "an own option that mount(8) knows does what it does there", (), "ocipy has none"),
            Sentence(
                "SHOULD", "unknown options are the file system's: they reach it as its data",
                (f"{_OPTION}test_unknown_option_is_named_with_the_error_of_the_file_system", f"{_MOUNTS}test_tmpfs_takes_size_and_mode",
                 "tests/unit/test_plan_mounts.py::test_other_options_become_data"),
                "by fsconfig(2), one by one, instead of the data of mount(2): an error then names the option",
            ),
        ),
        "POSIX-platform Mounts": (
            Sentence("OPTIONAL", "type: one of /proc/filesystems; a dummy for bind mounts", f"{_MOUNTS}test_type_is_irrelevant_with_the_option_bind"),
            Sentence("OPTIONAL", "uidMappings: users of the source to those of the mount", _IDMAP, _NO_IDMAP),
            Sentence("OPTIONAL", "gidMappings: groups of the source to those of the mount", _IDMAP, _NO_IDMAP),
            Sentence("SHOULD", "both are done by mount_setattr(MOUNT_ATTR_IDMAP)", _IDMAP, _NO_IDMAP),
            Sentence("SHOULD", "the options have idmap or ridmap beside a mapping", (), _AUTHOR),
            Sentence("MUST", "uidMappings come with gidMappings", _LOAD_BAD),
            Sentence("MUST", "gidMappings come with uidMappings", _LOAD_BAD),
        ),
        "Process": (
            Sentence("OPTIONAL", "process may be absent in create", "tests/integration/test_create_start.py::test_container_without_process_can_be_created_but_not_started"),
            Sentence("REQUIRED", "process is there for start", "tests/integration/test_create_start.py::test_container_without_process_can_be_created_but_not_started"),
            Sentence(
                "OPTIONAL", "terminal, false when absent: a pseudo-terminal is on the three streams",
                ("tests/integration/test_terminal.py::test_all_three_streams_are_the_terminal",
                 "tests/integration/test_terminal.py::test_terminal_is_the_controlling_one",
                 "tests/integration/test_run.py::test_standard_streams_are_the_callers"),
            ),
            Sentence("OPTIONAL", "consoleSize: the size of the terminal", "tests/integration/test_terminal.py::test_console_size"),
            Sentence(
                "MUST", "consoleSize is ignored without a terminal",
                ("tests/integration/test_terminal.py::test_console_size_is_ignored_without_a_terminal",
                 "tests/unit/test_spec_load.py::test_load_refuses_a_console_size_that_no_terminal_can_have"),
            ),
            Sentence("REQUIRED", "consoleSize has height and width", _LOAD_BAD),
            Sentence("REQUIRED", "cwd: the working directory", (_LOAD_BAD, f"{_PROCESS}test_program_starts_in_cwd")),
            Sentence("MUST", "cwd is absolute", (_LOAD_BAD, _REFUSED)),
            Sentence(
                "OPTIONAL", "env: the environment",
                (f"{_PROCESS}test_environment_is_that_of_the_config_and_no_more", f"{_PROCESS}test_of_a_variable_that_is_given_twice_the_last_counts"),
                "HOME is added when it is missing, as by runc (test_process.py)",
            ),
            Sentence(
                "OPTIONAL", "args: the arguments, as execvp takes them",
                (f"{_PROCESS}test_arguments_reach_the_program_as_they_are",
                 "tests/integration/test_create_start.py::test_program_is_found_on_the_path_of_the_container"),
            ),
            Sentence("REQUIRED", "args has one entry at least, outside Windows", (_LOAD_BAD, _REFUSED)),
            Sentence("OPTIONAL", "commandLine", (), "for Windows alone; an unknown property here"),
        ),
        "POSIX process": (
            Sentence("OPTIONAL", "rlimits: limits of the process", f"{_PROCESS}test_limits_that_are_not_in_the_config_are_the_callers"),
            Sentence("REQUIRED", "an entry has type, soft and hard", _LOAD_BAD),
            Sentence("MUST", "a type that the kernel does not have: an error", (_LOAD_BAD, _REFUSED)),
            Sentence(
                "MUST", "getrlimit(2) of each type succeeds",
                (f"{_PROCESS}test_rlimit_is_set_for_the_program", f"{_PROCESS}test_rlimit_of_priorities_is_set_for_the_program"),
            ),
            Sentence(
                "MUST", "rlim_cur is soft",
                (f"{_PROCESS}test_rlimit_is_set_for_the_program", f"{_PROCESS}test_rlimit_of_priorities_is_set_for_the_program"),
            ),
            Sentence(
                "MUST", "rlim_max is hard",
                (f"{_PROCESS}test_rlimit_is_set_for_the_program", f"{_PROCESS}test_rlimit_of_priorities_is_set_for_the_program",
                 f"{_PROCESS}test_hard_limit_may_be_above_the_callers_for_any_user"),
            ),
            Sentence("MUST", "a type that is given twice: an error", (_LOAD_BAD, _REFUSED)),
        ),
        "Linux Process": (
            Sentence(
                "OPTIONAL", "apparmorProfile",
                ("tests/integration/test_apparmor.py::test_program_is_confined_by_the_profile",
                 "tests/security/test_refused_features.py::test_sec_2019_16884_label_is_never_dropped_without_a_word"),
                "a warning where the kernel runs no AppArmor",
            ),
            Sentence("OPTIONAL", "capabilities: sets of capabilities", "tests/integration/test_capabilities.py::test_without_capabilities_all_sets_are_empty"),
            Sentence(
                "MUST", "a capability that is unknown or cannot be granted: a warning",
                ("tests/integration/test_capabilities.py::test_unknown_capability_is_a_warning",
                 "tests/integration/test_capabilities.py::test_warning_goes_to_the_log",
                 "tests/unit/test_plan_process.py::test_capability_that_cannot_be_granted_is_a_warning"),
            ),
            Sentence(
                "SHOULD NOT", "the runtime fails because of a capability that cannot be granted",
                ("tests/integration/test_capabilities.py::test_unknown_capability_is_a_warning",
                 "tests/unit/test_plan_process.py::test_capability_that_cannot_be_granted_is_a_warning"),
            ),
            *(Sentence("OPTIONAL", f"the {name} set", _SET) for name in ("effective", "bounding", "inheritable", "permitted", "ambient")),
            Sentence(
                "OPTIONAL", "noNewPrivileges: the process gains no privileges",
                ("tests/integration/test_capabilities.py::test_no_new_privileges",
                 "tests/integration/test_capabilities.py::test_no_new_privileges_makes_setuid_harmless"),
            ),
            Sentence("OPTIONAL", "oomScoreAdj", f"{_PROCESS}test_oom_score_adjustment"),
            Sentence("MUST", "oom_score_adj is set to oomScoreAdj", f"{_PROCESS}test_oom_score_adjustment"),
            Sentence("MUST NOT", "oom_score_adj is changed without oomScoreAdj", f"{_PROCESS}test_oom_score_adjustment_is_the_callers_when_it_is_not_given"),
            Sentence(
                "OPTIONAL", "scheduler: how the process is scheduled",
                (f"{_PROCESS}test_scheduler_policy", f"{_PROCESS}test_scheduler_priority_of_the_real_time_policies"),
            ),
            Sentence("REQUIRED", "scheduler.policy, one of seven", (_LOAD_BAD, f"{_PROCESS}test_scheduler_policy"), "Linux has no SCHED_ISO: the kernel refuses it, with the property"),
            Sentence("OPTIONAL", "scheduler.nice", f"{_PROCESS}test_scheduler_nice"),
            Sentence("must", "nice is 0 when absent", f"{_PROCESS}test_scheduler_nice_is_0_when_it_is_not_given"),
            Sentence("OPTIONAL", "scheduler.priority", f"{_PROCESS}test_scheduler_priority_of_the_real_time_policies"),
            Sentence("must", "priority is 0 when absent", (f"{_PROCESS}test_scheduler_policy", _LOAD_BAD), "the kernel has no real-time priority 0: SCHED_FIFO and SCHED_RR without one are refused"),
            Sentence("OPTIONAL", "scheduler.flags, of seven", (_LOAD_BAD, f"{_PROCESS}test_scheduler_flags")),
            Sentence("OPTIONAL", "scheduler.runtime, deadline and period", f"{_PROCESS}test_scheduler_deadline_has_its_three_times_and_0_for_one_that_is_absent"),
            Sentence("must", "the three are 0 when absent", f"{_PROCESS}test_scheduler_deadline_has_its_three_times_and_0_for_one_that_is_absent"),
            Sentence("OPTIONAL", "selinuxLabel", "tests/security/test_refused_features.py::test_sec_2019_16884_label_is_never_dropped_without_a_word", "ocipy sets no label: refused where the kernel runs SELinux, a warning where it does not"),
            Sentence("OPTIONAL", "ioPriority: I/O priority of the process", f"{_PROCESS}test_io_priority"),
            Sentence("REQUIRED", "ioPriority.class, one of three", (_LOAD_BAD, f"{_PROCESS}test_io_priority")),
            Sentence("REQUIRED", "ioPriority.priority, from 0 to 7", (_LOAD_BAD, f"{_PROCESS}test_io_priority")),
            Sentence("OPTIONAL", "execCPUAffinity: CPUs of a process that exec starts; not for init", (f"{_PROCESS}test_exec_cpu_affinity_is_not_for_init", f"{_EXEC}test_exec_cpu_affinity_final_is_for_the_program")),
            Sentence("OPTIONAL", "execCPUAffinity.initial: a list of CPUs", (_LOAD_BAD, _LOAD_GOOD, f"{_EXEC}test_exec_cpu_affinity_initial_is_not_for_the_program")),
            Sentence("OPTIONAL", "execCPUAffinity.final: a list of CPUs", (_LOAD_BAD, _LOAD_GOOD, f"{_EXEC}test_exec_cpu_affinity_final_is_for_the_program")),
        ),
        "POSIX-platform User": (
            Sentence("REQUIRED", "uid, in the container's namespace", (_LOAD_BAD, f"{_PROCESS}test_user_group_and_further_groups")),
            Sentence("REQUIRED", "gid, in the container's namespace", (_LOAD_BAD, f"{_PROCESS}test_user_group_and_further_groups")),
            Sentence("OPTIONAL", "umask", f"{_PROCESS}test_umask"),
            Sentence(
                "should", "the umask is the caller's when it is not given", f"{_PROCESS}test_umask",
                "it is 022 then, as with runc and crun: images are built for it, and an engine's own umask says nothing of the container",
            ),
            Sentence(
                "OPTIONAL", "additionalGids, in the container's namespace",
                (f"{_PROCESS}test_user_group_and_further_groups", f"{_PROCESS}test_the_callers_groups_are_not_inherited"),
            ),
        ),
        "Hostname": (
            Sentence(
                "OPTIONAL", "hostname, as the container's UTS namespace has it",
                (f"{_PROCESS}test_hostname_and_domainname", "tests/integration/test_namespaces.py::test_hosts_uts_namespace_is_not_renamed"),
                "without a UTS namespace of its own it would rename the host: refused, as by runc and crun",
            ),
        ),
        "Domainname": (
            Sentence(
                "OPTIONAL", "domainname, as the container's UTS namespace has it",
                (f"{_PROCESS}test_hostname_and_domainname", "tests/unit/test_plan_process.py::test_name_without_a_uts_namespace_would_rename_the_host"),
            ),
        ),
        "Platform-specific configuration": (
            Sentence("MAY", "linux is set for Linux", f"{_MOUNTS}test_config_without_mounts_and_linux_runs_in_the_hosts_namespaces"),
            Sentence("MUST", "windows is set for Windows", (), "another platform"),
            Sentence(
                "MAY", "vm, solaris, zos, freebsd are set for theirs",
                "tests/integration/test_create_start.py::test_blocks_of_other_platforms_are_ignored",
            ),
        ),
        "POSIX-platform Hooks": (
            Sentence("OPTIONAL", "hooks, by kind", f"{_HOOKS}test_hooks_run_in_the_order_of_the_lifecycle"),
            *(Sentence(level, f"hooks has {kind} hooks", f"{_HOOKS}test_hooks_run_in_the_order_of_the_lifecycle")
              for level, kind in (("MAY", "prestart (deprecated)"), ("MAY", "createRuntime"), ("MAY", "createContainer"),
                                  ("MAY", "startContainer"), ("MAY", "poststart"), ("MAY", "poststop"))),
            Sentence("REQUIRED", "an entry has path", (_LOAD_BAD, f"{_HOOKS}test_hook_that_is_not_well_formed_is_refused_before_anything_is_done")),
            Sentence("MUST", "path is absolute", f"{_HOOKS}test_hook_that_is_not_well_formed_is_refused_before_anything_is_done"),
            Sentence(
                "OPTIONAL", "args: argv, as execv takes it",
                (f"{_HOOKS}test_args_of_a_hook_begin_with_its_name", "tests/unit/test_run_hook.py::test_arguments_are_argv_and_the_path_when_absent"),
            ),
            Sentence(
                "OPTIONAL", "env: the environment",
                (f"{_HOOKS}test_env_of_a_hook_is_what_the_config_gives", "tests/unit/test_run_hook.py::test_given_env_is_the_whole_environment"),
                "without it, as with runc, that of the command, of the container for startContainer",
            ),
            Sentence("OPTIONAL", "timeout: seconds until the hook is aborted", f"{_HOOKS}test_hook_that_takes_too_long_is_killed"),
            Sentence("MUST", "timeout is greater than 0", f"{_HOOKS}test_hook_that_is_not_well_formed_is_refused_before_anything_is_done"),
            Sentence("MUST", "hooks are called in the listed order", f"{_HOOKS}test_hooks_run_in_the_order_of_the_lifecycle"),
            Sentence(
                "MUST", "a hook gets the state on its standard input",
                (f"{_HOOKS}test_state_is_on_the_standard_input", "tests/unit/test_run_hook.py::test_state_is_on_stdin_whole_however_long"),
                "in the hooks of create it says `created`, which the validation suite wants; runc says `creating`, as the `state` command does meanwhile",
            ),
        ),
        "Prestart": _hook(
            "prestart", "runtime", _IN_CREATE,
            Sentence("MUST", "they are called before the createRuntime hooks", f"{_HOOKS}test_hooks_run_in_the_order_of_the_lifecycle"),
        ),
        "CreateRuntime Hooks": _hook("createRuntime", "runtime", _IN_CREATE),
        "CreateContainer Hooks": _hook(
            "createContainer", "runtime", _IN_CREATE,
            Sentence("MUST", "they are called after the createRuntime hooks", f"{_HOOKS}test_hooks_run_in_the_order_of_the_lifecycle"),
        ),
        "StartContainer Hooks": _hook(
            "startContainer", "container",
            Sentence(
                "MUST", "they are called in start, before the program is executed",
                (f"{_HOOKS}test_program_runs_after_start_container_and_before_poststart", f"{_HOOKS}test_hooks_run_in_the_order_of_the_lifecycle"),
            ),
        ),
        "Poststart": _hook(
            "poststart", "runtime",
            Sentence(
                "MUST", "they are called after the program is executed and before start returns",
                (f"{_HOOKS}test_program_runs_after_start_container_and_before_poststart", f"{_HOOKS}test_hooks_run_in_the_order_of_the_lifecycle"),
            ),
        ),
        "Poststop": _hook(
            "poststop", "runtime",
            Sentence(
                "MUST", "they are called after the container is deleted and before delete returns",
                (f"{_HOOKS}test_poststop_runs_when_the_container_is_gone", f"{_HOOKS}test_hooks_run_in_the_order_of_the_lifecycle"),
            ),
        ),
        "Annotations": (
            Sentence("OPTIONAL", "annotations: metadata of the container", "tests/integration/test_create_start.py::test_annotations_are_part_of_the_state"),
            Sentence("MAY", "the information is structured or not", "tests/integration/test_create_start.py::test_unknown_annotations_are_no_error"),
            Sentence("MUST", "annotations are a map", _LOAD_BAD),
            Sentence("MAY", "without any, the property is absent or empty", (_LOAD_GOOD, "tests/integration/test_state_list.py::test_state_without_annotations_has_no_empty_map")),
            Sentence("MUST", "keys are strings", "tests/unit/test_jsontext.py::test_decode_refuses_with_line_and_column"),
            Sentence("MUST NOT", "a key is the empty string", _LOAD_BAD),
            Sentence("SHOULD", "keys are in reverse domain notation", "tests/integration/test_create_start.py::test_unknown_annotations_are_no_error", f"{_AUTHOR}; other keys are taken"),
            Sentence("MUST", "keys in org.opencontainers are used as the document says", (), f"{_AUTHOR}, but for stopSignal"),
            *(Sentence("MUST", f"org.opencontainers.image.{name} has a value of the image specification", (), _IMAGE)
              for name in ("os", "os.version", "os.features", "architecture", "variant", "author", "created")),
            Sentence("SHOULD", "the image annotations are used as the conversion of the image specification has it", (), _AUTHOR),
            Sentence(
                "SHOULD", "the signal of org.opencontainers.image.stopSignal is sent to kill the container",
                ("tests/integration/test_kill.py::test_stop_signal_of_the_image_is_sent_when_none_is_given",
                 "tests/integration/test_kill.py::test_given_signal_prevails_over_the_stop_signal_of_the_image"),
                "by `kill` without a signal",
            ),
            Sentence("MUST", "the value of stopSignal is a signal of the image specification", "tests/integration/test_kill.py::test_stop_signal_of_the_image_that_is_none_is_named"),
            Sentence("MUST NOT", "other keys in org.opencontainers are used by later specifications", (), "a duty of specifications"),
            Sentence("MUST", "unknown keys are treated as unknown properties", "tests/integration/test_create_start.py::test_unknown_annotations_are_no_error"),
            Sentence("MUST", "values are strings", _LOAD_BAD),
            Sentence("MAY", "a value is the empty string", "tests/integration/test_create_start.py::test_annotations_are_part_of_the_state"),
        ),
        "Extensibility": (
            Sentence("MAY", "unknown properties are logged", (), "they are not: engines read what a runtime writes"),
            Sentence(
                "MUST", "unknown properties are ignored otherwise, and are no error",
                ("tests/integration/test_create_start.py::test_unknown_properties_are_ignored_at_every_level", _LOAD_GOOD),
                "a property that is there twice is refused, unknown or not: two readers may take different ones (test_config_text.py)",
            ),
        ),
        "Valid values": (
            Sentence("MUST", "an invalid or unsupported value: an error", (_LOAD_BAD, _REFUSED, _NOT_SUPPORTED)),
            Sentence("MAY", "a runtime supports a part of the valid values", _NOT_SUPPORTED),
        ),
    },
)
