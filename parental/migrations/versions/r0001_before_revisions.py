"""The tables as they were before there were revisions.

Invariants: a database of that time has them already and is left as it is; nothing here follows what the tables become.
"""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    ForeignKey,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
    UniqueConstraint,
)

revision = "0001"
down_revision = None

metadata = MetaData()
Number = BigInteger().with_variant(Integer(), "sqlite")

Table(
    "revisions",
    metadata,
    Column("name", String, primary_key=True),
    Column("value", BigInteger, nullable=False),
)
Table(
    "subscribers",
    metadata,
    Column("id", Number, primary_key=True, autoincrement=False),
    Column("label", String, nullable=False),
    Column("zone", String, nullable=False),
    Column("paused_until_s", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False, index=True),
)
Table(
    "addresses",
    metadata,
    Column("version", Integer, primary_key=True),
    Column("first", LargeBinary, primary_key=True),
    Column("last", LargeBinary, nullable=False),
    Column("prefix_length", Integer, nullable=False),
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), nullable=False, index=True),
)
Table(
    "released_addresses",
    metadata,
    Column("prefix", String, primary_key=True),
    Column("revision", BigInteger, nullable=False, index=True),
)
Table(
    "blocked_categories",
    metadata,
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("category", String, primary_key=True),
)
Table(
    "dns_wishes",
    metadata,
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("safe_search", String, nullable=False),
    Column("canaries", Boolean, nullable=False),
)
Table(
    "devices",
    metadata,
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("name", String, primary_key=True),
    Column("address", String, nullable=False),
)
Table(
    "closed_intervals",
    metadata,
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE"), primary_key=True),
    Column("weekday", Integer, primary_key=True),
    Column("start_minute", Integer, primary_key=True),
    Column("minutes", Integer, primary_key=True),
)
Table(
    "tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("subscriber", Number, ForeignKey("subscribers.id", ondelete="CASCADE")),
    Column("created_s", BigInteger, nullable=False),
)
Table(
    "sessions",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("token", Number, ForeignKey("tokens.id", ondelete="CASCADE"), nullable=False),
    Column("expires_s", BigInteger, nullable=False, index=True),
    Column("receipt", Text),
)
Table(
    "orders",
    metadata,
    Column("id", Number, primary_key=True),
    Column("issuer", String, nullable=False),
    Column("ref", String, nullable=False),
    Column("ground", String, nullable=False),
    Column("scope", String, nullable=False),
    Column("deadline_s", BigInteger),
    Column("is_emergency", Boolean, nullable=False),
    Column("received_ms", BigInteger, nullable=False),
    Column("sha256", LargeBinary, nullable=False),
    Column("original", LargeBinary, nullable=False),
    Column("receipt", Text),
    Column("withdrawn_ms", BigInteger),
    Column("withdrawal_reason", Text),
    Column("withdrawal_receipt", Text),
    UniqueConstraint("issuer", "ref"),
    sqlite_autoincrement=True,
)
Table(
    "entries",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("value", Text, nullable=False),
    Column("wire", LargeBinary),
    Column("mode", String),
    Column("status", String, nullable=False),
    Column("reason", Text),
    Column("generation", BigInteger),
    Column("enforced_ms", BigInteger),
    Column("revision", BigInteger, nullable=False, index=True),
    Index("entries_by_wire", "wire"),
)
Table(
    "blocks",
    metadata,
    Column("id", Number, primary_key=True),
    Column("time_s", BigInteger, nullable=False, index=True),
    Column("channel", String, nullable=False),
    Column("action", String, nullable=False),
    Column("list", String, nullable=False),
    Column("rule", String, nullable=False),
    Column("order", Number, nullable=False),
    Column("category", String, nullable=False),
    Column("reason", String, nullable=False),
    Column("generation", BigInteger, nullable=False),
    Column("pseudonym", String, nullable=False),
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
Table(
    "day_keys",
    metadata,
    Column("day", String, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)
Table(
    "csam_counts",
    metadata,
    Column("hour_s", BigInteger, primary_key=True),
    Column("node", String, primary_key=True),
    Column("list", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
Table(
    "spool_positions",
    metadata,
    Column("worker", String, primary_key=True),
    Column("segment", String, nullable=False),
    Column("offset", BigInteger, nullable=False),
)
Table(
    "list_counts",
    metadata,
    Column("list", String, primary_key=True),
    Column("channel", String, primary_key=True),
    Column("count", BigInteger, nullable=False),
)
for name in ("confidential_totals", "list_totals"):
    Table(
        name,
        metadata,
        Column("worker", String, primary_key=True),
        Column("list", Integer, primary_key=True),
        Column("channel", Integer, primary_key=True),
        Column("total", BigInteger, nullable=False),
    )


def upgrade() -> None:
    metadata.create_all(op.get_bind())
