"""An OCI container runtime written in Python alone."""

__version__ = "0.1.0"
