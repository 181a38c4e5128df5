"""Makes a bundle out of programs of the host: an image to look at and to try things in, without a registry."""

from __future__ import annotations

import os
import shutil
import subprocess

from ..errors import OcipyError
from ..record import Record
from ..spec.default import default
from ..spec.jsontext import encode_pretty
from .bundle_tree import Tree, resolve
from .elf import dependencies, read_elf, standard_directories

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

PATH = ("/usr/local/sbin", "/usr/local/bin", "/usr/sbin", "/usr/bin", "/sbin", "/bin")
# Machines, the second of which the first one's kernel runs too.
_COMPATIBLE = ("x86_64 (64-bit)", "i386 (32-bit)")
TOOLS = (
    "cat", "chmod", "chown", "cp", "date", "df", "echo", "env", "grep", "head", "hostname", "id", "ip", "kill", "ln",
    "ls", "mkdir", "mount", "mv", "ps", "pwd", "readlink", "rm", "sed", "sleep", "stat", "tail", "touch", "true",
    "umount", "uname",
)
MOUNT_POINTS = ("/proc", "/sys", "/dev", "/dev/pts", "/dev/shm", "/run", "/var", "/home", "/etc")
FILES = {
    "/etc/passwd": "root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/:/bin/false\n",
    "/etc/group": "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n",
    "/etc/hosts": "127.0.0.1\tlocalhost\n::1\tlocalhost\n",
    "/etc/resolv.conf": "",
    "/etc/nsswitch.conf": "passwd: files\ngroup: files\nhosts: files dns\n",
}


class Recipe(Record):
    """What a bundle is made of.

    binaries: names or paths of programs. files: pairs of a path on the host and one in the container. busybox: take it
    where the host has it; else, the host's shell and tools. args: process.args. terminal: process.terminal.
    """

    binaries: tuple[str, ...] = ()
    files: tuple[tuple[str, str], ...] = ()
    busybox: bool = True
    args: tuple[str, ...] = ("sh",)
    terminal: bool = False
    rootless: bool = False


def make_bundle(directory: str, recipe: Recipe) -> Tree:
    """Makes `directory` (which must be missing or empty) a bundle, and gives its root file system.

    A failure leaves nothing behind. Raises OcipyError, and OSError of the copying.
    """
    made = _claim(directory)
    try:
        tree = Tree(os.path.abspath(directory) + "/rootfs")
        _fill(tree, recipe)
        config = _config(recipe)
        tree.text("/etc/hostname", config["hostname"] + "\n")
        _require_program(tree, recipe.args[0])
        with open(f"{directory}/config.json", "w", encoding="utf-8") as file:
            file.write(encode_pretty(config, "\t") + "\n")
    except BaseException:
        shutil.rmtree(f"{directory}/rootfs", ignore_errors=True)
        if made:
            os.rmdir(directory)
        raise
    return tree


def find_binary(name: str) -> str:
    """Gives the path of a program: `name` itself when it has a slash, else where it is in the standard directories.

    The caller's PATH has no say: what the bundle holds does not depend on who makes it. Raises OcipyError.
    """
    if "/" not in name:
        for place in PATH:
            path = f"{place}/{name}"
            if os.path.isfile(path) and os.access(path, os.X_OK):
                return path
        raise OcipyError(f"{name}: no such binary on PATH", hint=f"looked in {':'.join(PATH)}")
    path = os.path.abspath(name)
    if not os.path.exists(path):
        raise OcipyError(f"{name}: no such binary")
    if not os.path.isfile(path):
        raise OcipyError(f"{name}: not a file")
    if not os.access(path, os.X_OK):
        raise OcipyError(f"{name}: not executable")
    return path


def add_binary(tree: Tree, path: str) -> None:
    """Copies a program with all that it needs to run: loader and libraries, or the interpreter of a script.

    Raises OcipyError when something of it is missing, or when it is made for another machine.
    """
    elf = read_elf(path)
    if elf is None:
        interpreters = _interpreters(path)
        tree.mirror(path)
        for interpreter in interpreters:
            # A script is no interpreter of itself; the kernel follows a chain of scripts as we do.
            if os.path.realpath(interpreter) not in tree.files:
                add_binary(tree, interpreter)
        return
    host = read_elf("/proc/self/exe")
    if host is not None and elf.machine != host.machine and (host.machine, elf.machine) != _COMPATIBLE:
        raise OcipyError(f"{path}: made for {elf.machine}, this machine is {host.machine}")
    tree.mirror(path)
    standard = standard_directories()
    for library in dependencies(path):
        tree.mirror(library)
        if os.path.dirname(library) not in standard and os.path.exists("/etc/ld.so.cache"):
            # Found by the cache alone, perhaps; names in it that are not in the bundle do no harm.
            tree.mirror("/etc/ld.so.cache")


