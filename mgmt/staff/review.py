"""The access review: everyone and every token with what they may do, and what needs a look.

Source: the yearly review that auditors ask for; ISO/IEC 27001:2022, control 5.18.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

import msgspec
from sqlalchemy import Connection, select

from mgmt.ledger.event import STAFF, Actor, Event
from mgmt.ledger.store import append
from mgmt.staff.issuers import Issuer, folded, list_issuers, list_keys
from mgmt.staff.people import Person, StaffState, list_people
from mgmt.staff.tokens import TokenRow, iter_tokens, token_json
from parental.store.schema.orders import orders
from parental.store.schema.staff import passkeys, staff, staff_passwords

UNUSED = timedelta(days=90)  # after which someone asks whether it is still needed
SOON = timedelta(days=30)
_STRANGER = "has orders and is not known: neither limits nor a key"


class Member(msgspec.Struct):
    """One of the desk.

    ends  None: no end
    credentials  kinds of what one signs in with;   notes  what needs a look"""

    id: int
    name: str
    mail: str
    role: str
    group: str
    state: StaffState
    ends: str | None
    created: str
    last_login: str | None
    credentials: list[str]
    notes: list[str]


class Review(msgspec.Struct):
    """All of it, at one time.   Times are ISO 8601, UTC."""

    at: str
    people: list[Member]
    tokens: list[dict[str, Any]]
    issuers: list[dict[str, Any]]


def review_of(conn: Connection, now: datetime, *, of_households: bool = True) -> Review:
    """Read the review.   now: aware;   of_households  whether with the tokens of households"""
    found = iter_tokens(conn, of_households=of_households)
    tokens = [{**token_json(each), "notes": _notes_of_token(each, now)} for each in found]
    return Review(_text(now), _members(conn, now), tokens, _issuers(conn, now))


def note_review(conn: Connection, review: Review, by: Actor, now: datetime) -> None:
    """Write down that someone has read it."""
    n_notes = sum(len(each.notes) for each in review.people)
    n_notes += sum(len(each["notes"]) for each in (*review.tokens, *review.issuers))
    said = {"people": len(review.people), "tokens": len(review.tokens), "issuers": len(review.issuers)}
    append(conn, Event(STAFF, "access reviewed", by, said={**said, "notes": n_notes}), now)


def _members(conn: Connection, now: datetime) -> list[Member]:
    created = {row.id: row.created_s for row in conn.execute(select(staff.c.id, staff.c.created_s))}
    with_password = set(conn.execute(select(staff_passwords.c.staff)).scalars())
    keys = conn.execute(select(passkeys.c.staff, passkeys.c.label, passkeys.c.vouched_s).order_by(passkeys.c.id)).all()
    found = []
    for person in list_people(conn):
        credentials = ["password and one-time codes"] if person.number in with_password else []
        own = [key for key in keys if key.staff == person.number]
        credentials += [f"passkey: {key.label}{'' if key.vouched_s is None else ' (signs approvals)'}" for key in own]
        since = datetime.fromtimestamp(created[person.number], UTC)
        found.append(
            Member(
                person.number,
                person.name,
                person.mail,
                person.role,
                person.group,
                person.state_at(now.timestamp()),
                None if person.ends is None else _text(person.ends),
                _text(since),
                None if person.last_login is None else _text(person.last_login),
                credentials,
                _notes_of_person(person, credentials, since, now),
            )
        )
    return found


def _notes_of_person(person: Person, credentials: list[str], since: datetime, now: datetime) -> list[str]:
    """Each way to sign in has two factors; so anyone who has none of them has no second one."""
    if person.state_at(now.timestamp()) != StaffState.ACTIVE:
        return []
    notes = [] if credentials else ["has not enrolled: no second factor"]
    if person.ends is not None and person.ends < now + SOON:
        notes.append(f"ends within {SOON.days} days")
    if now - (person.last_login or since) >= UNUSED:
        notes.append(f"has not signed in for {UNUSED.days} days")
    return notes


def _notes_of_token(token: TokenRow, now: datetime) -> list[str]:
    if token.expires <= now:
        return ["has ended"]
    notes = [f"ends within {SOON.days} days"] if token.expires - now < SOON else []
    if now - (token.last_used or token.created) >= UNUSED:
        notes.append(f"was not used for {UNUSED.days} days")
    if not token.label:
        notes.append("has no label")
    if "regulator" in token.roles and token.issuer is None:
        notes.append("speaks for no issuer")
    return notes


def _issuers(conn: Connection, now: datetime) -> list[dict[str, Any]]:
    keys = list_keys(conn, lambda time_s: datetime.fromtimestamp(time_s, UTC))
    known, found = list_issuers(conn), []
    strangers = sorted(set(conn.execute(select(orders.c.issuer).distinct()).scalars()) - {each.name for each in known})
    for issuer in (*known, *map(Issuer, strangers)):
        own = [key for key in keys if key.issuer == issuer.name]
        notes = [] if not issuer.is_active or issuer.contact else ["has no contact"]
        notes = [_STRANGER] if issuer.name in strangers else notes
        alike = (each.name for each in known if folded(each.name) == folded(issuer.name) and each.name != issuer.name)
        notes += [f"is read as {name}" for name in alike]
        notes += ["a key ends within 30 days" for key in own if now < key.until < now + SOON]
        found.append(
            {
                "name": issuer.name,
                "is_active": issuer.is_active,
                "categories": None if issuer.categories is None else sorted(issuer.categories),
                "scopes": None if issuer.scopes is None else sorted(issuer.scopes),
                "contact": issuer.contact,
                "keys": [
                    {"key": key.public_key.hex(), "from": _text(key.since), "until": _text(key.until)} for key in own
                ],
                "notes": notes,
            }
        )
    return found


def _text(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="seconds")
