"""What the traffic said of an order, and what its issuer is answered."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, LargeBinary, String, Text

revision = "0020"
down_revision = "0019"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "verifications",
        Column("id", _NUMBER, primary_key=True),
        Column("order", _NUMBER, ForeignKey("orders.id"), nullable=False, index=True),
        Column("at_ms", BigInteger, nullable=False),
        Column("took_ms", Integer, nullable=False),
        Column("revision", BigInteger, nullable=False),
        Column("state", String, nullable=False),
        Column("sha256", LargeBinary, nullable=False),
        Column("report", Text, nullable=False),
        CheckConstraint("state IN ('open', 'too_wide', 'incomplete', 'verified')", name="verifications_states"),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "confirmations",
        Column("id", _NUMBER, primary_key=True),
        Column("order", _NUMBER, ForeignKey("orders.id"), nullable=False, index=True),
        Column("verification", _NUMBER, ForeignKey("verifications.id"), nullable=False, unique=True),
        Column("at_ms", BigInteger, nullable=False),
        Column("text", Text, nullable=False),
        Column("note", Text, nullable=False),
        sqlite_autoincrement=True,
    )
