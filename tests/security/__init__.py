"""One named test for each published weakness of the runtimes before us: test_sec_<year>_<number>_<word>.

Two weaknesses never share a test, even where they share its body: several of them are the return of an older one that
somebody had repaired. A test without a number is named after the advisory (ghsa_g54h), the runtime and its issue or
release (runc_3674, crun_1_20), or the trap of the language (python, json, state). Races are tried OCIPY_SECURITY_RACES
times (60), and deterministically where a hook or a paused system call can stand in for the neighbour.

Not applicable yet, and what brings each:

    id                                        why                                               comes with
    seccomp listener (races of an agent)      asking for a listener is refused                  seccomp listener
    CVE-2019-16884, -2025-62596 (labels)      asking for a label of SELinux is refused          SELinux
    runc 2310, 2313, 3780 (scope), crun 1.24  asking for systemd is refused                     systemd cgroup manager
    device rules after update, daemon-reload  no rule is rewritten                              update, systemd
    CVE-2026-94603                            checkpoint and restore do not exist               checkpoint, restore
    CVE-2022-0847, -2026-31431 (page cache)   the interpreter is sealed by a read-only mount    sealing by memfd
    GO-2026-6238                              there is no dependency                            never
    CVE-2025-24965, -2026-84042 (handlers)    there are none; the general form is tested        never
    BPF device program in a container         exercised on a host with cgroup v2                the virtual machine
"""
