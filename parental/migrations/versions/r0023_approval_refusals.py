"""Proposals that a person of the desk has refused."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Text

revision = "0023"
down_revision = "0022"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "approval_refusals",
        Column("approval", _NUMBER, ForeignKey("approvals.id"), primary_key=True, autoincrement=False),
        Column("by", String, nullable=False),
        Column("reason", Text, nullable=False),
        Column("refused_s", BigInteger, nullable=False),
    )
