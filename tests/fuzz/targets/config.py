"""Any octets are a configuration or every fault of one: `BadConfig`, and nothing else, may be raised."""

from pathlib import Path

from filterd.config import BadConfig, read_config


def check(data: bytes) -> None:
    try:
        read_config(data, "fuzz.yaml", Path("/etc/filterd"))
    except BadConfig as bad:
        assert bad.faults and all(str(fault).isprintable() for fault in bad.faults)
