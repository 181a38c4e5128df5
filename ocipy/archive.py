"""The modules of a quick verb in one file: importing them one by one is most of what a container start costs.

importlib takes 0.2 ms for each module: it asks several directories, reads a file, keeps locks. Reading all code at
once and executing it in the order in which the modules once completed takes a third of that. The files lie beside
Python's own compiled ones, are made from the same sources by the first run that ends well, and are trusted alike; a
source that has changed (time or size) makes its archive void.
"""

from __future__ import annotations

import gc
import marshal
import os
import sys
from _frozen_importlib_external import MAGIC_NUMBER, PathFinder

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType
    from typing import Any

    # Name, source, its modification time in nanoseconds and size, whether it is a package, its code.
    Entry = tuple[str, str, int, int, bool, CodeType]

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_CACHE = f"{_PACKAGE}/__pycache__"
_Module: type[ModuleType] = type(sys)


class _Recorder:
    """Finds modules as PathFinder does, and notes the order in which they complete."""

    def __init__(self, archive: str) -> None:
        self.archive = archive
        self.names: list[str] = []

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


def load(name: str) -> None:
    """Loads the modules of the archive `name`; when there is none or it is void, notes what gets imported instead."""
    # Code objects and classes live as long as the process: looking through them for garbage costs 2 ms a start.
    gc.disable()
    entries = _read(name)
    if not entries:
        sys.meta_path.insert(0, _Recorder(name))
        return
    for name, source, _time, _size, is_package, code in entries:
        module = _Module(name)
        module.__file__ = source
        parent, _dot, short = name.rpartition(".")
        if is_package:
            module.__path__ = [os.path.dirname(source)]
        module.__package__ = name if is_package else parent
        sys.modules[name] = module
        if parent not in sys.modules:
            # The run that made this archive had the package from another one.
            __import__(parent)
        setattr(sys.modules[parent], short, module)
        exec(code, module.__dict__)


def save() -> None:
    """Makes the archives that were lacking, if this user may; after the work is done."""
    for finder in sys.meta_path:
        if isinstance(finder, _Recorder) and finder.names and os.access(_CACHE, os.W_OK):
            _save(finder)


def _save(recorder: _Recorder) -> None:
    # A package is made before what is in it, whatever imported it first.
    names = sorted(recorder.names, key=lambda name: not hasattr(sys.modules[name], "__path__"))
    entries = [_entry(name, sys.modules[name]) for name in names]
    path = _path(recorder.archive)
    try:
        # A caller's umask may be 0, and what is in the file is executed as root.
        descriptor = os.open(f"{path}.{os.getpid()}", os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o644)
        with open(descriptor, "wb") as file:
            file.write(MAGIC_NUMBER + marshal.dumps(entries))
        os.rename(f"{path}.{os.getpid()}", path)
    except OSError:
        # Nothing depends on it but speed.
        pass


def _entry(name: str, module: ModuleType) -> Entry:
    """Gives the entry of a loaded module, compiled anew without docstrings: a fifth less to read."""
    source = module.__file__ or ""
    with open(source, "rb") as file:
        status = os.fstat(file.fileno())
        code = compile(file.read(), source, "exec", dont_inherit=True, optimize=2)
    return name, source, status.st_mtime_ns, status.st_size, hasattr(module, "__path__"), code


def _path(name: str) -> str:
    return f"{_CACHE}/{name}.{sys.implementation.cache_tag}.bin"


def _read(name: str) -> list[Entry]:
    """Gives the entries of an archive; nothing when it is missing, damaged, open to others, or older than a source."""
    try:
        with open(_path(name), "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            data = file.read()
        if mode & 0o022 or not data.startswith(MAGIC_NUMBER):
            return []
        entries: list[Entry] = marshal.loads(data[len(MAGIC_NUMBER) :])
        for _name, source, time, size, _is_package, _code in entries:
            status = os.stat(source)
            if status.st_mtime_ns != time or status.st_size != size:
                return []
    except (OSError, ValueError, EOFError, TypeError):
        return []
    return entries
