"""ocipy mounts: add mounts to a container, or remove some."""

from __future__ import annotations

from .create import require_sealed
from .options import UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .main import Settings
    from .options import Arguments

VERB = Verb(
    "mount in a container that exists what FILE lists, or unmount it; FILE is a JSON array like mounts of config.json",
    operands="add|remove ID FILE",
    least=3,
    most=3,
)


def execute(settings: Settings, arguments: Arguments) -> int:
    action, id, path = arguments["operands"]
    if action not in ("add", "remove"):
        raise UsageError(f"no such command: mounts {action}", hint="mounts add or mounts remove")
    require_sealed()
    from ..runtime.mounts import add_mounts, remove_mounts
    from ..runtime.state import Container
    from ..runtime.store import Store

    change = add_mounts if action == "add" else remove_mounts
    change(Container.load(Store(settings.root), id), path)
    return 0
