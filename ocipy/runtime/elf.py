"""What an ELF file says of itself, and which shared libraries it needs: elf(5), ld.so(8).

Nothing is run to find that out: ldd runs the program that it is asked about.
"""

from __future__ import annotations

import mmap
import os
import struct
from glob import glob

from ..errors import OcipyError
from ..record import Record

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

_PT_LOAD, _PT_DYNAMIC, _PT_INTERP = 1, 2, 3
_DT_NULL, _DT_NEEDED, _DT_STRTAB, _DT_RPATH, _DT_RUNPATH = 0, 1, 5, 15, 29
_MACHINES = {3: "i386", 8: "mips", 21: "ppc64", 22: "s390", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv",
             258: "loongarch"}

_CACHE = "/etc/ld.so.cache"
_CACHE_MAGIC = b"glibc-ld.so.cache1.1"
# The parts of libc that musl's loader provides itself, under whatever suffix (libc.musl-x86_64.so.1).
_MUSL_OWN = tuple(f"lib{part}." for part in ("c", "pthread", "rt", "m", "dl", "util", "xnet"))


class Elf(Record):
    """machine: its name and width, `x86_64 (64-bit)`. interpreter: "" of a static program and of a library.

    rpath, runpath: directories, `$ORIGIN` as it stands.
    """

    machine: str
    interpreter: str = ""
    needed: tuple[str, ...] = ()
    rpath: tuple[str, ...] = ()
    runpath: tuple[str, ...] = ()


def read_elf(path: str) -> Elf | None:
    """Gives what the file says; None when it is no ELF file. Raises OcipyError on a damaged one, OSError otherwise."""
    with open(path, "rb") as file:
        if file.read(4) != b"\x7fELF":
            return None
        try:
            with mmap.mmap(file.fileno(), 0, prot=mmap.PROT_READ) as image:
                return _parse(image)
        except (struct.error, LookupError, OverflowError):
            raise OcipyError(f"{path}: damaged ELF file") from None


def _parse(image: mmap.mmap) -> Elf:
    wide = {1: False, 2: True}[image[4]]
    order = {1: "<", 2: ">"}[image[5]]
    (machine,) = struct.unpack_from(f"{order}H", image, 18)
    name = f"{_MACHINES.get(machine, f'machine {machine}')} ({64 if wide else 32}-bit)"
    interpreter, loads, dynamic = "", [], b""
    for kind, offset, address, size in _segments(image, order, wide):
        if kind == _PT_INTERP:
            interpreter = os.fsdecode(image[offset : offset + size].rstrip(b"\0"))
        elif kind == _PT_LOAD:
            loads.append((address, size, offset))
        elif kind == _PT_DYNAMIC:
            dynamic = image[offset : offset + size]

    entries = _dynamic_entries(dynamic, order, wide)
    strings = next((value for tag, value in entries if tag == _DT_STRTAB), 0)
    start = next((offset + strings - address for address, size, offset in loads if 0 <= strings - address < size), 0)

    def texts(wanted: int) -> list[str]:
        return [_string(image, start + value) for tag, value in entries if tag == wanted]

    def directories(wanted: int) -> tuple[str, ...]:
        return tuple(filter(None, ":".join(texts(wanted)).split(":")))

    return Elf(machine=name, interpreter=interpreter, needed=tuple(texts(_DT_NEEDED)),
               rpath=directories(_DT_RPATH), runpath=directories(_DT_RUNPATH))


def _segments(image: mmap.mmap, order: str, wide: bool) -> Iterator[tuple[int, int, int, int]]:
    """Gives type, offset, virtual address and size in the file of each program header."""
    (table,) = struct.unpack_from(order + ("Q" if wide else "I"), image, 32 if wide else 28)
    step, count = struct.unpack_from(f"{order}HH", image, 54 if wide else 42)
    for index in range(count):
        if wide:
            kind, _flags, offset, address, _physical, size = struct.unpack_from(f"{order}IIQQQQ", image,
                                                                                table + index * step)
        else:
            kind, offset, address, _physical, size = struct.unpack_from(f"{order}IIIII", image, table + index * step)
        yield kind, offset, address, size


