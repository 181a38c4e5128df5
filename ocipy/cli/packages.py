"""Packages of others, such as jsonschema: the command starts without `site`, so they are out of reach at first."""

from __future__ import annotations

import os
import sys


def enable() -> None:
    """Puts the directories of installed packages at the end of sys.path, after the standard library.

    For verbs for people only, before they import such a package. In order: where ocipy itself is installed, the
    virtual environment of the interpreter, the interpreter's own. Unlike site.main() it runs no code of .pth files
    and no sitecustomize.
    """
    from site import getsitepackages

    home = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
    places = [home] if home.endswith("-packages") else []
    environment = os.path.dirname(os.path.dirname(sys.executable))
    if os.path.exists(environment + "/pyvenv.cfg"):
        # Without `site`, sys.prefix is not the environment's, and Debian's getsitepackages does not name this one.
        version = f"{sys.version_info.major}.{sys.version_info.minor}"
        places.append(f"{environment}/lib/python{version}/site-packages")
    places += getsitepackages()
    sys.path += [place for place in dict.fromkeys(places) if place not in sys.path and os.path.isdir(place)]
