"""Which modules a command line loads, seen in a real run of the launcher."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Runs the launcher's own text; the names go to a descriptor when it leaves.
_CODE = """
import os, sys
leave, report, sys.argv = os._exit, int(sys.argv[1]), ["ocipy", *sys.argv[2:]]
def _exit(code):
    os.write(report, " ".join(sys.modules).encode())
    leave(code)
os._exit = _exit
launcher = {launcher!r}
exec(compile(open(launcher).read(), launcher, "exec"), {{"__file__": launcher, "__name__": "__main__"}})
"""


@functools.cache
def bare():
    """Gives the modules of an isolated interpreter that does nothing."""
    command = ["/usr/bin/python3", "-IS", "-c", "import os, sys; print(*sys.modules)"]
    return set(subprocess.check_output(command).decode().split())


@functools.cache
def _copy():
    """Gives a launcher without archives: those of the checkout hold what the first run needed, which may be more."""
    directory = tempfile.mkdtemp(prefix="ocipy-modules-")
    atexit.register(shutil.rmtree, directory)
    ignored = shutil.ignore_patterns("*.bin")
    return shutil.copytree(f"{CHECKOUT}/ocipy", f"{directory}/ocipy", ignore=ignored) + "/bin/ocipy"


def loaded(*words):
    """Gives (exit code, modules beyond those of a bare interpreter and os) of the command line `words`."""
    read, write = os.pipe()
    launcher = _copy()
    caches = f"{launcher[:-len('/bin/ocipy')]}/__pycache__"
    for name in os.listdir(caches) if os.path.isdir(caches) else ():
        if name.endswith(".bin"):
            os.unlink(f"{caches}/{name}")
    code = _CODE.format(launcher=launcher)
    command = ["/usr/bin/python3", "-IS", "-c", code, str(write), *words]
    process = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with open(read, "rb") as file:
        names = file.read().decode().split()
    return process.wait(), set(names) - bare()


# What importing them would cost is in the design: 8 to 340 ms.
SLOW = {
    "argparse", "collections", "contextlib", "ctypes", "dataclasses", "enum", "functools", "inspect", "json",
    "jsonschema", "logging", "pathlib", "pyroute2", "re", "shutil", "signal", "site", "socket", "subprocess",
    "tempfile", "traceback", "types", "typing",
}
