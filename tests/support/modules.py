"""Which modules a command line loads, seen in a real run of the launcher."""

import atexit
import functools
import os
import shutil
import subprocess
import tempfile

CHECKOUT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
# Runs the text of __main__; the names go to a descriptor when it leaves.
_CODE = """
import posix, sys
leave, report, sys.argv = posix._exit, int(sys.argv[1]), ["ocipy", *sys.argv[2:]]
def _exit(code):
    posix.write(report, " ".join(sys.modules).encode())
    leave(code)
posix._exit = _exit
main = {main!r}
exec(compile(open(main).read(), main, "exec"), {{"__file__": main, "__name__": "__main__"}})
"""


@functools.cache
def bare():
    """Gives the modules of an isolated interpreter that does nothing."""
    command = ["/usr/bin/python3", "-IS", "-c", "import sys; print(*sys.modules)"]
    return set(subprocess.check_output(command).decode().split())


@functools.cache
def _copy():
    """Gives a package without archives: those of the checkout hold what the first run needed, which may be more."""
    directory = tempfile.mkdtemp(prefix="ocipy-modules-")
    atexit.register(shutil.rmtree, directory)
    ignored = shutil.ignore_patterns("*.bin")
    return shutil.copytree(f"{CHECKOUT}/ocipy", f"{directory}/ocipy", ignore=ignored)


def loaded(*words):
    """Gives (exit code, modules beyond those of a bare interpreter) of the command line `words`."""
    read, write = os.pipe()
    package = _copy()
    caches = f"{package}/__pycache__"
    for name in os.listdir(caches) if os.path.isdir(caches) else ():
        if name.endswith(".bin"):
            os.unlink(f"{caches}/{name}")
    code = _CODE.format(main=f"{package}/__main__.py")
    command = ["/usr/bin/python3", "-IS", "-c", code, str(write), *words]
    process = subprocess.Popen(command, pass_fds=[write], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    os.close(write)
    with open(read, "rb") as file:
        names = file.read().decode().split()
    return process.wait(), set(names) - bare()


# What importing them would cost is in the design: 2 to 340 ms.
SLOW = {
    "argparse", "collections", "contextlib", "ctypes", "dataclasses", "enum", "functools", "inspect", "json",
    "jsonschema", "logging", "os", "pathlib", "pyroute2", "re", "shutil", "signal", "site", "socket", "subprocess",
    "tempfile", "traceback", "types", "typing",
}
