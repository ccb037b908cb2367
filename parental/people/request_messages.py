"""Answers to requests by message: a code of one request and one caregiver, who sends it back from the own telephone.

Only who has chosen it, with the household's PIN, gets such messages: anyone who holds the telephone can then say yes.
Invariants: a code holds for one request, from the one number that it was sent to, and for TRIES messages, right or
wrong ones; of several gateways with one database one sends it; no code is in a row in clear.
Source: NIST SP 800-63B-4 §3.1.3 (out-of-band).
"""

import hmac
import secrets
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, exists, select, update

from parental.people.caregivers import CaregiverState, get_caregiver
from parental.people.phones import Phones
from parental.people.requests import LIFE, Request, get_request
from parental.store.database import upsert
from parental.store.schema.people import caregivers
from parental.store.schema.requests import request_messages, requests

DIGITS = 4  # typed on the keys of a simple telephone; a guess of one in 2,000 with TRIES
TRIES = 5
YOUNG = timedelta(minutes=10)  # what is older was asked while no message could be sent: it is on the page
MOST = 100  # of one look
MOST_CODES = 100  # of one telephone, of 10,000: a guess stays a guess, and a free one is found
_CODE = request_messages.c["request", "caregiver", "code"]


class Due(NamedTuple):
    """A message that is to be sent.   role  of the caregiver;   phone  sealed"""

    request: int
    profile: int
    account: int
    minutes: int | None
    name: str | None
    why: str
    caregiver: int
    role: str
    phone: bytes


class Answerer(NamedTuple):
    """Whose code came back, and for which request."""

    request: Request
    caregiver: int
    role: str


class SpentCode(NamedTuple):
    """account  where the number has codes that can still be tried, None: nowhere;   by  None: this is not one of
    them"""

    account: int | None
    by: Answerer | None


def choose(conn: Connection, account: int, caregiver: int, wanted: bool) -> bool:
    """Have a caregiver's telephone get requests, or not; False: it has none.   Raises NoPerson"""
    if wanted and not get_caregiver(conn, account, caregiver).has_phone:
        return False
    chosen = caregivers.c.id == caregiver, caregivers.c.account == account
    conn.execute(update(caregivers).where(*chosen).values(answers_by_message=wanted))
    return True


def has_chosen(conn: Connection, caregiver: int) -> bool:
    """Whether a caregiver answers by message."""
    asked = select(caregivers.c.answers_by_message).where(caregivers.c.id == caregiver)
    return bool(conn.execute(asked).scalar_one_or_none())


def due(conn: Connection, at: datetime, most: int = MOST) -> list[Due]:
    """Requests that wait, with who is to hear of them and has not yet.   Cost: of the last YOUNG alone, by an index"""
    young_s = (at + LIFE - YOUNG).timestamp()
    sent = exists().where(request_messages.c.request == requests.c.id, request_messages.c.caregiver == caregivers.c.id)
    chosen = (
        select(
            *(requests.c.id, requests.c.profile, requests.c.account, requests.c.minutes, requests.c.name),
            *(requests.c.why, caregivers.c.id, caregivers.c.role, caregivers.c.phone),
        )
        .join(caregivers, caregivers.c.account == requests.c.account)
        .where(requests.c.ends_s > young_s, requests.c.answer.is_(None), *_answering(), ~sent)
    )
    return [Due(*row) for row in conn.execute(chosen.order_by(requests.c.id, caregivers.c.id).limit(most))]


def put_code(conn: Connection, phones: Phones, request: int, caregiver: int) -> str | None:
    """Make the code of a message; None: another gateway has, or the telephone has MOST_CODES, and this stays unsent."""
    telephone = select(caregivers.c.phone_digest).where(caregivers.c.id == caregiver).scalar_subquery()
    of_telephone = select(caregivers.c.id).where(caregivers.c.phone_digest == telephone)
    used = conn.execute(select(*_CODE).where(request_messages.c.caregiver.in_(of_telephone))).all()
    is_full = len(used) >= MOST_CODES
    while True:
        code = f"{secrets.randbelow(10**DIGITS):0{DIGITS}}"
        if is_full or not any(_is_of(phones, code, *each) for each in used):
            break
    row: dict[str, object] = {"request": request, "caregiver": caregiver, "tries": TRIES if is_full else 0}
    row |= {"code": _digest(phones, request, caregiver, code)}
    put = upsert(conn, request_messages).values(row).on_conflict_do_nothing()
    is_put = conn.execute(put.returning(request_messages.c.request)).first() is not None
    return code if is_put and not is_full else None


def spend(conn: Connection, phones: Phones, phone_digest: bytes, code: str) -> SpentCode:
    """Whose code a message has that came from a number.

    Cost: each message is counted before it is judged, so that many at once are no more than TRIES"""
    whose = select(caregivers.c.id).where(caregivers.c.phone_digest == phone_digest, *_answering())
    held = request_messages.c.caregiver.in_(whose), request_messages.c.tries < TRIES
    counted = update(request_messages).where(*held).values(tries=request_messages.c.tries + 1)
    rows = conn.execute(counted.returning(*_CODE)).all()
    if not rows:
        return SpentCode(None, None)
    found = next((row for row in rows if _is_of(phones, code, *row)), None)
    request = get_request(conn, rows[0].request if found is None else found.request)
    if found is None:
        return SpentCode(request.account, None)
    # A right code is no guess at the codes of other requests.
    others = request_messages.c.caregiver.in_(whose), request_messages.c.request != found.request
    given_back = update(request_messages).where(*others, request_messages.c.request.in_([row.request for row in rows]))
    conn.execute(given_back.values(tries=request_messages.c.tries - 1))
    role = conn.execute(select(caregivers.c.role).where(caregivers.c.id == found.caregiver)).scalar_one()
    return SpentCode(request.account, Answerer(request, found.caregiver, role))


def _is_of(phones: Phones, code: str, request: int, caregiver: int, digest: bytes) -> bool:
    return hmac.compare_digest(digest, _digest(phones, request, caregiver, code))


def _answering() -> tuple[ColumnElement[bool], ...]:
    return caregivers.c.answers_by_message, caregivers.c.state == CaregiverState.ACTIVE, caregivers.c.phone.is_not(None)


def _digest(phones: Phones, request: int, caregiver: int, code: str) -> bytes:
    return phones.code_digest(b"request %d %d " % (request, caregiver), code)
