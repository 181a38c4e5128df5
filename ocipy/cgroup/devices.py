"""Device rules on cgroup v2: a program that the kernel asks at each mknod and open."""

from __future__ import annotations

from ..errors import OcipyError, describe_os_error
from ..linux import bpf, os
from .device_program import assemble

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .device_program import Rule


def attach_device_program(property: str, directory: str, rules: tuple[Rule, ...]) -> None:
    """Makes `rules` the device rules of the cgroup v2 `directory`, in place of earlier ones.

    The new program is attached before the old ones go, so that at no moment there is none; and it is looked for
    afterwards, because a cgroup without one allows every device. Raises OcipyError.
    """
    opened: list[int] = []
    try:
        cgroup = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        opened.append(cgroup)
        old = bpf.device_programs(cgroup)
        program = bpf.load_device_program(assemble(rules))
        opened.append(program)
        bpf.attach_device_program(cgroup, program)
        for id in old:
            opened.append(bpf.open_program(id))
            bpf.detach_device_program(cgroup, opened[-1])
        if len(bpf.device_programs(cgroup)) != 1:
            raise OcipyError(f"the device program of {directory} is not attached", property=property)
    except OSError as error:
        text = f"cannot set the device rules of {directory}: {describe_os_error(error)}"
        raise OcipyError(text, property=property) from None
    finally:
        for descriptor in opened:
            os.close(descriptor)
