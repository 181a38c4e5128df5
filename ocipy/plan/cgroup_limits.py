"""What compiling limits for v1 and v2 has in common."""

from __future__ import annotations

from .cgroup_operations import WriteCgroupFile, WriteFirstCgroupFile

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ..spec.model import HugepageLimit, Resources
    from .facts import CgroupFacts
    from .operation import Operation

RESOURCES = "linux.resources"


class Limits:
    """Collects operations, warnings and problems (pairs of property and message)."""

    def __init__(self, facts: CgroupFacts, directories: dict[str, str]) -> None:
        self.facts = facts
        self.directories = directories
        self.operations: list[Operation] = []
        self.warnings: list[str] = []
        self.problems: list[tuple[str, str]] = []

    def find(self, controller: str) -> str | None:
        """Gives the directory in which `controller` has its files, None when the host lacks it."""
        raise NotImplementedError

    def place(self, property: str, controller: str) -> str | None:
        """As `find`, but a missing controller is a problem of `property`."""
        directory = self.find(controller)
        if directory is None:
            kind = f"cgroup v{self.facts.version}" if self.facts.version else "without cgroups"
            if self._is_on_host(controller):
                # The words of runc, for which people search.
                text = (
                    f"the container has no cgroup of the {controller} controller: rootless needs no limits + no "
                    "cgrouppath when no permission is granted for cgroups; have one delegated to this user"
                )
            else:
                text = f"this host ({kind}) has no {controller} controller ({self._remedy(controller)})"
            if (property, text) not in self.problems:
                self.problems.append((property, text))
        return directory

    def _is_on_host(self, controller: str) -> bool:
        if self.facts.version == 2:
            return controller in (*self.facts.available, "cgroup")
        return any(controller in controllers.split(",") for controllers, _mount in self.facts.hierarchies)

    def _remedy(self, controller: str) -> str:
        from .controllers import remedy

        if self.facts.version == 1 and self.facts.unified:
            # It may be in the v2 hierarchy, of which the facts say no more.
            return "ocipy doctor tells how to get it"
        return remedy(controller, self.facts.version)

    def write(self, property: str, controller: str, file: str, value: object, optional: bool = False) -> None:
        """Adds a write of one value; nothing when value is None."""
        if value is None:
            return
        directory = self.place(property, controller)
        if directory is not None:
            self.write_in(directory, property, file, str(value), optional)

    def write_in(self, directory: str, property: str, file: str, value: str, optional: bool = False) -> None:
        """Adds a write to a file of `directory`."""
        self.operations.append(
            WriteCgroupFile(property=property, directory=directory, file=file, value=value, optional=optional)
        )

    def write_first(self, property: str, controller: str, *choices: tuple[str, str]) -> None:
        """Adds a write to the first of several files that the kernel has."""
        directory = self.place(property, controller)
        if directory is not None:
            self.operations.append(WriteFirstCgroupFile(property=property, directory=directory, choices=choices))

    def warn(self, property: str, text: str) -> None:
        self.warnings.append(f"{property}: {text}")

    def hugepages(self, limits: tuple[HugepageLimit, ...], suffix: str) -> None:
        """config-linux.md, Huge page limits, for usage and, where the kernel has it (5.7), for reservations."""
        for limit in limits:
            property = f"{limit.property}.pageSize"
            # The size becomes part of a file name.
            if not _is_page_size(limit.pageSize):
                self.problems.append((property, f"{limit.pageSize!r} is no page size such as 2MB or 1GB"))
                continue
            property = f"{limit.property}.limit"
            self.write(property, "hugetlb", f"hugetlb.{limit.pageSize}.{suffix}", limit.limit)
            self.write(property, "hugetlb", f"hugetlb.{limit.pageSize}.rsvd.{suffix}", limit.limit, optional=True)

    def rdma(self, resources: Resources) -> None:
        """config-linux.md, RDMA: one line per device, the same on v1 and v2."""
        for device, handles, objects in resources.rdma:
            property = f"{RESOURCES}.rdma.{device}"
            if not is_word(device):
                self.problems.append((property, f"{device!r} is no name of a device"))
                continue
            counts = (("hca_handle", handles), ("hca_object", objects))
            values = " ".join(f"{name}={count}" for name, count in counts if count is not None)
            if values:
                self.write(property, "rdma", "rdma.max", f"{device} {values}")


def pids_value(limit: int) -> str:
    """config-linux.md, PIDs: -1 is unlimited. 0 allows no task but the container's own process, as 1 does; and with
    1 the kernel still lets that process be made inside the cgroup."""
    return "max" if limit < 0 else str(max(limit, 1))


def is_word(text: str) -> bool:
    """Tells whether a value of the configuration may stand as one word in a line for the kernel."""
    return bool(text) and text.isprintable() and not any(character.isspace() for character in text)


def given(value: int | None) -> int | None:
    """0 asks for nothing: the engines write it where they have no limit, and the kernel has no use for it."""
    return value or None


def _is_page_size(text: str) -> bool:
    number, unit = text[:-2], text[-2:]
    return unit in ("KB", "MB", "GB") and number.isascii() and number.isdigit() and number[0] != "0"
