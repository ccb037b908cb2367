"""Levels: what of a line the network tells apart, and what can be offered there; derived from rows, never claimed.

    H  the home: every device answers to one profile, be it a child's
    K  a child's network: the line is the child's, and others have another (a second SSID with an address of its own)
    D  devices: the router names them, or they have prefixes of their own
    S  a school

Invariants: what cannot be enforced is not offered: a lock needs addresses that packets come from, and neither a device
that is known by its token, nor one that only its router names, has one; a line with a name has those that a NAS gives
it (RADIUS), which no table holds.
"""

import enum
from collections.abc import Iterable
from typing import NamedTuple

from sqlalchemy import Connection, and_, bindparam, exists, select

from fastpath.dns.device_option import is_device
from parental.people.accounts import lines_of
from parental.people.caregivers import SCHOOL, CaregiverState
from parental.policy.addresses import held_by
from parental.policy.profiles import prefixes_of
from parental.policy.subscriber import Network
from parental.store.schema.lines import devices, line_names, lines
from parental.store.schema.people import caregivers, children

# what the resolver alone enforces; soft hours are some that leave a category open
NAMES = ("categories", "services", "allowed", "denied", "safe_search", "youtube", "canaries", "soft_hours")
LOCKS = ("pause", "schedule")  # what closes everything
PACKETS = ("quic", "undecidable")  # categories that the gate alone enforces: offered where locks are
ALL = (*NAMES, *LOCKS, *PACKETS)


class Level(enum.Enum):
    """What a line is."""

    HOME = "H"
    KIDS = "K"
    DEVICES = "D"
    SCHOOL = "S"


_NAMED = select(line_names.c.line).join(lines, lines.c.id == line_names.c.line)
_NAMED = _NAMED.where(lines.c.profile == bindparam("profile")).limit(1)
_OWNERS = select(
    exists().where(
        caregivers.c.account == bindparam("account"),
        caregivers.c.role == SCHOOL,
        caregivers.c.state == CaregiverState.ACTIVE,
    ),
    and_(
        exists().where(children.c.profile == bindparam("profile")),
        exists().where(lines.c.account == bindparam("account"), lines.c.profile != bindparam("profile")),
    ),
)


class Offer(NamedTuple):
    """What a line can be used for.

    rules     that hold for all of it, of NAMES, LOCKS and PACKETS
    children  what can be given to a child: "line", "device" """

    level: Level
    rules: tuple[str, ...]
    children: tuple[str, ...]


class FreeLine(NamedTuple):
    """A line whose rules are its own and can be enforced: it can be given to a child."""

    id: int
    label: str


def free_lines(conn: Connection, account: int) -> list[FreeLine]:
    """Those of an account, by rising number.   Cost: a statement for each line"""
    own = [line for line in lines_of(conn, account) if line.profile == line.id]
    return [FreeLine(line.id, line.label) for line in own if set(LOCKS) <= set(rules_of(conn, line.id))]


def offers(conn: Connection, line: int) -> Offer:
    """What a line can be offered.   Cost: seven index look-ups"""
    row = conn.execute(select(lines).where(lines.c.id == line)).one()
    held = held_by(conn, line)
    has_tokens = conn.execute(select(devices.c.name).where(devices.c.line == line).limit(1)).first() is not None
    has_name = conn.execute(select(line_names.c.line).where(line_names.c.line == line).limit(1)).first() is not None
    apart = any(each.profile is not None or is_named(each.network) for each in held)
    level = level_of(conn, line, row.account, row.profile)
    rules = ALL if has_name else _rules(each.network for each in held) or (NAMES if has_tokens else ())
    given = [*(["line"] if held or has_name else []), *(["device"] if apart or has_tokens or len(held) > 1 else [])]
    return Offer(level, rules, tuple(given))


def level_of(conn: Connection, line: int, account: int, profile: int) -> Level:
    """What a line is.   account, profile  of the line.   Cost: two statements, which are made once"""
    held = [each.profile is not None or is_named(each.network) for each in held_by(conn, line)]
    is_school, is_childs = conn.execute(_OWNERS, {"account": account, "profile": profile}).one()
    if is_school:
        return Level.SCHOOL
    if any(held):
        return Level.DEVICES
    return Level.KIDS if is_childs else Level.HOME


def rules_of(conn: Connection, profile: int) -> tuple[str, ...]:
    """What can be enforced of a profile, of NAMES, LOCKS and PACKETS; empty: nothing answers to it yet."""
    found = _rules(prefixes_of(conn, [profile]).get(profile, ()))
    if found != ALL and conn.execute(_NAMED, {"profile": profile}).first():
        return ALL
    if found:
        return found
    own = conn.execute(select(devices.c.name).where(devices.c.profile == profile).limit(1)).first()
    of_line = select(devices.c.name).join(lines, lines.c.id == devices.c.line)
    of_line = of_line.where(lines.c.profile == profile, devices.c.profile.is_(None)).limit(1)
    return NAMES if own is not None or conn.execute(of_line).first() is not None else ()


def _rules(prefixes: Iterable[Network]) -> tuple[str, ...]:
    """All where a packet can come from one of the prefixes; names where there are only devices that a router names."""
    kinds = {is_named(prefix) for prefix in prefixes}
    if not kinds:
        return ()
    return NAMES if kinds == {True} else ALL


def is_named(prefix: Network) -> bool:
    """Whether a prefix is what images have for a device that its router names: no packet comes from there."""
    return is_device(prefix.network_address.packed, prefix.prefixlen)
