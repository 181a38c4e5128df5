"""config-linux.md: file systems, namespaces, devices; propagation, masked paths, labels, personality."""

from __future__ import annotations

from .. import Sentence

_DEVICES = "tests/integration/test_init_devices.py::"
_LOADER = "tests/unit/test_spec_load.py::"
_NAMESPACES = "tests/integration/test_namespaces.py::"
_REFUSED = "tests/security/test_refused_features.py::"
_ROOTFS = "tests/integration/test_rootfs.py::"
_TERMINAL = "tests/integration/test_terminal.py::"
_BAD = f"{_LOADER}test_load_refuses_a_bad_value_and_names_its_path"
_GOOD = f"{_LOADER}test_load_takes_a_good_value"
_WIDTH = f"{_LOADER}test_load_refuses_an_integer_that_is_wider_than_the_kernel_has_it"

_USERS = "tests/integration/test_user_namespace.py::"
_NO_NET = "ocipy moves no network devices: netDevices is refused by name, so that a device never stays behind silently"
_NET = f"{_REFUSED}test_sec_other_properties_are_never_ignored"

FIRST = {
    "Default Filesystems": (
        Sentence(
            "SHOULD", "/proc (proc), /sys (sysfs), /dev/pts (devpts) and /dev/shm (tmpfs) are there in each container",
            "tests/integration/test_mounts.py::test_default_file_system_is_there_with_the_default_config",
            "they come from mounts, where `ocipy spec` and all engines list them: a config that leaves one out has it "
            "left out, as with every peer",
        ),
    ),
    "Namespaces": (
        Sentence("REQUIRED", "`type` of an entry", _BAD),
        Sentence(
            "SHOULD", "the types pid, network, mount, ipc, uts, cgroup and time are supported",
            f"{_NAMESPACES}test_a_new_namespace_differs_from_the_hosts",
        ),
        Sentence("SHOULD", "the type user is supported", f"{_USERS}test_a_new_user_namespace_differs_from_the_hosts"),
        Sentence(
            "OPTIONAL", "`path` of an entry",
            (f"{_NAMESPACES}test_a_new_namespace_differs_from_the_hosts",
             f"{_NAMESPACES}test_a_namespace_is_joined_by_its_path"),
        ),
        Sentence("MUST", "`path` is absolute", f"{_NAMESPACES}test_relative_path_of_a_namespace_is_refused"),
        Sentence(
            "MUST", "the process is placed in the namespace of `path`",
            (f"{_NAMESPACES}test_a_namespace_is_joined_by_its_path",
             f"{_NAMESPACES}test_a_mount_namespace_is_joined_by_its_path",
             f"{_NAMESPACES}test_a_bound_namespace_outlives_its_maker"),
        ),
        Sentence(
            "MUST", "a `path` that is no namespace of the entry's type is an error",
            (f"{_NAMESPACES}test_path_of_another_type_of_namespace_is_refused",
             f"{_NAMESPACES}test_path_that_is_no_namespace_is_refused"),
        ),
        Sentence(
            "MUST", "without `path` a new namespace of the type is made",
            f"{_NAMESPACES}test_a_new_namespace_differs_from_the_hosts",
        ),
        Sentence(
            "MUST", "of a type that is not listed, the container has the runtime's namespace",
            (f"{_NAMESPACES}test_other_namespaces_are_as_asked_for", f"{_NAMESPACES}test_user_namespace_is_the_hosts"),
        ),
        Sentence(
            "MUST", "a type that is listed twice is an error",
            f"{_NAMESPACES}test_namespace_that_is_listed_twice_is_refused",
        ),
    ),
    "User namespace mappings": (
        Sentence("OPTIONAL", "`uidMappings`", f"{_USERS}test_id_map_is_as_asked"),
        Sentence("OPTIONAL", "`gidMappings`", f"{_USERS}test_id_map_is_as_asked"),
        Sentence("REQUIRED", "`containerID` of a mapping", _BAD),
        Sentence("REQUIRED", "`hostID` of a mapping", _BAD),
        Sentence("REQUIRED", "`size` of a mapping", _BAD),
        Sentence(
            "SHOULD NOT", "the owners of the files that a mapping is about are changed to make it true",
            f"{_USERS}test_mapping_changes_no_owner_of_the_root_file_system",
        ),
        Sentence(
            "MAY", "the kernel limits the number of mappings",
            "tests/unit/test_plan_users.py::test_mappings_that_the_kernel_refuses_are_a_problem",
        ),
    ),
    "Offset for Time Namespace": (
        Sentence(
            "OPTIONAL", "`timeOffsets`",
            (f"{_NAMESPACES}test_offsets_of_the_time_namespace_are_the_programs",
             f"{_NAMESPACES}test_offsets_of_a_time_namespace"),
        ),
        Sentence(
            "OPTIONAL", "`secs` of a clock",
            (f"{_NAMESPACES}test_offsets_of_the_time_namespace_are_the_programs", _WIDTH),
        ),
        Sentence(
            "OPTIONAL", "`nanosecs` of a clock",
            (f"{_NAMESPACES}test_offsets_of_the_time_namespace_are_the_programs", _WIDTH),
        ),
    ),
    "Devices": (
        Sentence("OPTIONAL", "`devices`", f"{_ROOTFS}test_listed_device"),
        Sentence(
            "MUST", "the listed devices are there in the container",
            (f"{_ROOTFS}test_listed_device", f"{_DEVICES}test_listed_devices_have_the_exact_mode_and_owner",
             f"{_DEVICES}test_bound_dev_is_left_alone"),
            "but in a /dev that the config binds from elsewhere, which is complete and not the container's to change",
        ),
        Sentence(
            "MAY", "they are supplied in any way: made, bound, linked",
            (f"{_ROOTFS}test_listed_device", f"{_DEVICES}test_in_a_user_namespace_the_hosts_nodes_are_bound"),
        ),
        Sentence("REQUIRED", "`type`: c, b, u or p", (_BAD, f"{_ROOTFS}test_listed_device")),
        Sentence("REQUIRED", "`path`", _BAD),
        Sentence(
            "MUST", "a file at `path` that is not the device is an error",
            (f"{_ROOTFS}test_existing_node_that_does_not_match_is_refused",
             f"{_ROOTFS}test_existing_node_that_matches_is_fine"),
        ),
        Sentence("MAY", "`path` lies anywhere, outside /dev too", f"{_ROOTFS}test_device_outside_dev"),
        Sentence("REQUIRED", "`major` and `minor`, unless the type is p", (_BAD, _GOOD)),
        Sentence(
            "OPTIONAL", "`fileMode`",
            (f"{_ROOTFS}test_listed_device", f"{_ROOTFS}test_mode_of_a_device_is_not_cut_by_the_umask"),
        ),
        Sentence("OPTIONAL", "`uid`", f"{_ROOTFS}test_listed_device"),
        Sentence("OPTIONAL", "`gid`", f"{_ROOTFS}test_listed_device"),
        Sentence(
            "SHOULD NOT", "the same type and numbers are listed for two devices",
            (f"{_ROOTFS}test_device_that_is_listed_under_two_paths_is_a_warning",
             "tests/unit/test_plan_rootfs.py::test_a_device_that_is_listed_under_two_paths_is_a_warning"),
            "a wish to the author of the config: a warning, for engines do it",
        ),
        Sentence(
            "MUST NOT", "a container gets at a device that is neither listed nor a default one",
            ("tests/integration/test_cgroup.py::test_devices_are_closed_but_for_the_default_ones",
             "tests/security/test_dev.py::test_sec_device_nodes_of_the_host_cannot_be_opened"),
            "the document writes MAY NOT. What opens a device is resources.devices, as with every peer",
        ),
    ),
    "Default Devices": (
        Sentence(
            "MUST", "/dev/null, zero, full, random, urandom and tty are supplied",
            (f"{_ROOTFS}test_default_device", f"{_ROOTFS}test_default_devices_work"),
        ),
        Sentence(
            "MUST", "/dev/console is the container's terminal, if it has one",
            (f"{_TERMINAL}test_console_device_is_the_terminal",
             f"{_ROOTFS}test_console_is_absent_without_a_terminal"),
        ),
        Sentence(
            "MUST", "/dev/ptmx is the container's own pts/ptmx, by a link or a bind",
            (f"{_ROOTFS}test_default_link", f"{_TERMINAL}test_pty_is_of_the_containers_devpts",
             f"{_DEVICES}test_ptmx_of_the_image_is_replaced"),
        ),
    ),
    "Network Devices": (
        Sentence("OPTIONAL", "`netDevices`", _NET, _NO_NET),
        Sentence("MUST", "the devices are made available in the container", _NET, _NO_NET),
        Sentence("OPTIONAL", "`name` of a device", _NET, _NO_NET),
        Sentence("MUST", "it is checked whether the device can be moved", _NET, _NO_NET),
        Sentence("MUST", "a name that is taken in the container is an error", _NET, _NO_NET),
        Sentence("MUST", "a name with %d is moved all the same, the kernel numbers it", _NET, _NO_NET),
        Sentence("MUST", "attributes and permanent global addresses of the device are kept", _NET, _NO_NET),
        Sentence("MUST", "the device is set up after the move", _NET, _NO_NET),
    ),
    "Namespace Lifecycle and Container Termination": (
        Sentence("MUST NOT", "the device is managed further while it is in the container", _NET, _NO_NET),
        Sentence(
            "MUST NOT", "the device is moved out again before the container is deleted",
            (_NET, "tests/integration/test_demos_network.py::test_end_of_the_container_takes_its_end_of_a_veth_pair"),
            _NO_NET + "; one that somebody else moved in is left to the kernel",
        ),
    ),
}

