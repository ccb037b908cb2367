"""Records of what was blocked, never of who asked for what.

    blocks, day_keys, csam_counts  the record of what was blocked
    spool_positions, *_totals      how far spools and counters have been drained into them
    legal_holds                    which blocks stay although they are old; two persons agree to each as an approval
                                   (parental.store.schema.orders), whose end is its own
    list_counts                    what lists on trial would have blocked, and lists of circumvention have met

Invariants: `blocks` has no column for a name that was asked for, an address or a subscriber's number; `csam_counts` and
`list_counts` have none for a person, a name or a rule.  What a hold names never changes, and its row is never removed;
web proposes, control alone begins.
"""

from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    Integer,
    LargeBinary,
    String,
    Table,
    UniqueConstraint,
)

from parental.store.schema.base import Number, metadata

UNKNOWN_PROVINCE = "unknown"  # of an address of no line, or of a line that is not said to be anywhere

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
    Column("province", String, nullable=False, server_default=UNKNOWN_PROVINCE),  # ISO 3166-2
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
legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", Number, primary_key=True),
    Column("since_s", BigInteger, nullable=False),  # of records: since_s <= time < until_s
    Column("until_s", BigInteger, nullable=False),
    Column("order", BigInteger),  # its number; none of these: of any
    Column("list", String),
    Column("category", String),
    Column("subscriber", String),  # a pseudonym of one day, 32 hexadecimal digits
    Column("keeps_keys", Boolean, nullable=False),  # of its days, by which pseudonyms can be matched to subscribers
    Column("begun_ms", BigInteger),  # when control has begun it
    Column("gone_before_s", BigInteger),  # when it began, older records were destroyed already; none: nothing it names
    CheckConstraint("since_s < until_s", name="legal_holds_spans"),
    sqlite_autoincrement=True,
)
