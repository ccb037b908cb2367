"""Spool segments as a loop writes them (fastpath/report/spool.pxd)."""

import struct
from pathlib import Path
from typing import Any

from fastpath.images.verdict import Action, Channel, Mode, Reason, Tier
from fastpath.wire.name import to_wire

TIME_NS = 1_800_000_000 * 10**9
SLOT_OCTETS = 128


def block_event(
    rule: str | bytes = "bad.test",
    *,
    time_ns: int = TIME_NS,
    names_generation: int = 12,
    policy_generation: int = 5,
    subscriber: int = 7,
    order: int = 3,
    channel: int = Channel.SNI,
    action: int = Action.SPLASH,
    reason: int = Reason.ORDER,
    category: int = 1,
    is_url: int = 0,
    list_id: str = "pta",
) -> bytes:
    """One record in its slots.   rule  a name, or octets as they are"""
    wire = (to_wire(rule.encode()) if rule else b"") if isinstance(rule, str) else rule
    numbers = (time_ns, names_generation, policy_generation, subscriber, order)
    kinds: tuple[Any, ...] = (channel, action, reason, Tier.ORDER, Mode.SUBTREE, category, len(wire), is_url)
    octets = struct.pack("<qQQII8B24s", *numbers, *kinds, list_id.encode()) + wire
    return octets.ljust(-(-len(octets) // SLOT_OCTETS) * SLOT_OCTETS, b"\0")


def put_segment(folder: Path, number: int, *events: bytes) -> Path:
    """A segment of these records, no longer than they are."""
    folder.mkdir(parents=True, exist_ok=True)
    slots = b"".join(events)
    head = b"FLTRDSP2" + (len(slots) // SLOT_OCTETS).to_bytes(8, "little")
    path = folder / f"{number:06d}.seg"
    path.write_bytes(head.ljust(SLOT_OCTETS, b"\0") + slots)
    return path
