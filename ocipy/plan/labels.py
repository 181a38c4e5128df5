"""Labels of Linux security modules: profiles of AppArmor, which ocipy sets, and labels of SELinux, which it does not
(config.md, Linux Process)."""

from __future__ import annotations

from .operation import Operation

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import Process, Spec
    from .facts import HostFacts


class SetAppArmorProfile(Operation):
    profile: str

    def describe(self) -> str:
        return f"have AppArmor confine the program by the profile {self.profile}"


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
    """Refuses a label of SELinux where the kernel runs it; of a label whose module it does not run, the person is told.

    There, nothing could enforce it, and files have none: a config.json made on another host runs, as with crun.
    """
    for path, module in asked:
        if module not in facts.modules:
            warnings.append(f"{path}: not applied: the kernel runs no {module}")
        elif module == "SELinux":
            problems.append((path, "SELinux is not supported by ocipy"))


def profile_of(process: Process | None, facts: HostFacts) -> str:
    """Gives the profile that AppArmor shall confine the process by, "" for none."""
    return process.apparmorProfile if process and "AppArmor" in facts.modules else ""


def compile_labels(process: Process | None, facts: HostFacts) -> list[Operation]:
    profile = profile_of(process, facts)
    return [SetAppArmorProfile(property="process.apparmorProfile", profile=profile)] if profile else []
