"""What is counted: blocks by month, province, category, channel, list, age band and outcome.

    records of blocks in the archive's files → groups of a month → cells

What a household has chosen is in none, and a CSAM block is in a table of its own that has months and channels alone.
Invariants: what a record does not say is "unknown", and what it has not is "none"; a cell has no rule, no name, no
pseudonym and no order.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec
from msgspec import Struct
from sqlalchemy import Connection, func, select

from mgmt.registers.records.block_ledger import RecordQuery, iter_csam_counts
from mgmt.registers.records.statistics.disclosure import Values
from mgmt.registers.records.wrong_blocks import OUTCOMES
from parental.store.schema.reports import wrong_blocks

DIMENSIONS = ("month", "province", "category", "channel", "list", "age_band", "outcome")
GIVEN_UP = ("age_band", "outcome", "channel", "list", "category", "province", "month")  # for small cells, in this order
COUNTED = ("province", "category", "channel", "list", "action")  # columns of a record
UNKNOWN, NONE, WAITING = "unknown", "none", "waiting"
SEEN = "shadow"  # the outcome of what a tap saw, and did not stop
MONTHS_OF_QUARTER = 3


class Group(Struct, frozen=True):
    """Blocks of a span of time that are alike.   Fields as in mgmt.registers.records.block_ledger"""

    category: str
    channel: str
    list: str
    action: str
    count: int
    province: str


class Month(NamedTuple):
    """name  as 2026-11;   since_s <= time < until_s, unix seconds"""

    name: str
    since_s: int
    until_s: int

    @property
    def wanted(self) -> RecordQuery:
        return RecordQuery(self.since_s, self.until_s)


class Quarter(NamedTuple):
    """A quarter of a year, in a zone."""

    year: int
    number: int
    zone: ZoneInfo

    @property
    def name(self) -> str:
        return f"{self.year}-Q{self.number}"

    @property
    def before(self) -> "Quarter":
        """The quarter before."""
        return self._replace(number=self.number - 1) if self.number > 1 else Quarter(self.year - 1, 4, self.zone)

    @property
    def months(self) -> list[Month]:
        first = MONTHS_OF_QUARTER * (self.number - 1)
        return [self._month(first + at) for at in range(MONTHS_OF_QUARTER)]

    def _month(self, at: int) -> Month:
        begins = [datetime(self.year + each // 12, each % 12 + 1, 1, tzinfo=self.zone) for each in (at, at + 1)]
        since, until = (int(begin.timestamp()) for begin in begins)
        return Month(f"{begins[0]:%Y-%m}", since, until)


def last_quarter(at: datetime, zone: ZoneInfo, delay: timedelta) -> Quarter:
    """The last quarter that had ended `delay` ago."""
    day: date = (at - delay).astimezone(zone).date()
    number = (day.month - 1) // MONTHS_OF_QUARTER
    return Quarter(day.year, number, zone) if number else Quarter(day.year - 1, 4, zone)


def groups_of_lines(lines: bytes) -> list[Group]:
    """As the archive writes them: a JSON object each.   Raises msgspec.DecodeError"""
    return [msgspec.json.decode(line, type=Group) for line in lines.splitlines()]


def cells_of(month: str, groups: Iterable[Group]) -> Counter[Values]:
    """The cells of a month, in DIMENSIONS."""
    cells: Counter[Values] = Counter()
    for each in groups:
        values = (month, each.province, each.category or NONE, each.channel, each.list or NONE, UNKNOWN, each.action)
        cells[values] += each.count
    return cells


def csam_cells(conn: Connection, months: Sequence[Month], node: str | None) -> Counter[Values]:
    """Month and channel of CSAM blocks.   node  of this box alone; None: of all"""
    cells: Counter[Values] = Counter()
    for month in months:
        for each in iter_csam_counts(conn, month.since_s, month.until_s):
            if node in (None, each.node):
                cells[month.name, each.channel] += each.count
    return cells


def appeal_cells(conn: Connection, months: Sequence[Month]) -> Counter[Values]:
    """Month and outcome of visitors' reports that something is blocked by mistake."""
    cells: Counter[Values] = Counter()
    for month in months:
        of_month = wrong_blocks.c.reported_s.between(month.since_s, month.until_s - 1)
        counted = select(wrong_blocks.c.outcome, func.count()).where(of_month).group_by(wrong_blocks.c.outcome)
        for outcome, count in conn.execute(counted):
            cells[month.name, outcome if outcome in OUTCOMES else WAITING] += count
    return cells


def bypass_cells(quarter: str, before: Mapping[str, int], now: Mapping[str, int]) -> Counter[Values]:
    """Quarter, list and channel of what has come between two counts by "list channel".

    A smaller count has begun again, as its list was out of the configuration: what has come since is all of it."""
    risen = ((key, count - before.get(key, 0) if count >= before.get(key, 0) else count) for key, count in now.items())
    return Counter({(quarter, *key.rsplit(" ", 1)): count for key, count in risen if count > 0})
