"""The configuration: `load(path)` gives a typed, complete `Config` or raises `BadConfig` with every fault at once."""

from filterd.config.load import BadConfig, Fault, load, read_config
from filterd.config.schema import Config

__all__ = ["BadConfig", "Config", "Fault", "load", "read_config"]
