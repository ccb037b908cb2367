"""Three families, each a line with its own evenings: where their month's household blocks come from."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial

from sqlalchemy import Connection

from filterd.lab.seed.month import Change, Month
from filterd.lab.seed.staff import BY
from mgmt.staff.permissions import PARENT
from mgmt.staff.tokens import create_token
from parental.policy.profile import Profile
from parental.policy.schedule import Interval, Schedule
from parental.policy.subscriber import Subscriber, parse_prefix
from parental.policy.subscribers import pause, put_subscriber, resume

SCHOOL_NIGHTS, ALL_NIGHTS = range(5), range(7)  # from Monday
DINNER = timedelta(minutes=40)


@dataclass(frozen=True, slots=True)
class Family:
    """A line of the laboratory.

    prefixes     where its packets come from
    nights       when it is closed;   pauses_on  numbers of the days on which someone pauses it for dinner"""

    line: int
    label: str
    prefixes: tuple[str, ...]
    categories: frozenset[str] = frozenset()
    nights: tuple[Interval, ...] = ()
    pauses_on: tuple[int, ...] = ()

    @property
    def profile(self) -> Profile:
        """The rules that the family has chosen."""
        return Profile(self.categories, Schedule(self.nights))


# Numbers above those of the demo's own lines, and addresses that no node of the laboratory has.
FAMILIES = (
    Family(
        101,
        "Family Khan, three children",
        ("203.0.113.1", "2001:db8:101::/56"),
        frozenset({"adult", "gambling"}),
        tuple(Interval(day, 21 * 60 + 30, 9 * 60) for day in SCHOOL_NIGHTS),
        (3, 9, 17, 24, 28),
    ),
    Family(
        102,
        "Family Baloch, one child",
        ("203.0.113.2", "2001:db8:102::/56"),
        frozenset({"adult"}),
        tuple(Interval(day, 22 * 60, 8 * 60) for day in ALL_NIGHTS),
        (6, 20),
    ),
    Family(103, "Family Memon, no rules yet", ("203.0.113.3", "2001:db8:103::/56")),
)


def changes_of(month: Month, families: Sequence[Family] = FAMILIES) -> list[Change]:
    """They come on the first day and choose their rules on the evening of the second; later they pause for dinner."""
    found = []
    for family in families:
        found += [Change(month.in_office(0), partial(_come, family)), Change(month.at(1, 20), partial(_choose, family))]
        for number in family.pauses_on:
            at = month.at(number, 19)
            found += [Change(at, partial(_pause, family)), Change(at + DINNER, partial(_resume, family))]
    return found


def put_parents(conn: Connection, at: datetime, families: Sequence[Family] = FAMILIES) -> dict[str, str]:
    """A parent of each family; returns the token of each, by `parent LINE`."""
    return {f"parent {family.line}": create_token(conn, PARENT, family.line, BY, lambda: at) for family in families}


def _come(family: Family, conn: Connection, _: datetime) -> None:
    put_subscriber(conn, _line(family, Profile()))


def _choose(family: Family, conn: Connection, _: datetime) -> None:
    put_subscriber(conn, _line(family, family.profile))


def _pause(family: Family, conn: Connection, at: datetime) -> None:
    pause(conn, family.line, at + DINNER)


def _resume(family: Family, conn: Connection, _: datetime) -> None:
    resume(conn, family.line)


def _line(family: Family, profile: Profile) -> Subscriber:
    return Subscriber(family.line, family.label, tuple(map(parse_prefix, family.prefixes)), profile)
