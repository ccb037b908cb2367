"""Orders that came encrypted for the reader of sealed lists: what their issuer has encrypted, and what was found in it.

    sealed_messages   what came, as it came: no role has the key
    sealed_readings   how many rules the reader has found in it, or why it could not be read

Invariants: rows are added and never changed; none of them holds an entry.
"""

from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String, Table

from parental.store.schema.base import Number, metadata

sealed_messages = Table(
    "sealed_messages",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("format", String, nullable=False),  # of what is encrypted
    Column("octets", LargeBinary, nullable=False),  # OpenPGP
)
sealed_readings = Table(
    "sealed_readings",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    Column("n_rules", Integer, nullable=False),
    Column("n_skipped", Integer, nullable=False),  # lines that are no rule
    Column("fault", String),  # why it could not be read, in words of ours
    Column("read_ms", BigInteger, nullable=False),
)
