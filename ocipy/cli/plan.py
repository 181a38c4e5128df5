"""ocipy plan: what create and start would do for a bundle, before anything is done."""

from __future__ import annotations

from .create import OPTIONS, create_options
from .options import Option, UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..plan.operation import Plan
    from .main import Settings
    from .options import Arguments

VERB = Verb(
    "show what create and start would do, and touch nothing",
    operands="[ID]",
    most=1,
    options=(*OPTIONS, Option("format", "f", value="FORMAT", default="text", help="text or json (default text)")),
)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..runtime.create import plan_create, read_config
    from ..runtime.store import Store
    from .main import write

    if arguments["format"] not in ("text", "json"):
        raise UsageError(f"invalid format option: {arguments['format']}")
    id = arguments["operands"][0] if arguments["operands"] else "ID"
    options = create_options(settings, arguments)
    _data, spec = read_config(options.bundle)
    plan = plan_create(Store(settings.root), id, options, spec)
    return write(_json(plan) if arguments["format"] == "json" else _text(plan))


def _text(plan: Plan) -> str:
    lines = [_rootless(plan)] if plan.rootless else []
    lines += [f"warning: {warning}" for warning in plan.warnings]
    for number, operation in enumerate(plan.operations, 1):
        source = f"  [{operation.property}]" if operation.property else ""
        lines.append(f"{number:3}  {operation.side:9}  {operation.describe()}{source}")
    return "\n".join(lines) + "\n"


def _rootless(plan: Plan) -> str:
    assert plan.rootless
    who = f"user {plan.rootless.uid}" if plan.rootless.is_user else "root of a user namespace"
    return f"rootless: by {who}" + ("" if plan.cgroups else "; without a cgroup: there is none that it may make")


def _json(plan: Plan) -> str:
    from ..spec.jsontext import encode_pretty

    operations = [
        {
            "operation": operation.KIND.__name__,
            "side": operation.side,
            "property": operation.property,
            "description": operation.describe(),
            "fields": {name: value for name, value in operation.items() if name != "property"},
        }
        for operation in plan.operations
    ]
    rootless = {"uid": plan.rootless.uid, "gid": plan.rootless.gid} if plan.rootless else None
    document = {"rootless": rootless, "warnings": list(plan.warnings), "operations": operations}
    return encode_pretty(document, "  ") + "\n"
