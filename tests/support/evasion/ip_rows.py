"""E24 to E27: IP fragments, options, extension headers, and octets after the packet."""

from dataclasses import replace
from typing import Any

from support.evasion.frames import DESTINATION, FRAGMENT, HOP_BY_HOP
from support.evasion.segments import FRAMINGS, Plan, Row, Segment, Stream, pieces

V4, V6 = FRAMINGS[:2], FRAMINGS[2:]
LOOSE_ROUTE = b"\x83\x07\x04" + bytes(4) + b"\x00"  # RFC 791: used up, nothing is to be done


def each(stream: Stream, *borders: int, **changes: Any) -> list[Segment]:
    return [replace(one, **changes) for one in pieces(stream.octets, *borders)]


def as_fragments(n: int, order: str = "in order", *borders: int) -> Plan:
    return lambda s: each(s, *borders, fragment_octets=n, fragment_order=order)


def changed(**changes: Any) -> Plan:
    """Two segments or more, each changed."""
    return lambda s: each(s, 60, **changes)


def nested(n: int, *borders: int) -> Plan:
    """Fragments whose header stands behind that of an atomic fragment (RFC 6946)."""
    return lambda s: each(s, *borders, fragment_octets=n, extensions=bytes([FRAGMENT]))


CHAINS = {
    "hop-by-hop": [HOP_BY_HOP],
    "destination options": [DESTINATION],
    "three destination options": [DESTINATION] * 3,
    "hop-by-hop and destination options": [HOP_BY_HOP, DESTINATION],
    "an atomic fragment": [FRAGMENT],
    "an atomic fragment and destination options": [FRAGMENT, DESTINATION],
    "destination options and an atomic fragment": [DESTINATION, FRAGMENT],
}
NESTED: dict[str, Any] = {"framings": V6[:1], "reaches": False, "passes": False}
ROWS = [
    *(
        Row(name=f"E24 fragments of {n} octets", plan=as_fragments(n), bases=("classic", "post-quantum"))
        for n in (24, 32, 40, 48, 56, 64, 256)
    ),
    *(Row(name=f"E24 fragments of {n} octets, reversed", plan=as_fragments(n, "reversed")) for n in (32, 64, 256)),
    # every host drops a datagram whose fragments overlap (RFC 5722), and so does the gateway's kernel
    Row(name="E24 overlapping fragments", plan=as_fragments(64, "overlapping"), reaches=False, passes=False),
    Row(name="E24 fragments of split segments", plan=as_fragments(32, "in order", 60)),
    *(
        Row(name=f"E25 {what}", plan=changed(extensions=bytes(kinds)), framings=V6[:1])
        for what, kinds in CHAINS.items()
    ),
    Row(
        name="E25 hop-by-hop options in packets without a length",
        plan=changed(extensions=bytes([HOP_BY_HOP]), says_no_length=True),
        framings=V6[:1],
    ),
    # a gateway that reassembles takes the outer header off, and leaves the others for the server to reassemble
    Row(name="E25 fragments of 64 octets within an atomic fragment", plan=nested(64), **NESTED),
    Row(name="E25 fragments of split segments within atomic fragments", plan=nested(64, 60), **NESTED),
    # with timestamps a header of TCP has 32 octets: the first fragment has no payload
    Row(
        name="E25 fragments within an atomic fragment, a header alone first", plan=nested(32), has_clock=True, **NESTED
    ),
    # Linux forwards no source route
    Row(
        name="E26 a source route that is used up",
        plan=changed(ip_options=LOOSE_ROUTE),
        framings=V4[:1],
        reaches=False,
        passes=False,
    ),
    Row(name="E26 forty octets of NOP", plan=changed(ip_options=b"\x01" * 40), framings=V4[:1]),
    Row(name="E27 octets behind the packet", plan=changed(padding=b"\x16\x03\x01\x00\x04behind")),
]
