"""Drill: whoever forges a subscriber's packets has the gate send that one no more than they cost, and record nothing.

A real kernel with rp_filter=1, where the forger and the victim are neighbours; IPv4 and IPv6.

    TCP, HTTP    a listed name without a handshake, and behind a forged SYN with guessed acknowledgements; inline, and
                 asymmetric, where no handshake is ever seen
    QUIC, ICMP   Initials of a listed name and other datagrams, of few octets and many, where they are refused

Counted are IP packets' octets to the victim but for the SYN/ACKs of the server itself, whose answers they are.
Goals: received at most what was sent, row by row; no record and no counter of a block.
Cost: two minutes; needs root.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from pathlib import Path
from typing import Final, NamedTuple

from support.gate.detour import detour
from support.gate.forgery import (
    REFUSED_OCTETS,
    VICTIM,
    behind_a_syn,
    counts,
    forge,
    neighbours,
    over_quic,
    without_handshake,
)
from support.gate.program import Gate

from filterd.kernel.ruleset import Rules
from filterd.lab.servers import start_servers
from filterd.lab.topology import Lab, why_not
from filterd.lab.topology import lab as make_lab

PROTOCOLS: Final = {80: "HTTP", 443: "TCP"}
REFUSING: Final = Rules(ports=(80, 443), http_ports=(80,), quic_ports=(443,), n_queues=1, is_quic_rejected=True)


class Row(NamedTuple):
    """Octets of one attack, and what the gate has recorded and counted of blocks meanwhile."""

    what: str
    sent: int
    received: int
    n_counted: int


def drill(folder: Path) -> str:
    """Forge; one line.   Raises AssertionError where more came back, or something was recorded."""
    if reason := why_not():
        return f"reflection: not played: {reason}"
    with make_lab(folder) as lab:
        start_servers(lab)
        with neighbours(lab):
            rows = [*_rows(lab, folder, "symmetric", nullcontext()), *_rows(lab, folder, "asymmetric", detour(lab))]
    line = f"reflection: {'; '.join(_told(rows))}"
    assert all(row.received <= row.sent for row in rows), line
    assert not any(row.n_counted for row in rows), line
    return line


def _rows(lab: Lab, folder: Path, routing: str, way: AbstractContextManager[None]) -> Iterator[Row]:
    with way, _gate(lab, folder, routing) as gate:
        for port, protocol in PROTOCOLS.items():
            for family in VICTIM:
                for packets in (without_handshake(lab, family, port), behind_a_syn(lab, family, port)):
                    yield _row(gate, f"{protocol} {routing}", family, packets)
        assert gate.counted("gate_packets"), "reflection: no packet has reached the gate"
        gate.kernel(lambda kernel: kernel.apply(REFUSING))
        for family in VICTIM:
            for octets in REFUSED_OCTETS:
                yield _row(gate, f"QUIC and ICMP {routing}", family, over_quic(lab, family, octets))


def _row(gate: Gate, what: str, family: str, packets: list[bytes]) -> Row:
    before = counts(gate)
    sent, received = forge(gate.lab, family, packets)
    return Row(what, sent, received, sum(counts(gate).values()) - sum(before.values()))


@contextmanager
def _gate(lab: Lab, folder: Path, routing: str) -> Iterator[Gate]:
    running = Gate(lab, folder / f"gate-{routing}", "open", routing)
    try:
        yield running
    finally:
        running.stop()


def _told(rows: list[Row]) -> Iterator[str]:
    for what in dict.fromkeys(row.what for row in rows):
        of = [row for row in rows if row.what == what]
        sent, received, counted = (sum(column) for column in zip(*(row[1:] for row in of), strict=True))
        yield f"{what}: sent {sent:,} octets, the victim got {received:,}, {counted} blocks recorded or counted"
