"""Hooks: the operations that run them, each kind at its point (runtime.md, Lifecycle; config.md, POSIX hooks)."""

from __future__ import annotations

from .operation import CONTAINER, HOST, Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import ClassVar

    from ..spec.model import Hook, Spec

# In the order of the lifecycle.
SIDES = {
    "prestart": HOST,
    "createRuntime": HOST,
    "createContainer": CONTAINER,
    "startContainer": CONTAINER,
    "poststart": HOST,
    "poststop": HOST,
}


class RunHook(Operation):
    """Run one hook. kind: prestart to poststop. env None: inherited. timeout: seconds or None."""

    kind: str
    path: str
    args: tuple[str, ...]
    env: tuple[str, ...] | None
    timeout: int | None

    def describe(self) -> str:
        limit = f" for at most {self.timeout} s" if self.timeout else ""
        return f"run the {self.kind} hook {self.path}{limit}"


class RunHostHook(RunHook):
    """A hook that runs in the runtime's namespaces."""

    side: ClassVar[str] = HOST


def compile_hooks(spec: Spec, kind: str) -> list[Operation]:
    """Gives the operations of one kind of hooks, in the order of the config."""
    hooks: tuple[Hook, ...] = getattr(spec.hooks, kind)
    operation = RunHostHook if SIDES[kind] == HOST else RunHook
    # As with runc, a startContainer hook without env gets the container's; the others get the runtime's.
    default = spec.process.env if kind == "startContainer" and spec.process else None
    return [
        operation(
            property=hook.property, kind=kind, path=hook.path, args=hook.args,
            env=default if hook.env is None else hook.env, timeout=hook.timeout,
        )
        for hook in hooks
    ]  # fmt: skip
