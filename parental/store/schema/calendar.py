"""Time: what families plan of a day, what they decide for now, and screen time.

household_calendars, day_ranges   which kind of day a date is; ranges of no account are the operator's
cards                             closed times of a profile, of which its week is made (parental.calendar.weeks)
time_spans                        closures and grants between two instants, with who gave them
quotas                            minutes a day, and how much of the day's are used
ticket_keys, tickets, ticket_uses  codes of minutes; a ticket has at most one use
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
)

from parental.store.schema.base import Number, metadata

household_calendars = Table(
    "household_calendars",
    metadata,
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("school_days", Integer, nullable=False),  # bit 0 is Monday
    Column("follows_announced", Boolean, nullable=False),
    Column("shift_days", Integer, nullable=False),
    Column("city", String),  # whose suhoor and iftar hold
)
day_ranges = Table(
    "day_ranges",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), index=True),  # absent: the operator's
    Column("day_set", String, nullable=False),
    Column("first", String, nullable=False),  # YYYY-MM-DD
    Column("last", String),  # absent: until it is ended
)
cards = Table(
    "cards",
    metadata,
    Column("id", Number, primary_key=True),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("label", String, nullable=False),
    Column("days", Integer, nullable=False),  # bit 0 is Monday
    Column("start_minute", Integer, nullable=False),
    Column("minutes", Integer, nullable=False),
    Column("day_sets", String, nullable=False),
    Column("is_on", Boolean, nullable=False),
    Column("allowed", Text),  # absent: nothing stays open
    Column("pack", String),
    Column("begins", String),  # suhoor or iftar, in place of its own
    Column("ends", String),
    sqlite_autoincrement=True,
)
time_spans = Table(
    "time_spans",
    metadata,
    Column("id", Number, primary_key=True),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("kind", String, nullable=False),
    Column("from_s", BigInteger, nullable=False),
    Column("until_s", BigInteger, nullable=False, index=True),
    Column("by_kind", String, nullable=False),  # caregiver, token, ticket, …
    Column("by_name", String, nullable=False),
    Column("made_s", BigInteger, nullable=False),
    sqlite_autoincrement=True,
)
quotas = Table(
    "quotas",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("minutes", Integer, nullable=False),
    Column("day", String, nullable=False),  # of used_s, YYYY-MM-DD; it never goes back
    Column("used_s", Integer, nullable=False),
    Column("started_s", BigInteger),  # absent: screen time does not run
    Column("ends_s", BigInteger, index=True),
)
ticket_keys = Table(
    "ticket_keys",
    metadata,
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("key", LargeBinary, nullable=False),
)
tickets = Table(
    "tickets",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("number", Integer, nullable=False),  # the first digits of its code
    Column("minutes", Integer, nullable=False),
    Column("made_s", BigInteger, nullable=False),
    Column("expires_s", BigInteger, nullable=False, index=True),
    Column("revoked_s", BigInteger),
    UniqueConstraint("account", "number"),
    sqlite_autoincrement=True,  # the number stands in the code: it is never given twice
)
ticket_uses = Table(
    "ticket_uses",
    metadata,
    Column("ticket", Number, ForeignKey("tickets.id", ondelete="CASCADE"), primary_key=True),
    Column("profile", Number, nullable=False),
    Column("used_s", BigInteger, nullable=False),
)
