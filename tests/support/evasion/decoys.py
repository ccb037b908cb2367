"""E13 to E23: packets that only the gate takes for a part of the stream."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from typing import Any

from support.evasion.segmentation import marks
from support.evasion.segments import (
    DEFAULT_TTL,
    FRAMINGS,
    NEAR_TTL,
    SEGMENT_OCTETS,
    Plan,
    Row,
    Segment,
    Stream,
    pieces,
)
from support.packets.builders import ACK, FIN, PSH, RST, SYN, request

MD5 = b"\x13\x12" + bytes(16) + b"\x01\x01"
HALF_OF_ALL = 0x80000000
CLOSED_S = 1  # how long the gateway's kernel is set to remember a closed connection; 10 unless set
FORGOTTEN_S = CLOSED_S + 0.6
OTHER = b"www.allowed.test"
WINDOW_OCTETS = 98_304  # what the gate keeps of one stream at most
V4, V6, BOTH = FRAMINGS[:2], FRAMINGS[2:], FRAMINGS[::2]


# How a decoy is kept from the server: by the tools' names.
FOOLINGS: dict[str, dict[str, Any]] = {
    "ttl": {"ttl": NEAR_TTL},
    "badsum": {"is_checksum_bad": True},
    "badseq": {"shift": -10_000, "ack_by": -66_000},
    "badseq by half of all": {"shift": HALF_OF_ALL},
    "datanoack": {"flags": PSH},
    "no flags": {"flags": 0},
    "tcp-flags-set SYN": {"flags": SYN | ACK | PSH},
    "ts": {"clock_by": -600_000},
    "md5sig": {"options": MD5},
    "hopbyhop2": {"extensions": b"\x00\x00"},
}
# What neither the kernel nor the gate drops, the gate takes into the stream; then the real octets contradict it.
STAYS = ("ttl", "ts")


def decoy(at: int, data: bytes, shift: int = 0, **fooling: Any) -> Segment:
    return Segment(at=at + shift, data=data, **fooling)


def fake_first(stream: Stream, n: int = 1, octets: bytes | None = None, **fooling: Any) -> list[Segment]:
    """n decoys, then the hello."""
    return [decoy(0, stream.decoy if octets is None else octets, **fooling)] * n + pieces(stream.octets)


def host_fake_split(stream: Stream, **fooling: Any) -> list[Segment]:
    """Only the host differs: in front, false host, host, false host, rest."""
    host, end = marks(stream)["host"], marks(stream)["endhost"]
    false = decoy(host, stream.decoy[host:end], **fooling)
    real = pieces(stream.octets, host, end)
    return [real[0], false, real[1], false, *real[2:]]


def fake_split(stream: Stream, **fooling: Any) -> list[Segment]:
    """Each piece stands between two false ones."""
    plan: list[Segment] = []
    for one in pieces(stream.octets, marks(stream)["midsld"]):
        false = decoy(one.at, stream.decoy[one.at : one.at + len(one.data)], **fooling)
        plan += [false, one, false]
    return plan


def fake_disorder(stream: Stream, **fooling: Any) -> list[Segment]:
    plan: list[Segment] = []
    for one in reversed(pieces(stream.octets, marks(stream)["midsld"])):
        false = decoy(one.at, stream.decoy[one.at : one.at + len(one.data)], **fooling)
        plan += [false, one, false]
    return plan


def padencap(stream: Stream) -> bytes:
    """A decoy whose lengths say that the real hello, behind it, belongs to its padding."""
    n = len(stream.octets)
    octets = bytearray(stream.decoy)
    octets[3:5] = (len(octets) - 5 + n).to_bytes(2, "big")
    octets[6:9] = (len(octets) - 9 + n).to_bytes(3, "big")
    return bytes(octets)


def torn_down(stream: Stream, flags: int, at: int = 0, **fooling: Any) -> list[Segment]:
    """A false end of the connection, before and in the middle of the hello."""
    false = decoy(at, b"", flags=flags, **fooling)
    border = marks(stream)["midsld"]
    first, *others = pieces(stream.octets, border)
    return [false, first, decoy(border + at, b"", flags=flags, **fooling), *others]


def forgotten(stream: Stream, *front: Segment, after: int = 0, junk: bytes = b"", size: int = 0) -> list[Segment]:
    """A false RST, and a pause until the gateway's kernel has forgotten the connection; then `front`, then all.

    after        octets of the hello that are sent before
    junk, size   all in pieces of so many octets, each behind as many as junk has: that, and what came before"""
    false = Segment(at=after, flags=RST, ttl=NEAR_TTL)
    first = [Segment(at=0, data=stream.octets[:after])] if after else []
    rest = pieces(stream.octets, after)[bool(after) :]
    if junk:
        text, n = junk + stream.octets, len(junk)
        rest = [Segment(at=at - n, data=text[at : at + n + size]) for at in range(0, len(stream.octets), size)]
    second, *others = [*front, *rest]
    return [*first, false, replace(second, pause_s=FORGOTTEN_S), *others]


def forgotten_then_decoy(stream: Stream, at: int, ttl: int) -> list[Segment]:
    return forgotten(stream, Segment(at=at, data=stream.decoy, ttl=ttl))


def slid(stream: Stream) -> list[Segment]:
    """Behind an answered request, more decoys than a window holds; then the request in two pieces where they began."""
    first, false = request(OTHER), request(OTHER, more=b"X-Filling: " + b"x" * 1100 + b"\r\n")
    end, n_false = len(first), WINDOW_OCTETS // len(false) + 9
    decoys = [decoy(end + number * len(false), false, ttl=NEAR_TTL) for number in range(n_false)]
    real = [Segment(at=end + one.at, data=one.data) for one in pieces(stream.octets, marks(stream)["midsld"])]
    return [Segment(at=0, data=first), replace(decoys[0], awaits_answer=True), *decoys[1:], *real]


def of_fooling(name: str) -> dict[str, Any]:
    """Which framings a fooling is for, and what it needs."""
    framings = V6 if name == "hopbyhop2" else FRAMINGS
    return {"framings": framings, "has_clock": name == "ts", "passes": name not in STAYS}


def fooled(title: str, plan: Any, **more: Any) -> list[Row]:
    return [
        Row(
            name=f"{title}: {name}",
            plan=partial(plan, **fooling),
            **{**of_fooling(name), **more},
        )
        for name, fooling in FOOLINGS.items()
    ]


NUMBERS = ("E13", "E14", "E15", "E15", "E18", "E18", "E18", "E17", "E16", "E25")  # of FOOLINGS, in their order
LOW_TTL = {
    "random octets": lambda s: bytes(range(256)),
    "another length": lambda s: s.decoy[:300],
    "a hello and early data": lambda s: s.decoy + b"\x17\x03\x03\x00\x28" + bytes(40),
}
JUNK = {"four zeros": bytes(4), "a line": b"SSH-2.0-x\r\n", "200 octets": bytes(range(7, 207))}
ENDS = {"RST": RST, "RST/ACK": RST | ACK, "FIN/ACK": FIN | ACK}
FALSE_ENDS: dict[str, dict[str, Any]] = {
    "a low TTL": {"ttl": NEAR_TTL},
    "a bad checksum": {"is_checksum_bad": True},
    "a wrong sequence number": {"at": -10_000, "ttl": NEAR_TTL},
    "an MD5 option": {"options": MD5},
}


def low_ttl(name: str, octets: Callable[[Stream], bytes]) -> Row:
    return Row(name=name, plan=lambda s: fake_first(s, octets=octets(s), ttl=NEAR_TTL), passes=False)


def always(octets: bytes) -> Callable[[Stream], bytes]:
    return lambda _: octets


def beside(at: Callable[[Stream], int], **fooling: Any) -> Plan:
    """A decoy hello elsewhere in the stream, then the hello."""
    return lambda s: [decoy(at(s), s.decoy, **fooling), *pieces(s.octets)]


def identified(ip_id: int) -> Plan:
    return lambda s: [replace(one, ip_id=ip_id) for one in pieces(s.octets, 60)]


ROWS = [
    *(
        replace(row, name=f"{number} {row.name}")
        for number, row in zip(NUMBERS, fooled("decoy hello", fake_first), strict=True)
    ),
    *fooled("E20 hostfakesplit", host_fake_split),
    *fooled("E20 fakedsplit", fake_split),
    *fooled("E20 fakeddisorder", fake_disorder),
    *(low_ttl(f"E13 decoy of {what}", octets) for what, octets in LOW_TTL.items()),
    Row(name="E13 decoy at its own length ahead", plan=beside(lambda s: len(s.octets), ttl=NEAR_TTL)),
    Row(
        name="E13 decoys push the judged octets out of the window",
        plan=slid,
        bases=("GET",),
        passes=False,
        is_lost_unseen=True,
    ),
    Row(name="E13 decoy far ahead", plan=beside(lambda _: 40_000, ttl=NEAR_TTL)),
    # only in front: what follows other octets in order, Linux takes with any acknowledgement
    Row(name="E15 decoy hello: bad ack", plan=lambda s: fake_first(s, ack_by=-66_000), passes=False),
    Row(name="E15 decoy old and contiguous", plan=beside(lambda s: -len(s.decoy))),
    *(
        Row(name=f"E19 forged {what} with {how}", plan=partial(torn_down, flags=flags, **false))
        for (what, flags), (how, false) in itertools.product(ENDS.items(), FALSE_ENDS.items())
    ),
    # a hello whose connection is not known is blocked whatever its name: its client opens another
    Row(name="E12 forgotten before the hello", plan=forgotten, framings=BOTH, passes=False),
    Row(name="E12 forgotten within the hello", plan=lambda s: forgotten(s, after=60), framings=BOTH, passes=False),
    *(
        Row(
            name=f"E12 forgotten, then a decoy {where}",
            plan=partial(forgotten_then_decoy, at=at, ttl=ttl),
            framings=BOTH,
            passes=False,
        )
        for where, at, ttl in (
            ("in its place", 0, NEAR_TTL),
            ("that is old", -100_000, DEFAULT_TTL),
            ("ahead", 40_000, NEAR_TTL),
            ("far ahead", 100_000, NEAR_TTL),
        )
    ),
    Row(
        name="E12 forgotten, then old junk",
        plan=lambda s: forgotten(s, Segment(at=-100_000, data=b"junk")),
        framings=BOTH,
        passes=False,
    ),
    *(
        Row(
            name=f"E12 forgotten, then pieces of {size} octets, each behind others",
            plan=partial(forgotten, junk=b"junk " * 4, size=size),
            framings=BOTH,
            passes=False,
        )
        for size in (7, 60, SEGMENT_OCTETS - 20)
    ),
    low_ttl("E21 padencap", padencap),
    *(low_ttl(f"E22 junk first: {what}", always(junk)) for what, junk in JUNK.items()),
    *(Row(name=f"E23 IP identification {n}", plan=identified(n), framings=V4) for n in (0, 1, 0xFFFF)),
    *(
        Row(name=f"E30 {n} decoys", plan=partial(fake_first, n=n, is_checksum_bad=True), framings=BOTH)
        for n in (11, 200)
    ),
    Row(name="E30 11 decoys with a low TTL", plan=lambda s: fake_first(s, n=11, ttl=NEAR_TTL), passes=False),
    Row(name="E30 60 empty segments", plan=lambda s: [Segment(at=0, flags=ACK)] * 60 + pieces(s.octets)),
]
