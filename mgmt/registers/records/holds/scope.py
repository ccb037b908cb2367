"""Which records a legal hold names."""

from collections.abc import Iterable
from datetime import UTC, date, datetime, timedelta
from typing import NamedTuple

from sqlalchemy import ColumnElement, Connection, and_, false, or_, select

from parental.store.schema.records import blocks, legal_holds

DAY_S = 86_400
EPOCH = date(1970, 1, 1)


class Scope(NamedTuple):
    """Records of since_s <= time < until_s, unix seconds, with all of these that are not None.

    order       its number;   subscriber  a pseudonym, 32 hexadecimal digits: of one subscriber on one day
    keeps_keys  whether the keys of its days stay, too"""

    since_s: int
    until_s: int
    order: int | None = None
    list: str | None = None
    category: str | None = None
    subscriber: str | None = None
    keeps_keys: bool = False

    def equal(self) -> dict[str, int | str]:
        """Column → what it is to hold."""
        named = {"order": self.order, "list": self.list, "category": self.category, "subscriber": self.subscriber}
        return {name: value for name, value in named.items() if value is not None}

    @property
    def days(self) -> tuple[int, int]:
        """Its first and its last day, since 1970."""
        return self.since_s // DAY_S, (self.until_s - 1) // DAY_S

    def names_all_of(self, day: int) -> bool:
        """Whether it names every record of a day since 1970."""
        return not self.equal() and self.since_s <= day * DAY_S and (day + 1) * DAY_S <= self.until_s

    def text(self) -> str:
        """For people, without the pseudonym: 'records from 2026-08-01T00:00:00Z to 2026-08-02T00:00:00Z, order 7'."""
        since = "the first one" if self.since_s <= 0 else iso(self.since_s)
        said = [f"records from {since} to {iso(self.until_s)}"]
        said += [f"{name} {value}" for name, value in self.equal().items() if name != "subscriber"]
        return ", ".join([*said, *(["of one pseudonym"] if self.subscriber is not None else [])])


def scope_of(conn: Connection, hold: int) -> Scope:
    """Of a hold that there is."""
    return Scope._make(conn.execute(select(*legal_holds.c[Scope._fields]).where(legal_holds.c.id == hold)).one())


def is_held(held: Iterable[Scope]) -> ColumnElement[bool]:
    """Whether a record of the database is named by one of them."""
    columns = {name: blocks.c[name] for name in ("order", "list", "category")} | {"subscriber": blocks.c.pseudonym}
    return or_(
        false(),
        *(
            and_(
                *(blocks.c.time_s >= scope.since_s, blocks.c.time_s < scope.until_s),
                *(columns[name] == value for name, value in scope.equal().items()),
            )
            for scope in held
        ),
    )


def day_text(day: int) -> str:
    """A day since 1970, ISO 8601."""
    return (EPOCH + timedelta(days=day)).isoformat()


def iso(time_s: int) -> str:
    """Unix seconds as text."""
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")
