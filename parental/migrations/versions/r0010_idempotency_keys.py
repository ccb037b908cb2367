"""Answers to requests that a client has marked with a key, so that the same one again does nothing twice."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, LargeBinary, String

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    op.create_table(
        "idempotency_keys",
        Column("holder", String, primary_key=True),
        Column("key", String, primary_key=True),
        Column("sha256", LargeBinary, nullable=False),
        Column("began_s", BigInteger, nullable=False, index=True),
        Column("status", Integer),
        Column("location", String),
        Column("answer", LargeBinary),
    )
