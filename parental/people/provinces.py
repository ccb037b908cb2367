"""In which province subscribers are, as records of blocks say it for auditors.

    the line of its number says one?   that;   else the one that all lines of its account have;   else UNKNOWN_PROVINCE

A child's profile, and a school's, is of an account, whose lines may be apart: then none is said.
Invariants: nothing but the province comes out of here: no line, no account, no address.
Cost: 10 µs a subscriber that is not known yet; what is known is asked again after KNOWN_S.
"""

import time
from collections.abc import Iterable, Sequence

from sqlalchemy import Connection, Engine, func, select

from parental.database import reading
from parental.schema.lines import lines, profiles
from parental.subscriber import UNKNOWN_PROVINCE

AT_ONCE = 500  # numbers of one question: far below what SQLite binds
KNOWN_S = 600.0  # a line that has moved is where it was for so long
MOST_KNOWN = 1 << 17  # subscribers: some 15 MB


class Provinces:
    """Of the subscribers of a database, as far as they were asked for."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine
        self._known: dict[int, str] = {}
        self._since_s = time.monotonic()

    def of(self, subscribers: Iterable[int]) -> dict[int, str]:
        """The province of each.   subscribers  numbers of profiles, any that a worker may write"""
        wanted = set(subscribers)
        if time.monotonic() - self._since_s >= KNOWN_S or len(self._known) + len(wanted) > MOST_KNOWN:
            self._known, self._since_s = {}, time.monotonic()
        if missing := sorted(wanted - self._known.keys()):
            with reading(self._engine) as conn:
                for at in range(0, len(missing), AT_ONCE):
                    self._known |= _asked(conn, missing[at : at + AT_ONCE])
        return {each: self._known[each] for each in wanted}


def _asked(conn: Connection, numbers: Sequence[int]) -> dict[int, str]:
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
    found = dict.fromkeys(numbers, UNKNOWN_PROVINCE)
    for chosen in (of_account, own):
        found |= {number: province for number, province in conn.execute(chosen)}
    return found
