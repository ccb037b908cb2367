"""Statistics of quarters, signed."""

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "0033"
down_revision = "0032"


def upgrade() -> None:
    op.create_table(
        "statistics_releases",
        Column("quarter", String, primary_key=True),
        Column("node", String, primary_key=True),
        Column("at_ms", BigInteger, nullable=False),
        Column("text", Text, nullable=False),
        Column("note", Text, nullable=False),
        Column("bypass", Text),
    )
