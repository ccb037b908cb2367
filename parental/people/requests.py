"""Requests: what a child asks for at a closed page, until a caregiver answers or LIFE is over.

    asked → yes or no, or it lapses

Invariants: at most MAX_OPEN of a profile wait, and a profile asks OF_DAY times in a day, so that anyone who floods the
splash fills no table; what waits already is not asked twice; of two answers at once the first
holds; the name of a page stands in its request alone, and goes with it.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, delete, func, insert, select, update

from parental.store.errors import BadProfile, NotNow
from parental.store.schema.requests import requests

LIFE = timedelta(hours=24)
KEPT = timedelta(hours=24)  # after its end: as long as a child may look for the answer
DAY = timedelta(days=1)
MAX_OPEN = 3  # of one profile: a page, more minutes, and one more page
OF_DAY = 10  # of one profile: what a patient parent reads
PAGE = 40  # of a list: some days of a family
MINUTES = (10, 30)  # that can be asked for
WHYS = ("homework", "religion", "family", "play", "other")
_LAST = select(func.max(requests.c.id))
YES, NO, OPEN, LAPSED = "yes", "no", "open", "lapsed"


class ChildRequest(NamedTuple):
    """What a child asks for: minutes, or else a page.   name  canonical;   why  of WHYS"""

    minutes: int | None
    name: str | None
    why: str


@dataclass(frozen=True, slots=True)
class Request:
    """A request.   until_s  of a yes, None: for good"""

    id: int
    account: int
    profile: int
    minutes: int | None
    name: str | None
    why: str
    asked_s: int
    ends_s: int
    answer: str | None
    answered_s: int | None
    until_s: int | None

    def state_at(self, at: datetime) -> str:
        """YES, NO, OPEN or LAPSED."""
        return self.answer or (OPEN if self.ends_s > at.timestamp() else LAPSED)


def ask(conn: Connection, account: int, profile: int, wanted: ChildRequest, at: datetime) -> tuple[Request, bool]:
    """Write a request down, or find the same one that waits; whether it is new.   Raises BadProfile, NotNow"""
    if wanted.why not in WHYS or (wanted.minutes is None) == (wanted.name is None):
        raise BadProfile("request: neither minutes nor a page, or an unknown reason; not written down; ask once more")
    if wanted.minutes is not None and wanted.minutes not in MINUTES:
        raise BadProfile(f"request: {wanted.minutes} minutes; not written down; ask for {MINUTES[0]} or {MINUTES[1]}")
    waiting = _of(conn, requests.c.profile == profile, _is_open(at))
    same = [each for each in waiting if (each.minutes, each.name) == (wanted.minutes, wanted.name)]
    if same:
        return same[0], False
    since_s = (at - DAY).timestamp()
    asked = select(func.count()).where(requests.c.profile == profile, requests.c.asked_s > since_s)
    if len(waiting) >= MAX_OPEN or conn.execute(asked).scalar_one() >= OF_DAY:
        raise NotNow(f"request: {MAX_OPEN} wait already, or {OF_DAY} were asked today; not written down; ask tomorrow")
    row = {"minutes": wanted.minutes, "name": wanted.name, "why": wanted.why}
    times = {"asked_s": int(at.timestamp()), "ends_s": int((at + LIFE).timestamp())}
    stored = conn.execute(insert(requests).values(account=account, profile=profile, **row, **times))
    assert stored.inserted_primary_key is not None
    return _of(conn, requests.c.id == stored.inserted_primary_key[0])[0], True


def open_requests(conn: Connection, account: int, at: datetime) -> list[Request]:
    """What waits for an answer in a household, the oldest first."""
    return _of(conn, requests.c.account == account, _is_open(at))


def requests_of(conn: Connection, account: int, limit: int = PAGE) -> list[Request]:
    """The newest of a household that are kept, the newest first."""
    mine = select(requests).where(requests.c.account == account).order_by(requests.c.id.desc()).limit(limit)
    return [Request(**row._mapping) for row in conn.execute(mine)]


def newest(conn: Connection, profile: int) -> Request | None:
    """The last thing that was asked for from a profile, no matter what became of it."""
    found = _of(conn, requests.c.id == _LAST.where(requests.c.profile == profile).scalar_subquery())
    return found[0] if found else None


def get_request(conn: Connection, number: int) -> Request:
    """One that is kept."""
    return _of(conn, requests.c.id == number)[0]


def count_yes(conn: Connection, numbers: Sequence[int]) -> int:
    """How many of some requests are answered with a yes."""
    chosen = requests.c.id.in_(numbers), requests.c.answer == YES
    return int(conn.execute(select(func.count()).select_from(requests).where(*chosen)).scalar_one())


def profiles_with_requests(conn: Connection) -> set[int]:
    """Who has asked for something that is still kept."""
    return set(conn.execute(select(requests.c.profile).distinct()).scalars())


def waiting_request(conn: Connection, profile: int, number: int, at: datetime) -> Request:
    """One that waits for an answer.   Raises NotNow"""
    found = _of(conn, requests.c.id == number, requests.c.profile == profile, _is_open(at))
    if not found:
        raise NotNow(f"request {number}: answered, lapsed or not of this child; nothing done")
    return found[0]


def answer(conn: Connection, number: int, said: str, at: datetime, *, until_s: int | None = None) -> None:
    """Answer YES or NO.   until_s  of a yes: until then it is open.   Raises NotNow where another one was quicker"""
    values = {"answer": said, "answered_s": int(at.timestamp()), "until_s": until_s}
    if conn.execute(update(requests).where(requests.c.id == number, _is_open(at)).values(**values)).rowcount == 0:
        raise NotNow(f"request {number}: answered already, or lapsed; nothing done")


def reopen(conn: Connection, number: int) -> None:
    """Take an answer back: it waits again."""
    values = {"answer": None, "answered_s": None, "until_s": None}
    conn.execute(update(requests).where(requests.c.id == number).values(**values))


def forget(conn: Connection, before_s: int, limit: int) -> int:
    """Delete at most `limit` requests that ended before a time; how many."""
    old = select(requests.c.id).where(requests.c.ends_s < before_s).limit(limit)
    return conn.execute(delete(requests).where(requests.c.id.in_(old))).rowcount


def _is_open(at: datetime) -> ColumnElement[bool]:
    return requests.c.answer.is_(None) & (requests.c.ends_s > at.timestamp())


def _of(conn: Connection, *chosen: ColumnElement[bool]) -> list[Request]:
    return [Request(**row._mapping) for row in conn.execute(select(requests).where(*chosen).order_by(requests.c.id))]
