"""ocipy doctor: what this host offers and lacks for containers."""

from __future__ import annotations

from .options import Option, UsageError, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from ..host.finding import Finding
    from .main import Settings
    from .options import Arguments

    Findings = dict[str, list[Finding]]

VERB = Verb(
    "tell what this host offers and lacks for containers, and change nothing\n\n"
    "PATH: where bundles shall be, to look at the file system there. Each line has a verdict: ok; note, few\n"
    "containers miss it, or it cannot be told; warn, some containers cannot run; fail, none of the usual kind\n"
    "can. Exit status 1 with a fail, else 0.",
    operands="[PATH...]",
    most=None,
    options=(Option("format", "f", value="FORMAT", default="table", help="table or json (default table)"),),
)


def execute(settings: Settings, arguments: Arguments) -> int:
    from ..host.examine import examine, host, lacking
    from .main import write

    if arguments["format"] not in ("table", "json"):
        raise UsageError(f"invalid format option: {arguments['format']}")
    findings = examine(host(settings.root, tuple(arguments["operands"])))
    failed = lacking(findings)
    if arguments["format"] == "json":
        write(_json(findings, able=not failed))
    else:
        write("\n".join([*_table(findings), "", _summary(findings, failed)]) + "\n")
    return 1 if failed else 0


def _table(findings: Findings) -> Iterator[str]:
    width = max(len(finding.name) for concern in findings.values() for finding in concern)
    for title, concern in findings.items():
        yield title
        for finding in concern:
            yield f"  {finding.verdict:<4}  {finding.name:<{width}}  {finding.found}"
            for label, text in ("means", finding.means), ("remedy", finding.remedy):
                if text:
                    yield f"{'':{width + 10}}{label}: {text}"


def _summary(findings: Findings, failed: list[Finding]) -> str:
    if failed:
        return f"containers cannot run here: {'; '.join(f'{finding.name}: {finding.found}' for finding in failed)}"
    warned = sum(finding.verdict == "warn" for concern in findings.values() for finding in concern)
    return f"containers can run here; warnings: {warned}"


def _json(findings: Findings, able: bool) -> str:
    from ..spec.jsontext import encode_pretty

    rows = [{"concern": title, **dict(finding.items())} for title, concern in findings.items() for finding in concern]
    return encode_pretty({"able": able, "findings": rows}, "  ") + "\n"
