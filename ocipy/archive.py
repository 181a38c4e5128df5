"""The compiled modules of this package in one file, since a container start is mostly imports.

importlib asks several directories for each module and reads each from a file of its own: 0.2 ms a module, of which
half is saved here. The file lies beside Python's own compiled files, is made from them, and is trusted as they are: a
module whose source has changed (time or size) is not taken from it.
"""

from __future__ import annotations

import marshal
import os
import sys

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Sequence
    from importlib.machinery import ModuleSpec
    from types import CodeType, ModuleType

    # Source's modification time in nanoseconds, its size, whether it is a package, the marshalled code.
    Entry = tuple[int, int, bool, bytes]

_PACKAGE = os.path.dirname(os.path.abspath(__file__))
_ROOT = os.path.dirname(_PACKAGE)
_TAG = sys.implementation.cache_tag
_FILE = f"{_PACKAGE}/__pycache__/archive.{_TAG}.bin"
_HEADER = 16  # of a .pyc: magic, flags, source's time (seconds) and size
_Spec: type[ModuleSpec] = type(sys.__spec__)


class Archive:
    """A finder and loader, for sys.meta_path. missed: whether a module of the package was not in it."""

    def __init__(self) -> None:
        self.missed = False
        self.entries: dict[str, Entry] = {}
        try:
            with open(_FILE, "rb") as file:
                self.entries = marshal.loads(file.read())
        except (OSError, ValueError, EOFError, TypeError):
            # Not made yet, or damaged: the modules are found the ordinary way, and it is made anew.
            pass

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        if not name.startswith("ocipy."):
            return None
        entry = self.entries.get(name)
        if entry is not None:
            source = _source(name, entry[2])
            if _stamp(source) == entry[:2]:
                spec = _Spec(name, self, origin=source, is_package=entry[2])  # type: ignore[arg-type]
                if entry[2]:
                    # Where the ordinary finders look for a module that is not taken from here.
                    spec.submodule_search_locations = [os.path.dirname(source)]
                spec.has_location = True
                return spec
        self.missed = True
        return None

    def create_module(self, spec: ModuleSpec) -> None:
        """Leaves the making of the module to importlib."""

    def exec_module(self, module: ModuleType) -> None:
        code: CodeType = marshal.loads(self.entries[module.__name__][3])
        exec(code, module.__dict__)


def _source(name: str, is_package: bool) -> str:
    return f"{_ROOT}/{name.replace('.', '/')}{'/__init__' if is_package else ''}.py"


def _stamp(source: str) -> tuple[int, int] | None:
    try:
        status = os.stat(source)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _collect() -> dict[str, Entry]:
    """Gives an entry for each module whose compiled file is there and up to date."""
    entries = {}
    for directory, directories, files in os.walk(_PACKAGE):
        directories[:] = [name for name in directories if name != "__pycache__"]
        for file in files:
            stem, extension = os.path.splitext(file)
            source = f"{directory}/{file}"
            stamp = _stamp(source)
            if extension != ".py" or stamp is None:
                continue
            code = _compiled(f"{directory}/__pycache__/{stem}.{_TAG}.pyc", stamp)
            if code:
                is_package = stem == "__init__"
                path = directory if is_package else f"{directory}/{stem}"
                entries[path[len(_ROOT) + 1 :].replace("/", ".")] = (*stamp, is_package, code)
    return entries


def _compiled(path: str, stamp: tuple[int, int]) -> bytes:
    """Gives the marshalled code of a .pyc that was made from the source with that stamp, or b""."""
    try:
        with open(path, "rb") as file:
            data = file.read()
    except OSError:
        return b""
    seconds, size = stamp[0] // 1_000_000_000 & 0xFFFFFFFF, stamp[1] & 0xFFFFFFFF
    expected = bytes(4) + seconds.to_bytes(4, "little") + size.to_bytes(4, "little")
    return data[_HEADER:] if data[4:_HEADER] == expected else b""


def install() -> None:
    """Puts the archive before the ordinary finders."""
    sys.meta_path.insert(0, Archive())


def refresh() -> None:
    """Makes the file anew when it lacked a module, if this user may; at the end of a command."""
    missed = any(isinstance(finder, Archive) and finder.missed for finder in sys.meta_path)
    if not missed or not os.access(os.path.dirname(_FILE), os.W_OK):
        return
    temporary = f"{_FILE}.{os.getpid()}"
    try:
        with open(temporary, "xb") as file:
            file.write(marshal.dumps(_collect()))
        os.rename(temporary, _FILE)
    except OSError:
        # Nothing depends on it but speed.
        pass
