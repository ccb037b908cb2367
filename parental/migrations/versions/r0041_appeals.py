"""Appeals against blocks by law."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, Integer, LargeBinary, String, Text

revision = "0041"
down_revision = "0040"


def upgrade() -> None:
    op.create_table(
        "appeals",
        Column("id", BigInteger().with_variant(Integer(), "sqlite"), primary_key=True),
        Column("reference", String, nullable=False, unique=True),
        Column("sealed", LargeBinary),
        Column("state", String, nullable=False),
        Column("received_s", BigInteger, nullable=False),
        Column("due_s", BigInteger, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("fault", Text),
        Column("sent_s", BigInteger),
        Column("outcome", String),
        Column("answered_s", BigInteger),
        CheckConstraint("state IN ('waiting', 'sent', 'answered')", name="appeals_states"),
        sqlite_autoincrement=True,
    )
    op.create_index("appeals_waiting", "appeals", ["state", "due_s"])
