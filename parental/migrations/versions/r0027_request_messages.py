"""Codes by which caregivers answer requests of children with a message; no one has chosen to do so."""

from alembic import op
from sqlalchemy import BigInteger, Boolean, Column, ForeignKey, Integer, LargeBinary, false

revision = "0027"
down_revision = "0026"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "request_messages",
        Column("request", _NUMBER, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True),
        Column("caregiver", _NUMBER, ForeignKey("caregivers.id", ondelete="CASCADE"), primary_key=True),
        Column("code", LargeBinary, nullable=False),
        Column("tries", Integer, nullable=False),
    )
    op.create_index("request_messages_by_caregiver", "request_messages", ["caregiver"])
    op.add_column("caregivers", Column("answers_by_message", Boolean, nullable=False, server_default=false()))
