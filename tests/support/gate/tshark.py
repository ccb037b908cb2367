"""What tshark says of the hellos that pass the gateway of the lab."""

from collections.abc import Callable
from pathlib import Path

from filterd.lab.processes import wait_until
from filterd.lab.topology import Lab


def ja4_of(lab: Lab, capture: Path, speak: Callable[[], object]) -> str:
    """The JA4 of the one hello that the child says while `speak` runs.   capture: where its packets are kept"""
    dump = lab.popen("gateway", ["dumpcap", "-q", "-i", "child", "-w", str(capture), "tcp dst port 443"])
    try:
        wait_until(lambda: capture.exists() and capture.stat().st_size > 0, "the capture", within_s=60)
        speak()
        wait_until(lambda: len(_fingerprints(lab, capture)) > 0, "a hello in the capture", within_s=60)
        [ja4] = _fingerprints(lab, capture)
    finally:
        lab.stop(dump)
    return ja4


def _fingerprints(lab: Lab, capture: Path) -> list[str]:
    fields = ["-Y", "tls.handshake.ja4", "-T", "fields", "-e", "tls.handshake.ja4"]
    # the file is still being written: what tshark says of its end is no fault
    return lab.run("gateway", ["tshark", "-n", "-r", str(capture), *fields]).stdout.split()
