"""Issuers of orders: who may have a token that pushes, with which keys, for which categories and scopes.

Invariants: an issuer is never removed and keeps its name, which its orders have; a key belongs to one issuer; no name
that is new is read as one that is known: limits and keys hold for the name as it is read, not as it is spelled.
Source: Unicode normalization forms (UAX #15).
"""

import unicodedata
from collections.abc import Callable, Iterable
from datetime import datetime
from itertools import starmap
from typing import NamedTuple

from sqlalchemy import Connection, insert, select, update

from mgmt.ledger.event import STAFF, Actor, Event, Value
from mgmt.ledger.store import append
from parental.store.database import upsert
from parental.store.schema.access import issuer_keys, issuers

KEY_OCTETS = 32  # Ed25519 (RFC 8032 §5.1.5)
MAX_NAME_CHARACTERS = 80
_SCRIPTS = ("LATIN", "ARABIC")  # of names that need not be known: English and Urdu


_ALL = select(*issuers.c["name", "categories", "scopes", "contact", "is_active"])


class Issuer(NamedTuple):
    """An issuer.

    categories, scopes  that its orders may have; None: any
    contact             where it is reached;   is_active  False: its tokens are refused"""

    name: str
    categories: frozenset[str] | None = None
    scopes: frozenset[str] | None = None
    contact: str = ""
    is_active: bool = True

    def beyond(self, category: str, scopes: Iterable[str]) -> list[str]:
        """What the issuer may not order, of an order's category and the scopes of its entries."""
        found = [] if self.categories is None or category in self.categories else [f"category {category}"]
        wide = [] if self.scopes is None else sorted(set(scopes) - self.scopes)
        return found + [f"scope {scope}" for scope in wide]


class IssuerKey(NamedTuple):
    """A key of an issuer, for since ≤ time < until."""

    public_key: bytes
    issuer: str
    since: datetime
    until: datetime


def put_issuer(conn: Connection, issuer: Issuer, by: Actor, at: datetime) -> None:
    """Store an issuer in the place of what was known of it.

    Raises ValueError for a name that is invalid, or that is new and read as a known one."""
    if not 0 < len(issuer.name) <= MAX_NAME_CHARACTERS or not issuer.name.isprintable():
        raise ValueError(
            f"issuer: {issuer.name!r:.40} is no name; not put; write 1 to {MAX_NAME_CHARACTERS} characters"
        )
    refuse_like(conn, issuer.name)
    values: dict[str, str | bool | None] = {
        "categories": joined(issuer.categories),
        "scopes": joined(issuer.scopes),
        "contact": issuer.contact,
        "is_active": issuer.is_active,
    }
    row = {"name": issuer.name, "created_s": int(at.timestamp()), **values}
    conn.execute(upsert(conn, issuers).values(row).on_conflict_do_update(index_elements=["name"], set_=values))
    said = {"categories": values["categories"], "scopes": values["scopes"], "is_active": issuer.is_active}
    append(conn, Event(STAFF, "issuer put", by, {"issuer": issuer.name}, said), at)


def know_issuer(conn: Connection, name: str, by: Actor, at: datetime) -> None:
    """Put an issuer of any category and scope, where the name is new."""
    if find_issuer(conn, name) is None:
        put_issuer(conn, Issuer(name), by, at)


def find_issuer(conn: Connection, name: str) -> Issuer | None:
    row = conn.execute(_ALL.where(issuers.c.name == name)).one_or_none()
    return None if row is None else _issuer_of(*row)


def folded(name: str) -> str:
    """A name without what two ways of writing it differ in: case, spaces, widths, and what has no width."""
    seen = unicodedata.normalize("NFKC", name).casefold()
    shown = "".join(each for each in seen if unicodedata.category(each) != "Cf")
    return " ".join(unicodedata.normalize("NFKC", shown).split())


