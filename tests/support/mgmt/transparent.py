"""A quarter that was made public, as control does it."""

from collections.abc import Callable
from datetime import UTC, datetime

from mgmt.registers.records.statistics.disclosure import LEAST
from mgmt.registers.transparency import statement

AT = datetime(2026, 8, 4, 12, tzinfo=UTC)
Push = Callable[..., int]


def statement_of(quarter: str = "2026-Q3", ground: str = "decency", leaves_out: bool = False) -> statement.Statement:
    row = statement.OrderGroup(
        issuer="<PTA>",
        category=ground,
        orders=12,
        entries=40,
        in_force=30,
        protected=2,
        held=3,
        released=5,
        median_ms=90_000,
    )
    return statement.Statement(
        format=statement.FORMAT,
        quarter=quarter,
        zone="Asia/Karachi",
        made="2026-10-02T00:00:00.000Z",
        least=LEAST,
        leaves_out=leaves_out,
        orders=[row],
        appeals=None,
        answered_ms=7_200_000,
    )
