"""The daemon: command line, configuration, roles and workers, kernel plumbing.  It alone knows all the others."""

__all__ = ["__version__"]

__version__ = "0.1.0"
