"""config-linux.md, a module for each group of its sections."""

from __future__ import annotations

from .. import Document
from .cgroups import CGROUPS
from .container import FIRST, LAST
from .resctrl import RESCTRL
from .seccomp import SECCOMP

DOCUMENT = Document("config-linux.md", {**FIRST, **CGROUPS, **RESCTRL, **SECCOMP, **LAST})