def _dynamic_entries(dynamic: bytes, order: str, wide: bool) -> list[tuple[int, int]]:
    entry = struct.Struct(order + ("QQ" if wide else "II"))
    entries = []
    for tag, value in entry.iter_unpack(dynamic[: len(dynamic) // entry.size * entry.size]):
        if tag == _DT_NULL:
            break
        entries.append((tag, value))
    return entries


def _string(image: mmap.mmap, start: int) -> str:
    end = image.find(b"\0", start)
    if end < 0:
        raise IndexError
    return os.fsdecode(image[start:end])


def standard_directories() -> list[str]:
    """Gives the directories that a loader searches without being told to, those of Debian's multiarch included."""
    places = []
    for base in ("/lib", "/usr/lib"):
        places += [*sorted(glob(f"{base}/*-linux-*")), f"{base}64", base, f"{base}32"]
    return places


def dependencies(path: str) -> list[str]:
    """Gives the loader and all libraries that a program needs, directly or not, by the paths where ld.so finds them.

    Raises OcipyError when one is not found.
    """
    program = read_elf(path)
    if program is None or not (program.interpreter or program.needed):
        return []
    loader = program.interpreter
    if loader and not os.path.exists(loader):
        raise OcipyError(f"{loader}, the loader of {path}, not found")
    musl = os.path.basename(loader).startswith("ld-musl-")
    cache = {} if musl else _read_cache()
    last = ["/lib", "/usr/local/lib", "/usr/lib"] if musl else standard_directories()
    loaded = {os.path.basename(loader): loader} if loader else {}
    # Breadth first, as ld.so: a library that is loaded already serves whoever asks for its name later.
    queue: list[tuple[str, Elf, list[str]]] = [(os.path.realpath(path), program, [])]
    for user, elf, inherited in queue:
        runpath = _expand(elf.runpath, user)
        # DT_RPATH also serves the libraries of one's libraries, and is not read where there is a DT_RUNPATH.
        rpath = inherited if runpath else _expand(elf.rpath, user) + inherited
        for name in elf.needed:
            if name in loaded or (musl and name.startswith(_MUSL_OWN)):
                continue
            first = runpath or rpath
            if "/" in name:
                candidates = [name]
            else:
                candidates = [*(f"{place}/{name}" for place in first), *cache.get(name, ()),
                              *(f"{place}/{name}" for place in last)]
            found, library = _first_of_machine(candidates, elf.machine)
            if library is None:
                raise OcipyError(f"{name}, needed by {user}, not found")
            loaded[name] = found
            queue.append((found, library, rpath))
    return list(loaded.values())


def _first_of_machine(candidates: list[str], machine: str) -> tuple[str, Elf | None]:
    for candidate in candidates:
        if os.path.isfile(candidate):
            library = read_elf(candidate)
            if library is not None and library.machine == machine:
                return candidate, library
    return "", None


def _expand(directories: tuple[str, ...], user: str) -> list[str]:
    """Puts the directory of the file that names them in the place of $ORIGIN."""
    origin = os.path.dirname(user)
    return [os.path.normpath(place.replace("${ORIGIN}", origin).replace("$ORIGIN", origin)) for place in directories]


def _read_cache() -> dict[str, list[str]]:
    """Gives the paths of each name in the cache that ldconfig(8) makes; none where there is no readable cache."""
    try:
        with open(_CACHE, "rb") as file:
            data = file.read()
    except FileNotFoundError:
        return {}
    # Older versions of ldconfig put a cache in the first format before this one.
    data = data[max(data.find(_CACHE_MAGIC), 0):]
    paths: dict[str, list[str]] = {}
    if not data.startswith(_CACHE_MAGIC):
        return paths
    try:
        (count,) = struct.unpack_from("=I", data, 20)
        for _flags, key, value, _version, capabilities in struct.iter_unpack("=iIIIQ", data[48 : 48 + count * 24]):
            # Variants for newer processors lie below the directory of the plain library, which runs everywhere.
            if not capabilities:
                name, path = (os.fsdecode(data[start : data.index(b"\0", start)]) for start in (key, value))
                paths.setdefault(name, []).append(path)
    except (struct.error, ValueError):
        raise OcipyError(f"{_CACHE}: damaged", hint="run ldconfig") from None
    return paths
