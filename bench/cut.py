"""From a tightened rule to the last octet of the streams that it closes, in the laboratory, as root.

denied_ms, denied_worst_ms   a name that a household denies, of downloads over HTTPS, HTTP and QUIC, IPv4 and IPv6 in
                             turn: the median and the longest of N_RUNS.   Goal: ≤ 1,000
category_ms, …               the same where the line closes a category

What a parent's tap in a browser takes is bench/portal_tap.py, an order bench/emergency.py.
"""

import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.gate.cut_box import Box, a_box

from filterd.lab.servers import start_servers
from filterd.lab.topology import lab

N_RUNS = 6
SILENCE_S = 2.0
ENDS_S = 60.0
DENIED = "denied.many.test"


def figures() -> dict[str, float]:
    """All of them; none without root."""
    if os.geteuid() != 0:
        print("cut: no root, no figures", file=sys.stderr)
        return {}
    found: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as name, lab(Path(name)) as place:
        folder = Path(name) / "box"
        folder.mkdir()
        with a_box(place, start_servers(place), folder) as box:
            rules = {
                "denied": (DENIED, lambda: box.close(denied=[DENIED])),
                "category": ("video.test", lambda: box.close("video")),
            }
            for what, (site, close) in rules.items():
                took = [cut_ms(box, site, close, "46"[run % 2]) for run in range(N_RUNS)]
                found |= {f"{what}_ms": statistics.median(took), f"{what}_worst_ms": max(took)}
    return found


def cut_ms(box: Box, site: str, close: Callable[[], object], family: str) -> float:
    """Milliseconds from the request to the last octet of three streams.   close: tightens the rule"""
    box.close()
    with box.running(family, *(("child", protocol, site) for protocol in ("https", "http", "quic"))) as streams:
        began_s = time.time()
        close()
        return (max(each.wait_for_stop(SILENCE_S, ENDS_S) for each in streams) - began_s) * 1e3


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:20} {value:12,.1f}")
