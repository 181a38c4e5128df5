"""An OCI container runtime written in Python alone.

`Runtime`, `Container` and `OcipyError` are the library (see ocipy.runtime.api); they are loaded when asked for, since
the command line does without.
"""

TYPE_CHECKING = False
if TYPE_CHECKING:
    from .runtime.api import Container, OcipyError, Runtime

__all__ = ["Container", "OcipyError", "Runtime", "__version__"]
__version__ = "0.1.0"


def __getattr__(name: str) -> object:
    if name not in __all__:
        raise AttributeError(f"module 'ocipy' has no attribute {name!r}")
    from .runtime import api

    return getattr(api, name)
