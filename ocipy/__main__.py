"""What bin/ocipy starts: loads the modules of the verb from an archive, or by importing them (see archive.py)."""

import posix
import sys
from _frozen_importlib_external import MAGIC_NUMBER
from _imp import create_builtin, create_dynamic, exec_dynamic, extension_suffixes
from marshal import loads

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

Module = type(sys)


def main() -> None:
    # Code objects and classes live as long as the process: looking through them for garbage costs 2 ms a start.
    load_in_c("gc").disable()
    if not (sys.flags.isolated and sys.flags.no_site):
        # python3 -m ocipy
        posix.execv(sys.executable, [sys.executable, "-IS", "-X", "utf8", __file__, *sys.argv[1:]])
    if sys.version_info < (3, 11):
        sys.exit(f"ocipy: Python 3.11 or later is needed, {sys.executable} is {sys.version.split()[0]}")
    if sys.prefix.startswith("/run/ocipy."):
        turn_to_library()
    # What Python caches of its code must be writable by root alone.
    posix.umask(posix.umask(0o077) | 0o022)
    package = find_package()
    # Any of these among the words is most likely the verb.
    quick = {"create", "run", "exec", "start", "state", "kill", "delete", "pause", "resume"}
    name = next((word for word in sys.argv[1:] if word in quick), "main")
    # The code in archives has no line numbers, which --debug shows.
    if "--debug" in sys.argv or not load(package, name):
        # On the path only while `ocipy` itself is imported: no package beside it can replace one of the library's.
        sys.path.insert(0, package.rpartition("/")[0])
        from ocipy import archive

        del sys.path[0]
        archive.record(name)
    from ocipy.cli.main import main

    main(sys.argv[1:])


def turn_to_library() -> None:
    """Gives the kept interpreter (linux/interpreter.py), which starts from a few links, the library they lead to."""
    shared = posix.readlink(sys.path[-1])
    library = shared.rpartition("/")[0]
    sys.path[1:] = library, shared
    sys.modules["encodings"].__path__ = [f"{library}/encodings"]
    sys.prefix = sys.exec_prefix = library.rpartition("/")[0].rpartition("/")[0]


def find_package() -> str:
    """Gives the directory of the package, without links and `..` in it."""
    directory = __file__.rpartition("/")[0]
    if directory.endswith("/__pycache__"):
        directory = directory.rpartition("/")[0]
    descriptor = posix.open(directory or ".", posix.O_PATH | posix.O_CLOEXEC)
    try:
        return posix.readlink(f"/proc/self/fd/{descriptor}")
    except OSError:
        # No /proc, which `doctor` tells.
        here = posix.open(".", posix.O_PATH | posix.O_CLOEXEC)
        posix.fchdir(descriptor)
        path = posix.getcwd()
        posix.fchdir(here)
        posix.close(here)
        return path
    finally:
        posix.close(descriptor)


def load(package: str, name: str) -> bool:
    """Loads the modules of an archive; False, and nothing is done, when there is none or it is void."""
    try:
        with open(f"{package}/__pycache__/{name}.{sys.implementation.cache_tag}.bin", "rb", 0) as file:
            # Open to others, or made by another version.
            if posix.fstat(file.fileno()).st_mode & 0o022 or file.read(len(MAGIC_NUMBER)) != MAGIC_NUMBER:
                return False
            in_c, entries = loads(file.read())
        for _name, source, time, size, _is_package, _imports, _code in entries:
            status = posix.stat(package + source)
            if status.st_mtime_ns != time or status.st_size != size:
                return False
    except (OSError, ValueError, EOFError, TypeError):
        return False
    for name in in_c:
        try:
            load_in_c(name)
        except ImportError:
            # It is not where this interpreter has its shared libraries: left to importlib.
            pass
    modules = sys.modules
    for name, source, _time, _size, is_package, imports, code in entries:
        modules[name] = module = Module(name)
        module.__file__ = package + source
        parent, _dot, short = name.rpartition(".")
        if is_package:
            module.__path__ = [module.__file__.rpartition("/")[0]]
            module.__package__ = name
        else:
            module.__package__ = parent
        if parent:
            setattr(modules[parent], short, module)
        namespace = module.__dict__
        for giver, names in imports:
            given = modules[giver].__dict__
            for alias, own in names:
                namespace[alias] = given[own]
        exec(code, namespace)
    return True


def load_in_c(name: str) -> "Any":
    """Loads and gives a module in C; importlib takes ten times as long (0.05 to 0.2 ms). Raises ImportError."""
    spec = Spec(name)
    sys.modules[name] = module = create_builtin(spec) or create_dynamic(spec)  # type: ignore[arg-type]
    exec_dynamic(module)
    return module


class Spec:
    """What the making of a module in C needs of a ModuleSpec."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.origin = f"{sys.path[-1]}/{name}{extension_suffixes()[0]}"


main()
