"""Lines and profiles: what an account has of the network, and the rules that hold there.

    profiles   rules under a number, which images, counters and records hold; a line's own has the line's number
    lines      what an account pays for: static prefixes, and the profile that they answer to

Invariants: every line has a profile of its own number, whether it answers to that one or to a child's.
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
)

from parental.store.schema.base import Number, metadata

revisions = Table(
    "revisions",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
profiles = Table(
    "profiles",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("zone", String, nullable=False),
    Column("paused_until_s", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
)
lines = Table(
    "lines",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("label", String, nullable=False),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("profile", Number, ForeignKey("profiles.id"), nullable=False, index=True),
    Column("province", String),
)
addresses = Table(
    "addresses",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("first", LargeBinary, primary_key=True),  # network order, so that octets sort as numbers
    Column("last", LargeBinary, nullable=False),
    Column("prefix_length", Integer, nullable=False),
    Column("line", Number, ForeignKey("lines.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="SET NULL")),  # of a device; absent: the line's
)
OWN_PROFILE = addresses.c.profile.is_not(None)  # of few addresses
Index("addresses_by_profile", addresses.c.profile, sqlite_where=OWN_PROFILE, postgresql_where=OWN_PROFILE)
line_names = Table(  # how a network access server calls a line, see parental.sessions
    "line_names",
    metadata,
    Column("name", String, primary_key=True),
    Column("line", Number, ForeignKey("lines.id", ondelete="CASCADE"), nullable=False, index=True),
)
released_addresses = Table(
    "released_addresses",
    metadata,
    Column("prefix", String, primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),
)
revision_times = Table(  # which revision of the lines there was when: the ages of released addresses
    "revision_times",
    metadata,
    Column("revision", BigInteger, primary_key=True, autoincrement=False),
    Column("time_s", BigInteger, nullable=False),
)
blocked_categories = Table(
    "blocked_categories",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("category", String, primary_key=True),
)
dns_wishes = Table(  # of those who have any
    "dns_wishes",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("safe_search", String, nullable=False),
    Column("canaries", Boolean, nullable=False),
    Column("youtube", String, nullable=False, server_default="off"),
)
household_names = Table(  # of those who have any
    "household_names",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("is_allowed", Boolean, nullable=False),
)
closed_intervals = Table(
    "closed_intervals",
    metadata,
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True),
    Column("weekday", Integer, primary_key=True),
    Column("start_minute", Integer, primary_key=True),
    Column("minutes", Integer, primary_key=True),
    Column("allowed", String),  # categories and services that stay open, with commas; absent: nothing does
)
devices = Table(  # that have a token, see parental.people.devices
    "devices",
    metadata,
    Column("line", Number, ForeignKey("lines.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("address", String, nullable=False),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="SET NULL")),  # absent: the line's
    Index("devices_by_profile", "profile"),
)
