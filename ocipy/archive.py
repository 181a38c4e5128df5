"""The modules of a quick verb in one file: importing them one by one is most of what a container start costs.

importlib takes 0.2 ms for each module: it asks several directories, reads a file, keeps locks. Reading all code at
once and executing it in the order in which the modules once completed takes a third of that. The files lie beside
Python's own compiled ones, are made from the same sources by the first run that ends well, and are trusted alike; a
source that has changed (time or size) makes its archive void. `__main__` reads them; this module makes them.
"""

from __future__ import annotations
import __future__

import _ast
import marshal
import posix
import sys
from _frozen_importlib_external import MAGIC_NUMBER, PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

    # A module of the package, and what it gives to another: pairs of the name that it has there and its own.
    Import = tuple[str, tuple[tuple[str, str], ...]]
    # Name, source below the package, its modification time in nanoseconds and size, whether it is a package, what it
    # imports from modules before it, its code.
    Entry = tuple[str, str, int, int, bool, tuple[Import, ...], CodeType]
    # The names of the modules in C, and the entries.
    Archive = tuple[list[str], list[Entry]]

_PACKAGE = __file__.rpartition("/")[0]
_CACHE = f"{_PACKAGE}/__pycache__"
# What a verb needs or not, by the config: in its archive in any case, for engines give every container a profile.
_SECCOMP = ("spec.seccomp", "plan.seccomp", "linux.seccomp", "runtime.seccomp_cache")
_OPTIONAL = {"create": _SECCOMP, "run": _SECCOMP, "exec": _SECCOMP}
# What each quick verb loads to do its work.
_EXECUTED = "ocipy.runtime.store"


class _Recorder:
    """Finds modules as PathFinder does, and notes the order in which they complete."""

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self.names: list[str] = []
        self.known = set(sys.modules)

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith("ocipy."):
            return None
        spec: ModuleSpec | None = PathFinder.find_spec(name, path, target)
        if spec is not None:
            spec.loader = _RecordingLoader(spec.loader, self.names)  # type: ignore[assignment]
        return spec


class _RecordingLoader:
    def __init__(self, loader: Any, names: list[str]) -> None:
        self.loader = loader
        self.names = names

    def create_module(self, spec: ModuleSpec) -> None:
        """Leaves the making of the module to importlib."""

    def exec_module(self, module: ModuleType) -> None:
        self.loader.exec_module(module)
        self.names.append(module.__name__)


def record(name: str) -> None:
    """Notes what is imported from now on, for the archive `name`."""
    sys.meta_path.insert(0, _Recorder(name))


def save() -> None:
    """Makes the archive that was lacking, if this user may; after the work is done."""
    for finder in sys.meta_path:
        if isinstance(finder, _Recorder) and finder.names and posix.access(_CACHE, posix.W_OK):
            if finder.archive != "main" and _EXECUTED not in finder.names:
                # Help was shown. What the verb needs was not loaded, and would be looked for file by file ever after.
                continue
            for name in _OPTIONAL.get(finder.archive, ()):
                __import__(f"ocipy.{name}")
            names, in_c = finder.names, _modules_in_c(finder.known)
            if finder.archive == "main":
                # The other verbs share it: none of them pays for what the first one needed.
                names, in_c = names[: names.index("ocipy.cli.main") + 1], []
            # A package is made before what is in it, whatever imported it first.
            names = sorted(names, key=lambda name: not hasattr(sys.modules[name], "__path__"))
            entries = [_entry(name, sys.modules[name]) for name in ("ocipy", *names)]
            archive: Archive = (in_c, entries)
            _write(f"{finder.archive}.{sys.implementation.cache_tag}.bin", MAGIC_NUMBER + marshal.dumps(archive))
            _save_main()


def _modules_in_c(known: set[str]) -> list[str]:
    """Gives the modules without Python code, built in or shared libraries, that came after those known."""
    kinds = ("BuiltinImporter", "ExtensionFileLoader")
    found = []
    for name, module in sys.modules.items():
        loader = getattr(getattr(module, "__spec__", None), "loader", None)
        # The loader of a built-in module is a class.
        if name not in known and getattr(loader, "__name__", type(loader).__name__) in kinds:
            found.append(name)
    return found


