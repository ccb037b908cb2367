"""Tokens of the API and sessions of the family page.

Invariants: both are stored as SHA-256 only.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKey,
    LargeBinary,
    String,
    Table,
    Text,
)

from parental.schema.base import Number, metadata

tokens = Table(
    "tokens",
    metadata,
    Column("id", Number, primary_key=True),
    Column("sha256", LargeBinary, nullable=False, unique=True),
    Column("role", String, nullable=False),
    Column("subscriber", Number, ForeignKey("lines.id", ondelete="CASCADE")),  # of a parent's token
    Column("created_s", BigInteger, nullable=False),
    Column("issuer", String),  # for whom a regulator's token speaks; of one that has none: for no one
)
sessions = Table(
    "sessions",
    metadata,
    Column("sha256", LargeBinary, primary_key=True),
    Column("token", Number, ForeignKey("tokens.id", ondelete="CASCADE"), nullable=False),
    Column("expires_s", BigInteger, nullable=False, index=True),
    Column("receipt", Text),  # what the last tap has done, shown until the next one
)
