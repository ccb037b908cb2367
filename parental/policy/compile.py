"""Compiles all profiles and who holds which address into the bases of the `subscribers` and `policy` images;
parental.policy.changed_profiles writes what stands on them.

Write both images of a moment from one read transaction.

Invariants: equal rows at an equal instant give equal bytes; equal profiles are written once.
"""

import itertools
from array import array
from collections.abc import Iterable
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Connection

from fastpath.images.layout import LockBit
from fastpath.people.held_prefixes import HeldPrefixes
from fastpath.people.policy_writer import ProfileSpec, pack_profiles
from fastpath.people.subscribers_writer import pack_held, pack_subscribers
from parental.policy import profiles
from parental.policy.held import iter_held, iter_tokens
from parental.policy.long_names import fits
from parental.policy.per_profile import PerProfile
from parental.policy.profile import OPENS, SAFE_SEARCH, Profile, Span
from parental.policy.schedule import closed_minutes, next_turn, soft_minutes, utc_offset_s
from rules.base.canonical import canonical_wire
from rules.base.category import category_number

NEVER_S = 2**62


def write_subscribers_base(conn: Connection, out: BinaryIO, generation: int) -> int:
    """Write who holds which address, devices among them; returns the image's octets."""
    held = HeldPrefixes()
    held.replace(itertools.chain(iter_held(conn), iter_tokens(conn)))
    return pack_held(out, generation, 0, held)


def write_one_for_all(out: BinaryIO, number: int) -> int:
    """Write a base in which one profile holds every address of IPv4; returns the image's octets."""
    return pack_subscribers(out, 1, 0, [("0.0.0.0/0", number)])


def write_policy_base(conn: Connection, out: BinaryIO, generation: int, at: datetime) -> int:
    """Write every profile as of the instant `at`; returns the image's octets."""
    index_of: dict[ProfileSpec, int] = {}
    row_of = PerProfile(lambda profile: index_of.setdefault(profile_spec(profile, at), len(index_of)))
    numbers, rows = array("I"), array("I")
    for number, profile in profiles.iter_profiles(conn):
        numbers.append(number)
        rows.append(row_of(profile))
    return pack_profiles(out, generation, 0, list(index_of), numbers, rows)


def profile_spec(profile: Profile, at: datetime) -> ProfileSpec:
    """A profile as the image holds it: right from `at` until the zone's clocks have turned twice.

    A closure that has begun has no beginning there, and a grant that has ended is missing, so that no clock that is
    set back ends the one or brings back the other.  A name that the image has no room for is missing, either."""
    at_s = int(at.timestamp())
    zone = profile.schedule.zone
    offset_s = utc_offset_s(zone, at_s)
    turn_s, turned_offset_s = next_turn(zone, at_s) or (NEVER_S, offset_s)
    return ProfileSpec(
        _mask(profile.blocked_categories),
        closed_minutes(profile.schedule.intervals),
        profile.paused_until_s,
        offset_s,
        turn_s,
        turned_offset_s,
        SAFE_SEARCH.index(profile.safe_search),
        profile.canaries,
        SAFE_SEARCH.index(profile.youtube),
        tuple((start, minutes, _mask(names)) for start, minutes, names in soft_minutes(profile.schedule.intervals)),
        tuple(_packed(span, at_s) for span in (*profile.closures, *profile.grants) if span.until_s > at_s),
        tuple(canonical_wire(name) for name in sorted(filter(fits, profile.allowed))),
        tuple(canonical_wire(name) for name in sorted(filter(fits, profile.denied))),
    )


def _mask(names: Iterable[str]) -> int:
    return sum(1 << category_number(name) for name in names)


def _packed(span: Span, at_s: int) -> tuple[int, int, int, int]:
    """(from, until, what it closes, what it opens)"""
    if span.kind in OPENS:
        return span.from_s, span.until_s, 0, sum(LockBit[lock.upper()] for lock in OPENS[span.kind])
    return 0 if span.from_s <= at_s else span.from_s, span.until_s, LockBit[span.kind.upper()], 0
