"""Families sign in by telephone: sessions of caregivers, one-time codes, and the PIN of a household."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, LargeBinary, String

revision = "0017"
down_revision = "0016"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.execute("UPDATE sessions SET receipt = NULL")  # of taps that are written down otherwise now
    with op.batch_alter_table("sessions") as batch:
        batch.alter_column("token", existing_type=_NUMBER, nullable=True)
        batch.add_column(Column("caregiver", _NUMBER))
        batch.add_column(Column("pin_until_s", BigInteger, nullable=False, server_default="0"))
        batch.create_foreign_key("sessions_caregiver_fkey", "caregivers", ["caregiver"], ["id"], ondelete="CASCADE")
        batch.create_check_constraint("sessions_of_one", "(token IS NULL) <> (caregiver IS NULL)")
    op.create_table(
        "login_codes",
        Column("asked_by", LargeBinary, primary_key=True),
        Column("phone_digest", LargeBinary, nullable=False, index=True),
        Column("code", LargeBinary, nullable=False),
        Column("asked_s", BigInteger, nullable=False, index=True),
        Column("tries", Integer, nullable=False),
    )
    op.create_table(
        "family_pins",
        Column(
            "account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), primary_key=True, autoincrement=False
        ),
        Column("hash", String, nullable=False),
        Column("set_s", BigInteger, nullable=False),
        Column("wrong", Integer, nullable=False),
        Column("waits_until_s", BigInteger, nullable=False),
    )
