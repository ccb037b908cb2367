"""The safeguarding contacts of schools, and when a session's PIN was proven."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String

revision = "0026"
down_revision = "0025"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("sessions", Column("pin_from_s", BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "safeguarding_contacts",
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True),
        Column("name", String, nullable=False),
        Column("number", String, nullable=False),
    )
