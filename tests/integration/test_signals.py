"""What of the signals reaches the program: nothing, whatever the caller or the C library had set."""

import signal


def test_program_starts_with_no_signal_ignored_or_blocked(ocipy, bundle):
    previous = signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    try:
        result = ocipy.run(bundle, "cat", "/proc/self/status").ok()
    finally:
        signal.signal(signal.SIGUSR1, previous)
    status = dict(line.split(":\t", 1) for line in result.out.splitlines() if ":\t" in line)
    assert int(status["SigIgn"], 16) == 0
    assert int(status["SigBlk"], 16) == 0
