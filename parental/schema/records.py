"""Records of what was blocked, never of who asked for what.

    blocks, day_keys, csam_counts  the record of what was blocked
    spool_positions, *_totals      how far spools and counters have been drained into them
    list_counts                    what lists in the shadow would have blocked, and lists of bypass have met

Invariants: `blocks` has no column for a name that was asked for, an address or a subscriber's number; `csam_counts` and
`list_counts` have none for a person, a name or a rule.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from parental.schema.base import Number, metadata

blocks = Table(
    "blocks",
    metadata,
    Column("id", Number, primary_key=True),
    Column("time_s", BigInteger, nullable=False, index=True),
    Column("channel", String, nullable=False),
    Column("action", String, nullable=False),
    Column("list", String, nullable=False),  # '' for a lock
    Column("rule", String, nullable=False),
    Column("order", Number, nullable=False),  # 0: none
    Column("category", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("pseudonym", String, nullable=False),  # '' for an address of no subscriber
    Column("count", BigInteger, nullable=False),
    Column("province", String, nullable=False, server_default="unknown"),  # ISO 3166-2
    UniqueConstraint(
        "time_s",
        "channel",
        "action",
        "list",
        "rule",
        "order",
        "category",
        "reason",
        "generation",
        "pseudonym",
        name="blocks_identical",
    ),
)
day_keys = Table(
    "day_keys",
    metadata,
    Column("day", String, primary_key=True),  # UTC
    Column("key", LargeBinary, nullable=False),
)
csam_counts = Table(
    "csam_counts",
    metadata,
    Column("hour_s", BigInteger, primary_key=True),
    Column("node", String, primary_key=True),
    Column("list", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
spool_positions = Table(
    "spool_positions",
    metadata,
    Column("worker", String, primary_key=True),
    Column("segment", String, nullable=False),
    Column("offset", BigInteger, nullable=False),
)
list_counts = Table(
    "list_counts",
    metadata,
    Column("list", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
# What counters by list and channel had come to when they were drained last.
confidential_totals, list_totals = (
    Table(
        name,
        metadata,
        Column("worker", String, primary_key=True),
        Column("list", Integer, primary_key=True),
        Column("channel", Integer, primary_key=True),
        Column("total", BigInteger, nullable=False),
    )
    for name in ("confidential_totals", "list_totals")
)
