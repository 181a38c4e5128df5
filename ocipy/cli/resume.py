"""ocipy resume: let the processes of a paused container go on."""

from __future__ import annotations

from .options import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb("let the processes of a paused container go on", operands="ID", least=1, most=1)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.pause import resume
    from ..runtime.state import Container
    from ..runtime.store import Store

    resume(Container.load(Store(settings.root), arguments["operands"][0]))
    return 0
