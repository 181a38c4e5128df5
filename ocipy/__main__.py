"""`python3 -m ocipy`: starts once more as bin/ocipy does (`-IS`), so that both ways are the same isolated process."""

from __future__ import annotations

import os
import sys

if not (sys.flags.isolated and sys.flags.no_site):
    os.execv(sys.executable, [sys.executable, "-IS", __file__, *sys.argv[1:]])

# As in bin/ocipy: on the path only while `ocipy` itself is imported.
sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
import ocipy  # noqa: F401

del sys.path[0]
from ocipy.cli.main import main  # noqa: E402

main(sys.argv[1:])
