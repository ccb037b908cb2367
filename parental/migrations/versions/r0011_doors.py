"""Approvals that both persons sign with a passkey that somebody on the box has vouched for."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    String,
    UniqueConstraint,
)

revision = "0011"
down_revision = "0010"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.add_column("passkeys", Column("vouched_s", BigInteger))
    op.add_column("approvals", Column("way", String, nullable=False, server_default="desk"))
    op.execute("UPDATE approvals SET way = 'names'")  # until now all of them were
    op.create_table(
        "approval_signatures",
        Column("approval", _NUMBER, ForeignKey("approvals.id"), primary_key=True),
        Column("part", String, primary_key=True),
        Column("credential", LargeBinary, nullable=False, index=True),
        Column("authenticator_data", LargeBinary, nullable=False),
        Column("client_data", LargeBinary, nullable=False),
        Column("signature", LargeBinary, nullable=False),
        Column("signed_s", BigInteger, nullable=False),
        UniqueConstraint("approval", "credential", name="approval_signatures_by_two_passkeys"),
        CheckConstraint("part IN ('proposed', 'approved')", name="approval_signatures_parts"),
    )
