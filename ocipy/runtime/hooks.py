"""Hooks that the command runs by the state record, after create: poststart and poststop."""

from __future__ import annotations

from ..errors import OcipyError
from .state import RUNNING, STOPPED

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .log import Log
    from .state import Container


def run_host_hooks(container: Container, kind: str, log: Log) -> None:
    """Runs the poststart or the poststop hooks that the record holds.

    A failing poststart hook raises OcipyError; a failing poststop hook is a warning and the rest still run
    (runtime.md, Lifecycle, steps 9 and 13).
    """
    hooks = container.record.get(kind)
    if not hooks:
        return
    from ..init.hooks import run_hook
    from ..spec import jsontext

    poststop = kind == "poststop"
    state = jsontext.encode(container.hook_state(STOPPED if poststop else RUNNING, with_pid=not poststop))
    for property, path, args, env, timeout in hooks:
        try:
            run_hook(property, kind, path, tuple(args), None if env is None else tuple(env), timeout, state=state)
        except OcipyError as error:
            if not poststop:
                raise
            log.warning(str(error))
