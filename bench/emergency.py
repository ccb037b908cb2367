"""An emergency order in the lab: from its push to the last octet of what runs.

emergency_last_octet_ms   the latest of the last octets of a download over TLS and a stream over QUIC of the order's
                          name (IPv4 and IPv6 in turn), after the push was sent; the longest.   Goal: ≤ 3,000
emergency_median_ms       the median of the same
Other connections of the same line go on, or there are no figures.  Needs root.
"""

import sys
import tempfile
import time
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.gate.cut_box import Box, a_box, go_on

from filterd.lab.servers import start_servers
from filterd.lab.topology import lab, why_not

N_ORDERS = 20
SILENCE_S = 1.0  # after which what runs is taken to have ended


def figures() -> dict[str, float]:
    """The figures; see the head of this file; none where no lab can be made."""
    reason = why_not()
    if reason is not None:
        print(f"emergency: {reason}", file=sys.stderr)
        return {}
    with tempfile.TemporaryDirectory() as folder, lab(Path(folder) / "lab") as place:
        internet = start_servers(place)
        (Path(folder) / "box").mkdir()
        with a_box(place, internet, Path(folder) / "box") as box:
            took = [_one(box, number) for number in range(N_ORDERS)]
    return {"emergency_last_octet_ms": max(took), "emergency_median_ms": median(took)}


def _one(box: Box, number: int) -> float:
    """Milliseconds of one order."""
    name, family = f"e{number}.many.test", "46"[number % 2]
    closing = [("child", "https", name), ("adult", "quic", name)]
    with box.running(family, *closing, ("child", "https", "allowed.test")) as found:
        order = {"ref": f"E-{number}", "issuer": "PTA", "ground": "PECA 37", "emergency": True}
        began_s = time.time()
        box.regulator.post("/v1/orders", order | {"entries": [{"value": name, "scope": "subtree"}]})
        last_s = max(each.wait_for_stop(SILENCE_S) for each in found[: len(closing)])
        go_on(found[len(closing) :])
    return (last_s - began_s) * 1000
