"""ocipy kill: send a signal to a container."""

from __future__ import annotations

from .options import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb(
    "send a signal (default: the image's stop signal, or TERM) to the init process of a container",
    operands="ID [SIGNAL]",
    least=1,
    most=2,
    options=(Option("all", "a", help="send it to all processes of the container"),),
)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.kill import kill, parse_signal
    from ..runtime.state import Container
    from ..runtime.store import Store

    id, *rest = arguments["operands"]
    container = Container.load(Store(settings.root), id)
    kill(container, parse_signal(rest[0]) if rest else None, all=arguments["all"])
    return 0
