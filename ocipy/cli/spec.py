"""`ocipy spec`: writes a config.json to start from."""

from __future__ import annotations

import os

from ..errors import OcipyError
from ..spec.default import default
from ..spec.jsontext import encode_pretty
from .options import Option, Verb

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .options import Arguments

VERB = Verb(
    "write a config.json that runs a shell",
    options=(
        Option("bundle", "b", value="DIR", default=".", help="the bundle (default: the current directory)"),
        Option("rootless", help="a configuration for a caller that is not root"),
    ),
)


def execute(_settings: object, arguments: Arguments) -> int:
    """Writes the file and gives the exit code. Raises OcipyError when there is a config.json, OSError otherwise."""
    path = os.path.join(arguments["bundle"], "config.json")
    text = encode_pretty(default(rootless=arguments["rootless"]), "\t")
    try:
        # O_EXCL: what someone wrote is never lost, not even to a race; it refuses symbolic links too.
        file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o666)
    except FileExistsError:
        raise OcipyError(f"File {path} exists. Remove it first") from None
    with open(file, "w", encoding="utf-8") as stream:
        stream.write(text)
    return 0
