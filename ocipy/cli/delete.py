"""ocipy delete: remove a container that has stopped."""

from __future__ import annotations

from .options import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb(
    "remove a container that has stopped",
    operands="ID",
    least=1,
    most=1,
    options=(Option("force", "f", help="kill it first if need be; no error when there is none"),),
)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.delete import delete
    from ..runtime.store import Store

    delete(Store(settings.root), arguments["operands"][0], settings.log, force=arguments["force"])
    return 0
