"""Blocks of orders by the minute, on the gateway that tries them; how each gateway is set to try orders."""

from alembic import op
from sqlalchemy import BigInteger, Column, Float, ForeignKey, Integer, String, Text

revision = "0035"
down_revision = "0034"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("order_canaries", Column("baseline", Float))
    for column in ("minute", "n_minute"):  # no constraint and no index names them: SQLite, too, drops them in place
        op.execute(f"ALTER TABLE order_canaries DROP COLUMN {column}")
    op.create_table(
        "canary_minutes",
        Column("canary", _NUMBER, ForeignKey("order_canaries.id"), primary_key=True, autoincrement=False),
        Column("minute", BigInteger, primary_key=True, autoincrement=False),
        Column("n", BigInteger, nullable=False),
    )
    op.create_table(
        "gateway_minutes",
        Column("gateway", String, primary_key=True),
        Column("minute", BigInteger, primary_key=True, autoincrement=False),
        Column("n", BigInteger, nullable=False),
    )
    op.create_table(
        "gateway_settings",
        Column("node", String, primary_key=True),
        Column("gateway", String, nullable=False),
        Column("canary", Text, nullable=False),
        Column("at_s", BigInteger, nullable=False),
    )
