"""One named test for each published weakness of the runtimes before us: test_sec_<year>_<number>_<word>.

Two weaknesses never share a test, even where they share its body: several of them are the return of an older one that
somebody had repaired. A test without a number is named after the advisory (ghsa_g54h), the runtime and its issue or
release (runc_3674, crun_1_20), or the trap of the language (python, json, state). Races are tried OCIPY_SECURITY_RACES
times (60), and deterministically where a hook or a paused system call can stand in for the neighbour.

Held by tests elsewhere, that need another kernel or systemd:

    id                                        test
    CVE-2019-16884, -2025-62596 (AppArmor)    integration/test_apparmor.py, on a kernel that has it
    device rules after daemon-reload          integration/test_systemd_cgroup.py, in the virtual machine with systemd:
                                              test_limits_and_device_rules_survive_a_reload_of_systemd
    device program on cgroup v2               integration/test_cgroup.py, in the virtual machine

Not applicable yet, and what brings each:

    id                                        why                                               comes with
    seccomp listener (races of an agent)      asking for a listener is refused                  seccomp listener
    CVE-2019-16884, -2025-62596 (SELinux)     a label is refused where the kernel runs SELinux  SELinux
    CVE-2026-94603                            checkpoint and restore do not exist               checkpoint, restore
    CVE-2022-0847, -2026-31431 (page cache)   see below                                         sealing by memfd
    GO-2026-6238                              there is no dependency                            never
    CVE-2025-24965, -2026-84042 (handlers)    there are none; the general form is tested        never

Such a defect of the kernel lets a container overwrite, in memory, any file that it can read, read-only mount or not; a
copy in memory is out of its reach. An ordinary user runs from one where the interpreter is the user's own file
(integration/test_rootless.py: test_interpreter_of_the_user_runs_from_a_sealed_copy), others and root do not.
"""
