"""The files of orders, and where in them each entry stands."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String

revision = "0021"
down_revision = "0020"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("entries", Column("place", String))
    op.create_table(
        "order_files",
        Column("order", _NUMBER, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
        Column("name", String, nullable=False),
        Column("begin", Integer, nullable=False),
        Column("octets", Integer, nullable=False),
        Column("sha256", LargeBinary, nullable=False),
        Column("encoding", String, nullable=False),
    )