def refuse_like(conn: Connection, name: str) -> None:
    """Raises ValueError for a name that no issuer has, and that is read as that of one."""
    known = list(conn.execute(select(issuers.c.name).order_by(issuers.c.name)).scalars())
    alike = [each for each in known if folded(each) == folded(name)]
    if alike and name not in known:
        raise ValueError(f"issuer: {name!r:.80} is read as {alike[0]!r}, which is known; not taken; write it like that")


def refuse_unreadable(name: str) -> None:
    """Raises ValueError for a name that people may take for another one, and so is good only where it is known."""
    letters = [each for each in name if unicodedata.category(each).startswith("L")]
    is_of_ours = all(unicodedata.name(each, "").startswith(_SCRIPTS) for each in letters)
    is_plain = folded(name) == unicodedata.normalize("NFC", name).casefold() != ""
    if not is_of_ours or not is_plain:
        raise ValueError(
            f"issuer: {name!a:.80} is not known, and has spaces or letters that can be taken for others; not taken; "
            "write it plainly in Latin or Arabic letters, or have it put (filterd staff issuer)"
        )


def list_issuers(conn: Connection) -> list[Issuer]:
    """All issuers, by name."""
    return list(starmap(_issuer_of, conn.execute(_ALL.order_by(issuers.c.name))))


def put_key(conn: Connection, key: IssuerKey, by: Actor, at: datetime) -> None:
    """Know a key of an issuer.   Raises ValueError, LookupError: the issuer is unknown."""
    if len(key.public_key) != KEY_OCTETS or key.until <= key.since:
        raise ValueError(
            f"issuer {key.issuer}: no key of {KEY_OCTETS} octets with an end after its beginning; not put; look at it"
        )
    if find_issuer(conn, key.issuer) is None:
        raise LookupError(f"issuer {key.issuer[:40]!r}: not known; no key put; see: filterd staff review")
    if conn.execute(select(issuer_keys.c.issuer).where(issuer_keys.c.public_key == key.public_key)).first():
        raise ValueError(f"issuer {key.issuer}: the key is known already; not put; have a new one made")
    span = {"from_s": int(key.since.timestamp()), "until_s": int(key.until.timestamp())}
    conn.execute(insert(issuer_keys).values(public_key=key.public_key, issuer=key.issuer, **span))
    said: dict[str, Value] = {"key": key.public_key.hex(), **span}
    append(conn, Event(STAFF, "issuer key put", by, {"issuer": key.issuer}, said), at)


def end_key(conn: Connection, public_key: bytes, by: Actor, at: datetime) -> None:
    """End a key now.   Raises LookupError: it is not known, or has ended."""
    now_s = int(at.timestamp())
    chosen = issuer_keys.c.public_key == public_key, issuer_keys.c.until_s > now_s
    found = conn.execute(update(issuer_keys).where(*chosen).values(until_s=now_s).returning(issuer_keys.c.issuer))
    issuer = found.scalar_one_or_none()
    if issuer is None:
        raise LookupError("issuer key: not known, or ended already; nothing done; see: filterd staff review")
    append(conn, Event(STAFF, "issuer key ended", by, {"issuer": issuer}, {"key": public_key.hex()}), at)


def list_keys(conn: Connection, moment: Callable[[int], datetime]) -> list[IssuerKey]:
    """All keys, also those that have ended, by issuer and beginning.   moment: a time of the database as a datetime"""
    rows = conn.execute(select(issuer_keys).order_by(issuer_keys.c.issuer, issuer_keys.c.from_s))
    return [IssuerKey(row.public_key, row.issuer, moment(row.from_s), moment(row.until_s)) for row in rows]


def joined(names: frozenset[str] | None) -> str | None:
    """Names as a column has them."""
    return None if names is None else " ".join(sorted(names))


def parted(column: str | None) -> frozenset[str] | None:
    return None if column is None else frozenset(column.split())


def _issuer_of(name: str, categories: str | None, scopes: str | None, contact: str, is_active: bool) -> Issuer:
    return Issuer(name, parted(categories), parted(scopes), contact, is_active)
