"""ocipy wait: block until a container has ended."""

from __future__ import annotations

from .options import Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb("wait until a container has ended, and print its exit code", operands="ID", least=1, most=1)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..errors import OcipyError
    from ..runtime.state import Container
    from ..runtime.store import Store
    from ..runtime.wait import wait
    from .main import write

    id = arguments["operands"][0]
    code = wait(Container.load(Store(settings.root), id))
    if code is None:
        raise OcipyError(
            f"container {id} has ended, but its exit code is not known", hint="a foreground `run` records it"
        )
    return write(f"{code}\n")
