"""Seccomp and the security modules."""

from __future__ import annotations

from ..linux import probe, seccomp
from ..linux.security import security_modules
from .finding import note, ok, text_of, warn

TYPE_CHECKING = False
if TYPE_CHECKING:
    from collections.abc import Iterator

    from .finding import Finding, Host

TITLE = "security"


def look(_host: Host) -> Iterator[Finding]:
    """Gives the findings. Loads libseccomp."""
    yield _library()
    yield from _actions()
    yield _modules()


def _library() -> Finding:
    from ..linux import libseccomp

    try:
        library = libseccomp.Library()
    except OSError as error:
        means = "a config.json with linux.seccomp is refused, and engines give each container one"
        return warn("libseccomp", str(error), means, libseccomp.INSTALL)
    return ok("libseccomp", f"{library.version}, API level {library.api_level()}")


def _actions() -> Iterator[Finding]:
    names = {name: seccomp.is_action_supported(name) for name in seccomp.ACTIONS}
    there = [name for name, supported in names.items() if supported]
    if not there:
        means = "a config.json with linux.seccomp is refused, and engines give each container one"
        remedy = "a kernel with CONFIG_SECCOMP_FILTER, and no seccomp filter that holds seccomp back"
        yield warn("seccomp", "none of its actions", means, remedy)
        return
    yield ok("seccomp", text_of("/proc/sys/kernel/seccomp/actions_avail") or ", ".join(there))
    lacking = [name for name in names if name not in there]
    lacking += [name for name in seccomp.FLAGS if not seccomp.is_flag_supported(name)]
    if lacking:
        means = "a linux.seccomp that has one of them is refused"
        yield warn("seccomp", f"no {', '.join(lacking)}", means, "a later kernel")


def _modules() -> Finding:
    names = _running()
    if names is None:
        return note("security modules", "cannot be told: no securityfs, no lsm_list_modules")
    text = ", ".join(names) or "none"
    if "selinux" in names:
        means = "a config.json with process.selinuxLabel or linux.mountLabel is refused, as engines make it"
        return warn("security modules", text, means, "podman, docker: --security-opt label=disable")
    return ok("security modules", text)


def _running() -> tuple[str, ...] | None:
    text = text_of("/sys/kernel/security/lsm")
    if text:
        return tuple(text.split(","))
    try:
        return probe.security_modules_of_kernel()
    except OSError:
        return tuple(name.lower() for name in security_modules()) or None
