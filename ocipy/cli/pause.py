"""ocipy pause: stop all processes of a container where they are."""

from __future__ import annotations

from .options import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb("stop all processes of a container where they are", operands="ID", least=1, most=1)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.pause import pause
    from ..runtime.state import Container
    from ..runtime.store import Store

    pause(Container.load(Store(settings.root), arguments["operands"][0]))
    return 0
