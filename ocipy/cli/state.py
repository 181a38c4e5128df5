"""ocipy state: print the state of a container as JSON."""

from __future__ import annotations

from .options import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb("print the state of a container", operands="ID", least=1, most=1)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.state import Container
    from ..runtime.store import Store
    from ..spec.jsontext import encode_pretty
    from .main import write

    return write(encode_pretty(Container.load(Store(settings.root), arguments["operands"][0]).state(), "  "))