def _interpreters(script: str) -> list[str]:
    """Gives the programs that a script needs: the one behind its `#!`, and the one that env(1) is to find."""
    with open(script, "rb") as file:
        line = os.fsdecode(file.readline(256)).rstrip("\n")
    if not line.startswith("#!"):
        raise OcipyError(f"{script}: neither an ELF program nor a script that names its interpreter")
    interpreter, _, rest = line[2:].strip(" \t").partition(" ")
    if not interpreter.startswith("/") or not os.path.isfile(interpreter):
        raise OcipyError(f"{interpreter or 'the empty path'}, the interpreter of {script}, not found")
    if os.path.basename(interpreter) != "env":
        return [interpreter]
    names = [word for word in rest.split() if not word.startswith("-") and "=" not in word]
    return [interpreter, *map(find_binary, names[:1])]


def _claim(directory: str) -> bool:
    """Makes the directory and gives True, or False when it is there and empty."""
    try:
        os.mkdir(directory)
        return True
    except FileExistsError:
        if os.listdir(directory):
            raise OcipyError(f"{directory}: not empty", hint="name a directory that does not exist") from None
        return False


def _fill(tree: Tree, recipe: Recipe) -> None:
    _lay_out(tree)
    for name in recipe.binaries:
        add_binary(tree, find_binary(name))
    if recipe.busybox and _exists("busybox"):
        busybox = find_binary("busybox")
        add_binary(tree, busybox)
        _add_applets(tree, busybox)
    else:
        add_binary(tree, find_binary("sh"))
        for name in filter(_exists, TOOLS):
            add_binary(tree, find_binary(name))
    for path, content in FILES.items():
        tree.text(path, content)
    for source, destination in recipe.files:
        _add_file(tree, source, destination)


def _exists(name: str) -> bool:
    return any(os.access(f"{place}/{name}", os.X_OK) for place in PATH)


def _lay_out(tree: Tree) -> None:
    os.mkdir(tree.root)
    os.chmod(tree.root, 0o755)
    # Where the host's /bin is a link to usr/bin, the bundle's is too: a program is then found under both names.
    for name in ("bin", "sbin", "lib", "lib32", "lib64", "libx32"):
        if os.path.islink(f"/{name}"):
            text = os.readlink(f"/{name}")
            tree.link(f"/{name}", text)
            tree.directory(f"/{name}")
        elif name in ("bin", "sbin", "lib"):
            tree.directory(f"/{name}")
    for path in MOUNT_POINTS:
        tree.directory(path)
    tree.directory("/tmp", 0o1777)
    tree.directory("/root", 0o700)


def _add_applets(tree: Tree, busybox: str) -> None:
    """Makes a link to busybox for each of its applets, but where a program of this name is in the bundle already."""
    try:
        listing = subprocess.check_output([busybox, "--list"], env={}, stdin=subprocess.DEVNULL, timeout=10)
    except subprocess.SubprocessError as error:
        raise OcipyError(str(error), hint="use --no-busybox") from None
    text = os.path.relpath(os.path.realpath(busybox), os.path.realpath("/bin"))
    for applet in os.fsdecode(listing).split():
        if not any(os.path.lexists(f"{tree.host_path(place)}/{applet}") for place in PATH):
            tree.link(f"/bin/{applet}", text)


def _add_file(tree: Tree, source: str, destination: str) -> None:
    if os.path.isdir(source):
        if os.path.realpath(tree.root).startswith(os.path.realpath(source).rstrip("/") + "/"):
            raise OcipyError(f"{source}: holds the bundle itself")
        tree.trees.append(resolve(tree.root, destination)[0])
        tree.copy_tree(source, destination)
    elif os.path.isfile(source):
        if destination.endswith("/") or os.path.isdir(tree.host_path(destination)):
            destination = f"{destination}/{os.path.basename(source)}"
        tree.copy(source, destination)
    else:
        raise OcipyError(f"{source}: {'not a file or directory' if os.path.lexists(source) else 'no such file'}")


def _config(recipe: Recipe) -> dict[str, Any]:
    config = default(rootless=recipe.rootless)
    config["process"] |= {"terminal": recipe.terminal, "args": list(recipe.args)}
    config["root"]["readonly"] = False
    return config


def _require_program(tree: Tree, program: str) -> None:
    """Looks for process.args[0] as the runtime will."""
    places = [""] if "/" in program else PATH
    paths = [tree.host_path(f"{place}/{program}") for place in places]
    if not any(os.path.isfile(path) and os.access(path, os.X_OK) for path in paths):
        raise OcipyError(f"{program}: not in the bundle", property="process.args[0]", hint="add it with --binary")
