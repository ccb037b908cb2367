"""People: accounts, who cares in them for whom, and what was done there.

    accounts          a household or a school, with one or more lines
    safeguarding_contacts   whom a child of a school can speak to
    caregivers        people who may do something there
    children          each with a profile
    daily_totals      how much was closed to a child by day and kind: counts alone, for the household
    household_events  what was done in the account, by whom: the household's own record

Invariants: a telephone number is stored sealed, and as a keyed digest by which it is found (parental.people.phones); an
invitation is stored as SHA-256; who has done what is never changed, and goes with its account or with its age.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    String,
    Table,
    Text,
    UniqueConstraint,
    false,
)

from parental.store.schema.base import Number, metadata

accounts = Table(
    "accounts",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("name", String),
    Column("language", String),  # absent: the first of the configuration
    Column("created_s", BigInteger),  # absent: before there were accounts
    Column("report_days", Integer),  # for how long totals of its children are kept; absent: the usual time
)
safeguarding_contacts = Table(
    "safeguarding_contacts",
    metadata,
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, nullable=False),
    Column("number", String, nullable=False),  # as it is dialled
)
caregivers = Table(
    "caregivers",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("nickname", String, nullable=False),
    Column("role", String, nullable=False),
    Column("state", String, nullable=False),
    Column("phone", LargeBinary),
    Column("phone_digest", LargeBinary, index=True),
    Column("answers_by_message", Boolean, nullable=False, server_default=false()),  # to requests, from this telephone
    Column("invited_by", Number, ForeignKey("caregivers.id", ondelete="SET NULL")),  # absent: the operator
    Column("invited_s", BigInteger, nullable=False),
    Column("invitation", LargeBinary, unique=True),
    Column("invitation_ends_s", BigInteger),
    UniqueConstraint("account", "phone_digest"),
    sqlite_autoincrement=True,  # the number stands in what was done: it is never given twice
)
children = Table(
    "children",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("nickname", String, nullable=False),
    Column("birth_year", Integer),
    Column("drawing", String),  # the name of one of the portal's
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, unique=True),
    sqlite_autoincrement=True,
)
daily_totals = Table(
    "daily_totals",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("day", String, primary_key=True, index=True),  # local, YYYY-MM-DD
    Column("what", String, primary_key=True),  # a category, or the reason of a lock
    Column("count", BigInteger, nullable=False),
)
household_events = Table(
    "household_events",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("time_s", BigInteger, nullable=False, index=True),
    Column("by_kind", String, nullable=False),  # caregiver, token, account of the box …
    Column("by_name", String, nullable=False),
    Column("by_role", String, nullable=False),
    Column("action", String, nullable=False),
    Column("about", Text, nullable=False),  # JSON: numbers of children, lines, caregivers; names of devices
    Column("child_name", String),  # that the child had then: another name later changes nothing that was done
    Index("household_events_by_account", "account", "id"),
    sqlite_autoincrement=True,
)
