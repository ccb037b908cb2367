"""Compiles profiles and who holds which address into the `subscribers` and `policy` images, each a base or a delta.

A delta is cumulative: it holds everything that changed after the revision its base was written at.  Write both images
of a moment from one read transaction.

Invariants: equal rows at an equal instant give equal bytes; equal profiles are written once.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import BinaryIO

from sqlalchemy import Connection

from fastpath.images.policy_writer import ProfileSpec, pack_policy, pack_subscribers
from parental import addresses, devices, profiles
from parental.holder import Holder
from parental.profile import SAFE_SEARCH, Profile
from parental.schedule import closed_minutes, next_turn, utc_offset_s
from parental.subscriber import Network
from rules.category import category_number

NEVER_S = 2**62


def write_subscribers_base(conn: Connection, out: BinaryIO, generation: int) -> int:
    """Write who holds which address, devices among them; returns the image's octets."""
    rows = [(str(prefix), found.id) for found in profiles.iter_holders(conn) for prefix in found.prefixes]
    rows += devices.iter_addresses(conn)
    return pack_subscribers(out, generation, 0, rows)


def write_subscribers_delta(
    conn: Connection, out: BinaryIO, generation: int, base_generation: int, since_revision: int
) -> int:
    """Write what changed since the base: taken and released addresses; returns the image's octets."""
    changed = list(profiles.iter_holders(conn, since_revision=since_revision))
    rows: list[tuple[str, int | None]] = [(str(prefix), found.id) for found in changed for prefix in found.prefixes]
    rows += devices.iter_addresses(conn, since_revision)
    taken = {prefix for found in changed for prefix in found.prefixes}
    rows += [
        (str(prefix), None) for prefix in addresses.released_since(conn, since_revision) if not _is_in(prefix, taken)
    ]
    return pack_subscribers(out, generation, base_generation, rows)


def write_policy_base(conn: Connection, out: BinaryIO, generation: int, at: datetime) -> int:
    """Write every profile as of the instant `at`; returns the image's octets."""
    return _write_policy(out, generation, 0, profiles.iter_holders(conn), at)


def write_policy_delta(
    conn: Connection, out: BinaryIO, generation: int, base_generation: int, since_revision: int, at: datetime
) -> int:
    """Write the profiles changed since the base; returns the image's octets."""
    changed = profiles.iter_holders(conn, since_revision=since_revision)
    return _write_policy(out, generation, base_generation, changed, at)


def profile_spec(profile: Profile, at: datetime) -> ProfileSpec:
    """A profile as the image holds it: right from `at` until the zone's clocks have turned twice."""
    at_s = int(at.timestamp())
    zone = profile.schedule.zone
    offset_s = utc_offset_s(zone, at_s)
    turn_s, turned_offset_s = next_turn(zone, at_s) or (NEVER_S, offset_s)
    mask = sum(1 << category_number(name) for name in profile.blocked_categories)
    return ProfileSpec(
        mask,
        closed_minutes(profile.schedule.intervals),
        profile.paused_until_s,
        offset_s,
        turn_s,
        turned_offset_s,
        SAFE_SEARCH.index(profile.safe_search),
        profile.canaries,
    )


def _write_policy(out: BinaryIO, generation: int, base_generation: int, holders: Iterable[Holder], at: datetime) -> int:
    index_of: dict[ProfileSpec, int] = {}
    rows = [(found.id, index_of.setdefault(profile_spec(found.profile, at), len(index_of))) for found in holders]
    return pack_policy(out, generation, base_generation, list(index_of), rows)


def _is_in(prefix: Network, taken: set[Network]) -> bool:
    """Whether `prefix` lies in one of `taken`: the longer prefix would win in the image, although not released."""
    return any(prefix.supernet(new_prefix=length) in taken for length in range(prefix.prefixlen + 1))
