"""What the gate takes from new connections and from streams, beside the same gateway without it (bench/testbed.py).

    …_per_s, …_us       connections a second, and 1/rate: client, server, gateway and filter are all on one core, so
                        that is the CPU of a connection.  A hello of 1950 octets in two segments, the server's first
                        octets, two FINs; packets cross the links one by one.
    over_conntrack_us, share_of_conntrack   of the medians
    asymmetric_…        filterd where servers may answer on another way: nothing is tracked, all payload is judged
    blocked_per_s       every name is listed;  blocked_left: connections that the server still holds afterwards
    first_octet_…_us    from SYN to the server's first octet, RATE connections a second; server and gateway on one core,
                        the client spins on the other
    bulk_…_gbit         one connection's download, likewise; `large`: packets of up to 64 KiB, as network cards put them
                        together, `small`: of 1500 octets;  bulk_…_share: of conntrack
    bulk_…_queued       packets of such a connection that the gate saw: a SYN/ACK, two of the hello, the client's
                        second flight, and what the server sends in one go until the gate has seen it acknowledge that

Rounds of all gateways take turns and the median counts: BENCH_ROUNDS of BENCH_SECONDS each.
Goals: over_conntrack_us ≤ 20, share_of_conntrack ≥ 0.80, bulk_…_share ≥ 0.95 with ≤ 16 packets queued (ten of them
a server's first window), first_octet p50 ≤ 60 and p99 ≤ 500 µs over conntrack, blocked_left 0.
"""

import os
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from bench.testbed import (
    ASYMMETRIC,
    CORE,
    GATEWAYS,
    OTHER_CORE,
    Figures,
    Filtering,
    Testbed,
    median,
    testbed,
    with_filterd,
)

SECONDS = float(os.environ.get("BENCH_SECONDS", "3"))
ROUNDS = int(os.environ.get("BENCH_ROUNDS", "3"))
WINDOW = 64  # connections under way: nobody ever waits for work
RATE = 1000
SETTLED_S = 1.0  # the last resets are on their way

Measure = Callable[[Testbed, str], Figures]


def each_gateway(bed: Testbed, measure: Measure, gateways: Mapping[str, Filtering] = GATEWAYS) -> dict[str, Figures]:
    """The median of its rounds, by gateway."""
    rounds: dict[str, list[Figures]] = {name: [] for name in gateways}
    for _ in range(ROUNDS):
        for name, gateway in gateways.items():
            with gateway(bed):
                rounds[name].append(measure(bed, name))
    return {name: median(found) for name, found in rounds.items()}


def new_connections(bed: Testbed, _name: str) -> Figures:
    with bed.server("serve", CORE):
        said = bed.connect("flood", bed.folder / "allowed", SECONDS, WINDOW, CORE)
    if said["failed"] or said["reset"]:
        raise RuntimeError(f"connections: {said}; not measured; look at the logs")
    return {"per_s": said["per_s"], "us": 1e6 / said["per_s"]}


def first_octets(bed: Testbed, _name: str) -> Figures:
    with bed.server("serve", CORE):
        said = bed.connect("paced", bed.folder / "allowed", SECONDS, RATE, OTHER_CORE)
    return {key: said[key] for key in ("p50_us", "p99_us", "failed")}


def bulk(bed: Testbed, name: str) -> Figures:
    with bed.server("pour", CORE):
        said = bed.connect("pull", bed.folder / "allowed", SECONDS, 1, OTHER_CORE)
    return {"gbit": said["gbit_per_s"]} | ({"queued": bed.queued()} if name == "filterd" else {})


def blocked(bed: Testbed) -> Figures:
    with with_filterd(bed), bed.server("serve", CORE):
        said = bed.connect("flood", bed.folder / "blocked", SECONDS, WINDOW, CORE)
        time.sleep(SETTLED_S)
        left = bed.established()
    return {"per_s": said["per_s"], "reset": said["reset"], "answered": said["answered"], "left": left}


def measured(bed: Testbed) -> Iterator[tuple[str, Figures]]:
    """Each figure's name but its last part, and the parts."""
    bed.offload(False)
    rates = each_gateway(bed, new_connections, GATEWAYS | ASYMMETRIC)
    yield from rates.items()
    yield "over", {"conntrack_us": rates["filterd"]["us"] - rates["conntrack"]["us"]}
    yield "share", {"of_conntrack": rates["filterd"]["per_s"] / rates["conntrack"]["per_s"]}
    yield "blocked", blocked(bed)
    for name, found in each_gateway(bed, first_octets).items():
        yield f"first_octet_{name}", found
    for label, is_on in (("large", True), ("small", False)):
        bed.offload(is_on)
        streams = each_gateway(bed, bulk)
        for name, found in streams.items():
            yield f"bulk_{label}_{name}", found
        yield f"bulk_{label}", {"share": streams["filterd"]["gbit"] / streams["conntrack"]["gbit"]}


def figures() -> Figures:
    with tempfile.TemporaryDirectory() as folder, testbed(Path(folder)) as bed:
        return {f"{name}_{key}": value for name, found in measured(bed) for key, value in found.items()}


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:36} {value:>12,.3f}", flush=True)
