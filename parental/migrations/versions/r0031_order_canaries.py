"""Orders on one gateway first; what is in force stays so."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, String, Text, text

revision = "0031"
down_revision = "0030"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_IS_OPEN = text("outcome IS NULL")


def upgrade() -> None:
    op.add_column("entries", Column("canary", BigInteger))
    op.create_table(
        "order_canaries",
        Column("id", _NUMBER, primary_key=True),
        Column("order", _NUMBER, ForeignKey("orders.id"), nullable=False),
        Column("gateway", String, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("n_entries", Integer, nullable=False),
        Column("begun_s", BigInteger, nullable=False),
        Column("since_s", BigInteger),
        Column("until_s", BigInteger),
        Column("n_blocks", BigInteger, nullable=False, server_default="0"),
        Column("minute", BigInteger, nullable=False, server_default="0"),
        Column("n_minute", BigInteger, nullable=False, server_default="0"),
        Column("peak", BigInteger, nullable=False, server_default="0"),
        Column("outcome", String),
        Column("reason", Text),
        Column("ended_s", BigInteger),
        Column("nonce", String),
        Column("alarmed_ms", BigInteger),
        CheckConstraint("outcome IN ('passed', 'rolled_back', 'over')", name="order_canaries_outcomes"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_order_canaries_order", "order_canaries", ["order"])
    op.create_index(
        "order_canaries_open",
        "order_canaries",
        ["order"],
        unique=True,
        sqlite_where=_IS_OPEN,
        postgresql_where=_IS_OPEN,
    )