def _save_main() -> None:
    """Compiles `__main__`, which Python itself never caches, in the form of a .pyc file."""
    path = f"{_PACKAGE}/__main__.py"
    with open(path, "rb") as file:
        status = posix.fstat(file.fileno())
        code = compile(file.read(), path, "exec", dont_inherit=True)
    words = (0, int(status.st_mtime) & 0xFFFFFFFF, status.st_size & 0xFFFFFFFF)
    header = MAGIC_NUMBER + b"".join(word.to_bytes(4, "little") for word in words)
    _write(f"__main__.{sys.implementation.cache_tag}.pyc", header + marshal.dumps(code))


def _write(name: str, data: bytes) -> None:
    path = f"{_CACHE}/{name}"
    try:
        # A caller's umask may be 0, and what is in the file is executed as root.
        flags = posix.O_WRONLY | posix.O_CREAT | posix.O_EXCL | posix.O_CLOEXEC
        descriptor = posix.open(f"{path}.{posix.getpid()}", flags, 0o644)
        with open(descriptor, "wb") as file:
            file.write(data)
        posix.rename(f"{path}.{posix.getpid()}", path)
    except OSError:
        # Nothing depends on it but speed.
        pass


def _entry(name: str, module: ModuleType) -> Entry:
    """Gives the entry of a loaded module, compiled anew without docstrings and line numbers: a third less to read.

    A statement that imports from the package takes the interpreter twenty times as long as the bare look-up that it
    ends in, and a container needs 400 of them: they become a table.
    """
    source = module.__file__ or ""
    with open(source, "rb") as file:
        status = posix.fstat(file.fileno())
        # As a flag of the compiler, since the statement imports a module at each start.
        text = file.read().replace(b"\nfrom __future__ import annotations\n", b"\n\n")
        flags = __future__.annotations.compiler_flag
        tree = compile(text, source, "exec", _ast.PyCF_ONLY_AST | flags, dont_inherit=True)
        imports = _take_imports(tree, module.__package__ or "")
        code = compile(_without_types(tree), source, "exec", flags, dont_inherit=True, optimize=2)
    short, is_package = source[len(_PACKAGE) :], hasattr(module, "__path__")
    return name, short, status.st_mtime_ns, status.st_size, is_package, imports, _without_lines(code)


def _take_imports(tree: Any, package: str) -> tuple[Import, ...]:
    """Takes out the statements that import from the package, which it gives, and those for type checkers alone."""
    imports: list[Import] = []
    body = []
    for statement in tree.body:
        if isinstance(statement, _ast.ImportFrom) and statement.level:
            words = package.split(".")[: 1 - statement.level or None]
            source = ".".join([*words, statement.module] if statement.module else words)
            imports.append((source, tuple((alias.asname or alias.name, alias.name) for alias in statement.names)))
        elif isinstance(statement, _ast.If) and getattr(statement.test, "id", "") == "TYPE_CHECKING":
            body += statement.orelse
        else:
            body.append(statement)
    tree.body = body
    return tuple(imports)


def _without_types(node: Any) -> Any:
    """Takes the annotations of functions out; those of classes are the fields of a Record."""
    if isinstance(node, _ast.FunctionDef):
        node.returns = None
    elif isinstance(node, _ast.arg):
        node.annotation = None
    for name in node._fields:
        value = getattr(node, name, None)
        for child in value if isinstance(value, list) else (value,):
            if isinstance(child, _ast.AST):
                _without_types(child)
    return node


def _without_lines(code: CodeType) -> CodeType:
    """Only --debug shows lines, and does without archives."""
    constants = (_without_lines(value) if isinstance(value, type(code)) else value for value in code.co_consts)
    return code.replace(co_linetable=b"", co_consts=tuple(constants))
