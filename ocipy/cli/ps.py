"""ocipy ps: the processes of a container."""

from __future__ import annotations

from .options import Option, UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb(
    "list the processes of a container\n\nWith options of ps(1), the host's ps is run with them; else none is needed.",
    operands="ID [PS OPTIONS]",
    least=1,
    most=None,
    options=(Option("format", "f", value="FORMAT", default="table", help="table or json (default table)"),),
    stop=True,
)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.ps import container_processes, host_table, table
    from ..runtime.state import Container
    from ..runtime.store import Store
    from .main import write

    if arguments["format"] not in ("table", "json"):
        raise UsageError(f"invalid format option: {arguments['format']}: table or json")
    id, *options = arguments["operands"]
    pids = container_processes(Container.load(Store(settings.root), id))
    if arguments["format"] == "json":
        from ..spec.jsontext import encode

        return write(encode(pids or None) + "\n")
    return write(host_table(pids, options) if options else table(pids))
