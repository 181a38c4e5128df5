"""`ocipy bundle`: makes a bundle out of programs of the host."""

from __future__ import annotations

import os

from .options import Option, UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..runtime.bundle_tree import Tree
    from .options import Arguments

VERB = Verb(
    "make a bundle of programs of this machine: busybox, or a shell and tools where there is none",
    operands="DIR",
    least=1,
    most=1,
    options=(
        Option("binary", "x", value="PROGRAM", repeated=True,
               help="add a program, by name or path, with the libraries that it needs"),
        Option("file", "f", value="SRC[:DST]", repeated=True, help="add a file or directory, at DST in the container"),
        Option("no-busybox", help="take the shell and the tools of the host instead of busybox"),
        Option("args", value="COMMAND", default="sh", help="the command that the container runs (default: sh)"),
        Option("terminal", help="give the container a terminal"),
    ),
)


def execute(_settings: object, arguments: Arguments) -> int:
    """Makes the bundle, tells what is in it, and gives the exit code.

    Raises UsageError on a malformed option, OcipyError when a part is missing or DIR is not empty, OSError otherwise.
    """
    from ..runtime.bundle_maker import Recipe, make_bundle
    from .main import write

    directory = arguments["operands"][0]
    recipe = Recipe(
        binaries=tuple(arguments["binary"]),
        files=tuple(map(_file, arguments["file"])),
        busybox=not arguments["no-busybox"],
        args=_command(arguments["args"]),
        terminal=arguments["terminal"],
        rootless=os.geteuid() != 0,
    )
    return write(_report(directory, make_bundle(directory, recipe)))


def _file(text: str) -> tuple[str, str]:
    source, colon, destination = text.partition(":")
    if not source or (colon and not destination.startswith("/")):
        raise UsageError(f"invalid value {text!r} for -file: SRC or SRC:/DST is needed")
    return source, destination or os.path.abspath(source)


def _command(text: str) -> tuple[str, ...]:
    import shlex

    try:
        words = tuple(shlex.split(text))
    except ValueError as error:
        raise UsageError(f"invalid value {text!r} for -args: {error}") from None
    if not words:
        raise UsageError("invalid value '' for -args: a command is needed")
    return words


def _report(directory: str, tree: Tree) -> str:
    import shlex

    groups: dict[str, list[int]] = {}
    for path, size in sorted(tree.files.items()):
        above = next((tree_path for tree_path in tree.trees if path.startswith(tree_path + "/")), "")
        groups.setdefault(f"{above}/*" if above else path, []).append(size)
    lines = [f"{_size(sum(sizes)):>10}  {path}" for path, sizes in groups.items()]
    lines.append(f"{_size(sum(tree.files.values())):>10}  in all: files: {len(tree.files)}, links: {tree.links}")
    lines.append(f"next: ocipy run --bundle {shlex.quote(directory)} NAME")
    return "\n".join(lines) + "\n"


def _size(size: int) -> str:
    if size >= 2**20:
        return f"{size / 2**20:.1f} MiB"
    return f"{size / 2**10:.1f} KiB" if size >= 2**10 else f"{size} B"
