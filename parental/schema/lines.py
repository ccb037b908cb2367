"""Subscribers, each a paying line: addresses, profile, devices."""

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    Table,
)

from parental.schema.base import Number, metadata

revisions = Table(
    "revisions",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
subscribers = Table(
    "subscribers",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("label", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("paused_until_s", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
)
addresses = Table(
    "addresses",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("first", LargeBinary, primary_key=True),  # network order, so that octets sort as numbers
    Column("last", LargeBinary, nullable=False),
    Column("prefix_length", Integer, nullable=False),
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False, index=True),
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
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("category", String, primary_key=True),
)
dns_wishes = Table(  # of those who have any
    "dns_wishes",
    metadata,
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("safe_search", String, nullable=False),
    Column("canaries", Boolean, nullable=False),
)
devices = Table(  # see parental.devices
    "devices",
    metadata,
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("address", String, nullable=False),
)
closed_intervals = Table(
    "closed_intervals",
    metadata,
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("weekday", Integer, primary_key=True),
    Column("start_minute", Integer, primary_key=True),
    Column("minutes", Integer, primary_key=True),
)
