"""The register of lawful requests: recorded, answered, agreed to by a second person; each step an event of the ledger.

    recorded → answered                        outside, nothing, refused
             → answered → agreed by another    hold, records; until then it may be answered otherwise

The register has no effect on what is filtered, recorded or kept: a legal hold is made, by two persons, where holds are.
Invariants: what has counted once is not changed; an event holds the number of the request, its kind, the answer, and
the digest of the row, by which a changed row is found; no text of it.
"""

from collections.abc import Iterator, Mapping
from datetime import date, datetime
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, insert, or_, select, update
from sqlalchemy.exc import IntegrityError

from mgmt.ledger.event import ORDERS, Actor, Event
from mgmt.ledger.signed_statement import canonical, digest_of
from mgmt.ledger.store import append
from mgmt.registers.lawful.shapes import ANSWERS, KINDS, OF_TWO, RegisteredRequest, check_choice, check_day, check_text
from mgmt.staff.approvals.rules import differ
from parental.store.schema.registers import lawful_requests as register

PAGE = 200
_ALL = select(*register.c[RegisteredRequest._fields])


class Conflict(ValueError):
    """The register has it already, or has come further; the message says which."""


class AuthorityLetter(NamedTuple):
    """What an authority's letter says.   issued  its day, as 2026-08-04;   kind  of KINDS"""

    authority: str
    reference: str
    basis: str
    kind: str
    issued: str


class Signer(NamedTuple):
    """Who answers.   group  of a person of the desk; None: a token, which is no person"""

    actor: Actor
    group: str | None = None

    @property
    def name(self) -> str:
        return f"{self.actor.kind} {self.actor.name}"


def record(conn: Connection, asked: AuthorityLetter, by: Signer, now: datetime, today: date) -> RegisteredRequest:
    """Write a request down.   today  where the operator is.   Raises BadRequest, Conflict"""
    row = {
        **{name: check_text(name, getattr(asked, name)) for name in ("authority", "reference", "basis")},
        "kind": check_choice("kind", asked.kind, KINDS),
        "issued": check_day("issued", asked.issued, today),
        "recorded_s": int(now.timestamp()),
        "recorded_by": by.name,
    }
    try:
        with conn.begin_nested():
            stored = conn.execute(insert(register).values(row))
    except IntegrityError as reason:
        where = f"{row['authority']}, {row['reference']}"
        raise Conflict(f"{where}: is in the register; not written again; see: filterd lawful list") from reason
    assert stored.inserted_primary_key is not None
    return _noted(conn, int(stored.inserted_primary_key[0]), "recorded", by.actor, now)


def answer(conn: Connection, number: int, said: str, by: Signer, now: datetime) -> RegisteredRequest:
    """Note an answer.   Raises BadRequest, Conflict (it is answered; or two persons are needed), LookupError"""
    check_choice("answer", said, ANSWERS)
    if said in OF_TWO and by.group is None:
        raise Conflict(f"answer {said!r}: takes two persons; nothing noted; answer at /desk/lawful, signed in")
    of = register.c
    is_open = or_(of.answer.is_(None), of.answer.in_(OF_TWO) & of.agreed_s.is_(None))
    values = {"answer": said, "answered_s": int(now.timestamp()), "answered_by": by.name, "answered_group": by.group}
    _change(conn, number, is_open, values, "has its answer")
    return _noted(conn, number, "answered", by.actor, now)


def agree(conn: Connection, number: int, was: str, by: Signer, now: datetime) -> RegisteredRequest:
    """Agree to the answer `was`, as a second person.   Raises Conflict, LookupError"""
    of = register.c
    found = find(conn, number)
    first = (found.answered_by or "", found.answered_group or "")
    if by.group is None or not differ(first, (by.name, by.group)):
        raise Conflict(f"request {number}: needs a second person of another group; nothing noted; ask a colleague")
    waits = (of.answer == was) & of.answer.in_(OF_TWO) & of.agreed_s.is_(None) & (of.answered_by == found.answered_by)
    values = {"agreed_s": int(now.timestamp()), "agreed_by": by.name, "agreed_group": by.group}
    _change(conn, number, waits, values, "waits for no such agreement")
    return _noted(conn, number, "agreed", by.actor, now)


def find(conn: Connection, number: int) -> RegisteredRequest:
    """One request.   Raises LookupError"""
    row = conn.execute(_ALL.where(register.c.id == number)).one_or_none()
    if row is None:
        raise LookupError(f"request {number}: is not in the register; nothing done; see: filterd lawful list")
    return RegisteredRequest._make(row)


def requests(conn: Connection, after: int = 0, limit: int = PAGE) -> list[RegisteredRequest]:
    """By their numbers."""
    chosen = _ALL.where(register.c.id > after).order_by(register.c.id).limit(limit)
    return list(map(RegisteredRequest._make, conn.execute(chosen)))


def newest(conn: Connection, limit: int) -> list[RegisteredRequest]:
    """The last ones, those that wait for an answer or a second person first."""
    of = register.c
    is_done = of.answer.is_not(None) & (of.answer.not_in(OF_TWO) | of.agreed_s.is_not(None))
    chosen = _ALL.order_by(is_done, of.id.desc()).limit(limit)
    return list(map(RegisteredRequest._make, conn.execute(chosen)))


def iter_requests(conn: Connection) -> Iterator[RegisteredRequest]:
    """All of them."""
    after = 0
    while found := requests(conn, after):
        yield from found
        after = found[-1].id


def is_answered(request: RegisteredRequest) -> bool:
    """Whether the answer counts."""
    return request.answer is not None and (request.answer not in OF_TWO or request.agreed_s is not None)


def sha256_of(request: RegisteredRequest) -> str:
    """The digest of a request, as the last event of the ledger about it has it."""
    return digest_of(canonical(request._asdict()))


# ----------------------------------------------------------------------------------------------------------------------


def _change(
    conn: Connection, number: int, condition: ColumnElement[bool], values: Mapping[str, object], otherwise: str
) -> None:
    changed = conn.execute(update(register).where(register.c.id == number, condition).values(values))
    if changed.rowcount != 1:
        find(conn, number)
        raise Conflict(f"request {number}: {otherwise}; nothing noted; look at it again")


def _noted(conn: Connection, number: int, step: str, by: Actor, now: datetime) -> RegisteredRequest:
    found = find(conn, number)
    said = {"kind": found.kind, "answer": found.answer, "sha256": sha256_of(found)}
    append(conn, Event(ORDERS, f"lawful request {step}", by, {"request": number}, said), now)
    return found
