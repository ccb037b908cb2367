"""Reports of visitors that something is blocked by mistake."""

from alembic import op
from sqlalchemy import BigInteger, Column, Integer, String, Text

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "wrong_blocks",
        Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
        Column("reference", String, nullable=False, unique=True),
        Column("reason", String, nullable=False),
        Column("name", Text),
        Column("reported_s", BigInteger, nullable=False),
        Column("due", String, nullable=False),  # a day, local
        Column("times", Integer, nullable=False),  # that it was reported before it was answered
        Column("outcome", String),
        Column("answered_s", BigInteger),
        sqlite_autoincrement=True,
    )
