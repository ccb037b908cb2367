"""What children ask for at closed pages."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, String

revision = "0024"
down_revision = "0023"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "requests",
        Column("id", _NUMBER, primary_key=True),
        Column("account", _NUMBER, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
        Column("profile", _NUMBER, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True),
        Column("minutes", Integer),
        Column("name", String),
        Column("why", String, nullable=False),
        Column("asked_s", BigInteger, nullable=False),
        Column("ends_s", BigInteger, nullable=False, index=True),
        Column("answer", String),
        Column("answered_s", BigInteger),
        Column("until_s", BigInteger),
        CheckConstraint("(minutes IS NULL) <> (name IS NULL)", name="requests_of_one"),
        sqlite_autoincrement=True,
    )
    op.create_index("requests_by_account", "requests", ["account", "id"])
