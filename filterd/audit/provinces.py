"""In which province subscribers are, as records of blocks say it for auditors.

    the line of its number says one?   that;   else the one that all lines of its account have;
    else that of its sessions;   else the one that all sessions of its account's lines have;   else UNKNOWN_PROVINCE

A child's profile, and a school's, is of an account, whose lines may be apart: then none is said.
Invariants: nothing but the province comes out of here: no line, no account, no address.
Cost: 10 µs a subscriber that is not known yet; what is known is asked again after KNOWN_S, what is not after UNKNOWN_S.
"""

import time
from collections.abc import Callable, Iterable, Mapping, Sequence

from sqlalchemy import Connection, Engine, func, select

from parental.store.database import reading
from parental.store.schema.lines import lines, profiles
from parental.store.schema.records import UNKNOWN_PROVINCE

AT_ONCE = 500  # numbers of one question: far below what SQLite binds
KNOWN_S = 600.0  # a line that has moved is where it was for so long
UNKNOWN_S = 60.0  # and one whose session begins is known after so long
MOST_KNOWN = 1 << 17  # subscribers: some 15 MB


BySessions = Callable[[Iterable[int]], Mapping[int, str]]  # numbers of profiles → provinces of those that have one


class Provinces:
    """Of the subscribers of a database, as far as they were asked for.   by_sessions  None: none exist"""

    def __init__(self, engine: Engine, by_sessions: BySessions | None = None) -> None:
        self._engine, self._by_sessions = engine, by_sessions
        self._known: dict[int, str] = {}
        self._unknown: set[int] = set()
        self._since_s = self._unknown_since_s = time.monotonic()

    def of(self, subscribers: Iterable[int]) -> dict[int, str]:
        """The province of each.   subscribers  numbers of profiles, any that a worker may write"""
        wanted = set(subscribers)
        self._forget(len(wanted))
        if missing := sorted(wanted - self._known.keys() - self._unknown):
            with reading(self._engine) as conn:
                for at in range(0, len(missing), AT_ONCE):
                    self._learn(conn, missing[at : at + AT_ONCE])
        return {each: self._known.get(each, UNKNOWN_PROVINCE) for each in wanted}

    def _forget(self, n_wanted: int) -> None:
        now_s = time.monotonic()
        if now_s - self._since_s >= KNOWN_S or len(self._known) + n_wanted > MOST_KNOWN:
            self._known, self._since_s = {}, now_s
        if now_s - self._unknown_since_s >= UNKNOWN_S or len(self._unknown) + n_wanted > MOST_KNOWN:
            self._unknown, self._unknown_since_s = set(), now_s

    def _learn(self, conn: Connection, numbers: Sequence[int]) -> None:
        found = _asked(conn, numbers)
        missing = [number for number in numbers if number not in found]
        if missing and self._by_sessions is not None:
            found |= _heard(conn, missing, self._by_sessions)
        self._known |= found
        self._unknown.update(number for number in numbers if number not in found)


def _asked(conn: Connection, numbers: Sequence[int]) -> dict[int, str]:
    """Of those whose line, or all lines of whose account, say one."""
    there = lines.c.province.is_not(None)
    own = select(lines.c.id, lines.c.province).where(lines.c.id.in_(numbers), there)
    one = func.min(lines.c.province)
    of_account = (
        select(profiles.c.id, one)
        .join(lines, lines.c.account == profiles.c.account)
        .where(profiles.c.id.in_(numbers), there)
        .group_by(profiles.c.id)
        .having(one == func.max(lines.c.province))
    )
    found = dict[int, str]()
    for chosen in (of_account, own):
        found |= {number: province for number, province in conn.execute(chosen)}
    return found


def _heard(conn: Connection, numbers: Sequence[int], by_sessions: BySessions) -> dict[int, str]:
    """Of those whose sessions are in one, or else all sessions of the lines of their account.

    A session has the profile that holds on its line: the line's own, of its number, or that of a child"""
    of_account = select(profiles.c.id, lines.c.id.label("line")).join(lines, lines.c.account == profiles.c.account)
    beside = dict[int, set[int]]()
    for number, line in conn.execute(of_account.where(profiles.c.id.in_(numbers))):
        beside.setdefault(number, set()).add(line)
    heard = by_sessions(sorted({*numbers, *(line for found in beside.values() for line in found)}))
    found = {number: {heard[line] for line in around if line in heard} for number, around in beside.items()}
    of_lines = {number: provinces.pop() for number, provinces in found.items() if len(provinces) == 1}
    return of_lines | {number: heard[number] for number in numbers if number in heard}
