"""Every table of the database but those of subscribers, which are in parental.store.

    tokens, sessions               who may do what over the API and the family page
    orders, entries                what a regulator or a court directs, and what became of it
    blocks, day_keys, csam_counts  the record of what was blocked
    spool_positions, *_totals      how far spools and counters have been drained into them
    list_counts                    what lists in the shadow would have blocked, and lists of bypass have met

Invariants: a token and a session are stored as SHA-256 only; `blocks` has no column for a name that was asked for, an
address or a subscriber's number; `csam_counts` and `list_counts` have none for a person, a name or a rule.
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
)

from parental.database import metadata
from parental.store import subscribers

tokens = Table(
    "tokens",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("subscriber", Integer, ForeignKey(subscribers.c.id, ondelete="CASCADE")),  # of a parent's token
    Column("created_s", BigInteger, nullable=False),
)
sessions = Table(
    "sessions",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("token", Integer, ForeignKey("tokens.id", ondelete="CASCADE"), nullable=False),
    Column("expires_s", BigInteger, nullable=False, index=True),
    Column("receipt", Text),  # what the last tap has done, shown until the next one
)
orders = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("issuer", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("ground", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("deadline_s", BigInteger),
    Column("is_emergency", Boolean, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),  # of the order's content: spaces and the order of keys do not matter
    Column("original", LargeBinary, nullable=False),  # byte for byte as received
    Column("receipt", Text),  # of the enforcement
    Column("withdrawn_ms", BigInteger),
    Column("withdrawal_reason", Text),
    Column("withdrawal_receipt", Text),
    UniqueConstraint("issuer", "ref"),
    sqlite_autoincrement=True,  # a number stands in records: it is never given twice
)
entries = Table(
    "entries",
    metadata,
    Column("order", Integer, ForeignKey("orders.id"), primary_key=True),
    Column("number", Integer, primary_key=True),  # from 1, in the order pushed
    Column("value", Text, nullable=False),  # as pushed
    Column("wire", LargeBinary),  # canonical name or URL; absent where the value is neither
    Column("mode", String),  # exact | subtree; of a URL url | url-prefix
    Column("status", String, nullable=False),
    Column("reason", Text),
    Column("generation", BigInteger),  # the first that held it
    Column("enforced_ms", BigInteger),
    Column("revision", BigInteger, nullable=False, index=True),
    Index("entries_by_wire", "wire"),
)
blocks = Table(
    "blocks",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("time_s", BigInteger, nullable=False, index=True),
    Column("channel", String, nullable=False),
    Column("action", String, nullable=False),
    Column("list", String, nullable=False),  # '' for a lock
    Column("rule", String, nullable=False),
    Column("order", Integer, nullable=False),  # 0: none
    Column("category", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("pseudonym", String, nullable=False),  # '' for an address of no subscriber
    Column("count", BigInteger, nullable=False),
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


def _totals(name: str) -> Table:
    """What counters by list and channel had come to when they were drained last."""
    return Table(
        name,
        metadata,
        Column("worker", String, primary_key=True),
        Column("list", Integer, primary_key=True),
        Column("channel", Integer, primary_key=True),
        Column("total", BigInteger, nullable=False),
    )


confidential_totals = _totals("confidential_totals")
list_totals = _totals("list_totals")
