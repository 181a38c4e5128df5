"""ocipy run: create and start a container, and wait for it unless detached."""

from __future__ import annotations

from .create import OPTIONS, create_options, require_sealed
from .options import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb(
    "make a container from a bundle and run it",
    operands="ID",
    least=1,
    most=1,
    options=(
        *OPTIONS,
        Option("detach", "d", help="do not wait for the container to end"),
        Option("keep", help="do not delete the container when it ends"),
        Option("no-subreaper", help="accepted: init is a child of this process in any case"),
    ),
)


def execute(settings: Settings, arguments: Arguments) -> int:
    require_sealed()
    from ..runtime.run import run
    from ..runtime.store import Store

    return run(
        Store(settings.root), arguments["operands"][0], create_options(settings, arguments), settings.log,
        detach=arguments["detach"], keep=arguments["keep"],
    )  # fmt: skip