LAST = {
    "Rootfs Mount Propagation": (
        Sentence(
            "OPTIONAL", "`rootfsPropagation`: shared, slave, private or unbindable",
            (f"{_ROOTFS}test_rootfs_propagation", _BAD,
             "tests/integration/test_init_rootfs.py::test_root_propagation_unbindable_forbids_to_bind_the_root"),
            "the forms that begin with r, too, as with every peer",
        ),
    ),
    "Masked Paths": (
        Sentence(
            "OPTIONAL", "`maskedPaths`: what cannot be read",
            (f"{_ROOTFS}test_masked_file_is_empty", f"{_ROOTFS}test_masked_directory_is_empty_and_read_only"),
        ),
        Sentence(
            "MUST", "the paths are absolute",
            (_BAD, "tests/unit/test_plan_rootfs.py::test_relative_masked_and_readonly_paths_are_refused"),
        ),
    ),
    "Readonly Paths": (
        Sentence("OPTIONAL", "`readonlyPaths`: what cannot be written", f"{_ROOTFS}test_read_only_path"),
        Sentence(
            "MUST", "the paths are absolute",
            (_BAD, "tests/unit/test_plan_rootfs.py::test_relative_masked_and_readonly_paths_are_refused"),
        ),
    ),
    "Mount Label": (
        Sentence(
            "OPTIONAL", "`mountLabel`", f"{_REFUSED}test_sec_2019_16884_label_is_never_dropped_without_a_word",
            "ocipy sets no SELinux labels: refused by name where the kernel runs SELinux, a warning where it does not",
        ),
    ),
    "Personality": (
        Sentence("OPTIONAL", "`personality`", "tests/integration/test_process.py::test_personality"),
        Sentence(
            "REQUIRED", "`domain`: LINUX or LINUX32", (_BAD, "tests/integration/test_process.py::test_personality")
        ),
        Sentence("OPTIONAL", "`flags`; none are defined", (_BAD, _GOOD), "an empty list is fine, any flag an error"),
    ),
}
