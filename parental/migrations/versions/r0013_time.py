"""Time: cards, dates, closures and grants, screen time, tickets."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, String, Text, UniqueConstraint

revision = "0013"
down_revision = "0012"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    _make_plans()
    _make_spans()
    _make_tickets()


def _make_plans() -> None:
    op.create_table(
        "household_calendars",
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        Column("school_days", Integer, nullable=False),
        Column("follows_announced", Boolean, nullable=False),
        Column("shift_days", Integer, nullable=False),
    )
    op.create_table(
        "day_ranges",
        Column("id", _NUMBER, primary_key=True),
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), index=True),
        Column("day_set", String, nullable=False),
        Column("first", String, nullable=False),
        Column("last", String),
    )
    op.create_table(
        "cards",
        Column("id", _NUMBER, primary_key=True),
        _profile(),
        Column("kind", String, nullable=False),
        Column("label", String, nullable=False),
        Column("days", Integer, nullable=False),
        Column("start_minute", Integer, nullable=False),
        Column("minutes", Integer, nullable=False),
        Column("day_sets", String, nullable=False),
        Column("is_on", Boolean, nullable=False),
        Column("allowed", Text),
        Column("pack", String),
        sqlite_autoincrement=True,
    )


def _make_spans() -> None:
    op.create_table(
        "time_spans",
        Column("id", _NUMBER, primary_key=True),
        _profile(),
        Column("kind", String, nullable=False),
        Column("from_s", BigInteger, nullable=False),
        Column("until_s", BigInteger, nullable=False, index=True),
        Column("by_kind", String, nullable=False),
        Column("by_name", String, nullable=False),
        Column("made_s", BigInteger, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "quotas",
        Column("profile", _NUMBER, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
        Column("minutes", Integer, nullable=False),
        Column("day", String, nullable=False),
        Column("used_s", Integer, nullable=False),
        Column("started_s", BigInteger),
        Column("ends_s", BigInteger, index=True),
    )


def _make_tickets() -> None:
    op.create_table(
        "ticket_keys",
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        Column("key", LargeBinary, nullable=False),
    )
    op.create_table(
        "tickets",
        Column("id", _NUMBER, primary_key=True),
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        Column("number", Integer, nullable=False),
        Column("minutes", Integer, nullable=False),
        Column("made_s", BigInteger, nullable=False),
        Column("expires_s", BigInteger, nullable=False, index=True),
        Column("revoked_s", BigInteger),
        UniqueConstraint("account", "number"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "ticket_uses",
        Column("ticket", _NUMBER, ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True),
        Column("profile", _NUMBER, nullable=False),
        Column("used_s", BigInteger, nullable=False),
    )


def _profile() -> Column[int]:
    return Column("profile", _NUMBER, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True)
