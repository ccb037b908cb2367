"""Blocks that are drawn, as loops write them to their spools: 100,000 subscribers, 20,000 rules (Zipf), 500 orders."""

import random
import struct
from array import array
from datetime import UTC, datetime
from itertools import accumulate
from pathlib import Path

from fastpath.images.verdict import Action, Channel, Mode, Reason, Tier
from fastpath.wire.name import to_wire

PER_S = 100_000
SLOTS, SLOT = 163_839, 128  # fastpath/report/spool.pxd
BEGIN_S = int(datetime(2027, 3, 1, tzinfo=UTC).timestamp())


def drawn_slots(drawn: random.Random) -> bytearray:
    """Records that fill a segment, but for their times."""
    rules = [to_wire(f"n{number}.listed.example".encode()) for number in range(20_000)]
    weights = list(accumulate(1 / (number + 1) for number in range(len(rules))))
    octets = bytearray(SLOTS * SLOT)
    chosen = drawn.choices(range(len(rules)), cum_weights=weights, k=SLOTS)
    for at, rule in enumerate(chosen):
        reason = Reason.PAUSE if drawn.random() < 0.1 else Reason.ORDER
        channel = (Channel.DNS, Channel.SNI, Channel.QUIC)[rule % 3]
        numbers = (0, 12, 5, drawn.randrange(100_000), rule % 500)
        kinds = (channel, Action.SPLASH, reason, Tier.ORDER, Mode.SUBTREE, rule % 20, len(rules[rule]), 0)
        struct.pack_into(f"<qQQII8B24s{len(rules[rule])}s", octets, at * SLOT, *numbers, *kinds, b"pta", rules[rule])
    return octets


def put_segment(worker: Path, first: int, slots: bytearray, n_written: int = SLOTS) -> Path:
    """A segment of these records, PER_S a second.   n_written  how many a reader finds"""
    times = array("q", ((BEGIN_S * PER_S + n) * (10**9 // PER_S) for n in range(first, first + SLOTS)))
    memoryview(slots).cast("q")[:: SLOT // 8] = memoryview(times)
    head = b"FLTRDSP2" + n_written.to_bytes(8, "little")
    path = worker / f"{first // SLOTS + 1:06d}.seg"
    path.write_bytes(head.ljust(SLOT, b"\0") + slots)
    return path
