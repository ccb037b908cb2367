"""Reports of children: totals by day, and for how long a household keeps them."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String

revision = "0025"
down_revision = "0024"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("accounts", Column("report_days", Integer))
    op.create_table(
        "daily_totals",
        Column(
            "profile", _NUMBER, ForeignKey("profiles.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        Column("day", String, primary_key=True, index=True),
        Column("what", String, primary_key=True),
        Column("count", BigInteger, nullable=False),
    )
