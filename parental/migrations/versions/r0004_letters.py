"""What list files hold of each order, counted."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String

revision = "0004"
down_revision = "0003"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "letters",
        Column("order", _NUMBER, ForeignKey("orders.id"), primary_key=True),
        Column("list", String, primary_key=True),
        Column("status", String, primary_key=True),
        Column("n", Integer, nullable=False),
        Column("generation", BigInteger, nullable=False),
        Column("served_ms", BigInteger, nullable=False),
    )
