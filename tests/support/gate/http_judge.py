"""What a gate without a kernel says of one client's octets, in the ways that they can arrive."""

import itertools
import random
from collections.abc import Iterator

from support.gate.lab import ALLOWED, ANSWERED, BLOCKED, PARTIAL_AGAIN, PARTIAL_SPOKEN, SPOKEN, Lab, bytewise, cut
from support.packets.builders import Client

SEGMENT_OCTETS = 1400
SHORT_OCTETS = 4000  # up to here a stream is also sent octet by octet
N_PORTS = 60_000
ANSWERING: dict[int, int] = {
    ALLOWED: SPOKEN,
    PARTIAL_AGAIN: PARTIAL_SPOKEN,
}  # what the kernel makes of a state when the server speaks

_numbers = itertools.count()


def verdicts(lab: Lab, octets: bytes, source: random.Random) -> dict[str, bool]:
    """Whether the gate blocked, for each way of arriving."""
    return {
        f"{way}, the server {'answers' if answers else 'is silent'}": _is_blocked(lab, pieces, answers)
        for way, pieces in _iter_ways(octets, source)
        for answers in (False, True)
    }


def _iter_ways(octets: bytes, source: random.Random) -> Iterator[tuple[str, list[tuple[int, bytes]]]]:
    yield "whole", cut(octets, *range(SEGMENT_OCTETS, len(octets), SEGMENT_OCTETS))
    borders = sorted(source.randrange(len(octets)) for _ in range(3))
    yield f"cut at {borders}", [piece for piece in cut(octets, *borders) if piece[1]]
    if len(octets) <= SHORT_OCTETS:
        yield "octet by octet", bytewise(octets)


def _is_blocked(lab: Lab, pieces: list[tuple[int, bytes]], answers: bool) -> bool:
    number = next(_numbers)
    client = Client(src=f"192.0.2.{number // N_PORTS % 254 + 1}", sport=number % N_PORTS + 1024, dport=80)
    state: int = 0
    for at, octets in pieces:
        state = lab.send(client, at, octets, state)
        lab.gate.injected()
        if state in (BLOCKED, ANSWERED):
            return True
        state = ANSWERING.get(state, state) if answers else state
    return False
