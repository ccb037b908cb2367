"""What the public is told of quarters, signed."""

from alembic import op
from sqlalchemy import BigInteger, Column, String, Text

revision = "0037"
down_revision = "0036"


def upgrade() -> None:
    op.create_table(
        "transparency_releases",
        Column("quarter", String, primary_key=True),
        Column("at_ms", BigInteger, nullable=False),
        Column("text", Text, nullable=False),
        Column("note", Text, nullable=False),
    )
