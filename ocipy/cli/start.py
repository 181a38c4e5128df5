"""ocipy start: run the program of a created container."""

from __future__ import annotations

from .options import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb("run the program of a created container", operands="ID", least=1, most=1)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.start import start
    from ..runtime.state import Container
    from ..runtime.store import Store

    start(Container.load(Store(settings.root), arguments["operands"][0]), settings.log)
    return 0
