"""Orders and their entries.

    orders    letters, pushed over the API or named by a list file
    entries   what an order that was pushed directs
    letters   what list files hold of an order, counted; each base that all workers serve replaces all of them

Invariants: nothing is deleted; the number of an order stands in records and is never given twice.
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

from parental.schema.base import Number, metadata

orders = Table(
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
    Column("sha256", LargeBinary, nullable=False),  # of the order's content: spaces and the order of keys do not matter
    Column("original", LargeBinary, nullable=False),  # byte for byte as received
    Column("receipt", Text),  # of the enforcement
    Column("withdrawn_ms", BigInteger),
    Column("withdrawal_reason", Text),
    Column("withdrawal_receipt", Text),
    UniqueConstraint("issuer", "ref"),
    sqlite_autoincrement=True,  # a number stands in records: it is never given twice
)
letters = Table(
    "letters",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
    Column("list", String, primary_key=True),
    Column("status", String, primary_key=True),  # of so many of its entries
    Column("n", Integer, nullable=False),
    Column("generation", BigInteger, nullable=False),  # the base that was counted
    Column("served_ms", BigInteger, nullable=False),
)
entries = Table(
    "entries",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True),
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
