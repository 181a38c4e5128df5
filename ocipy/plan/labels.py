"""Labels of Linux security modules, which ocipy does not set: AppArmor and SELinux (config.md, Linux Process)."""

from __future__ import annotations

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Process, Spec
    from .facts import HostFacts


def labels(spec: Spec) -> list[tuple[str, str]]:
    """Gives pairs of property path and security module of each label that the config asks for."""
    mount = [("linux.mountLabel", "SELinux")] if spec.linux.mountLabel else []
    return mount + (process_labels(spec.process) if spec.process else [])


def process_labels(process: Process) -> list[tuple[str, str]]:
    """Gives those of the process alone."""
    asked = (
        ("process.apparmorProfile", "AppArmor", process.apparmorProfile),
        ("process.selinuxLabel", "SELinux", process.selinuxLabel),
    )
    return [(path, module) for path, module, value in asked if value]


def check_labels(
    asked: list[tuple[str, str]], facts: HostFacts, problems: list[tuple[str, str]], warnings: list[str]
) -> None:
    """Refuses a label of a module that the kernel runs; of one that it does not run, the person is told.

    There, nothing could enforce it, and files have none: a config.json made on another host runs, as with crun.
    """
    for path, module in asked:
        if module in facts.modules:
            problems.append((path, f"{module} is not supported by ocipy"))
        else:
            warnings.append(f"{path}: not applied: the kernel runs no {module}")
