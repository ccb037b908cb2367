"""Alarms of orders and their messages; an order of before is shown with its clock, and gives no alarm."""

from alembic import op
from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, String, Text

revision = "0022"
down_revision = "0021"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "order_alarms",
        Column("order", _NUMBER, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
        Column("kind", String, primary_key=True),
        Column("at_ms", BigInteger, nullable=False),
        CheckConstraint("kind IN ('50', '75', '90', 'overdue', 'before')", name="order_alarms_kinds"),
    )
    op.create_table(
        "order_notices",
        Column("id", _NUMBER, primary_key=True),
        Column("order", _NUMBER, ForeignKey("orders.id"), nullable=False),
        Column("kind", String, nullable=False),
        Column("receiver", String, nullable=False),
        Column("key", String, nullable=False, unique=True),
        Column("text", Text, nullable=False),
        Column("due_s", BigInteger, nullable=False),
        Column("tries", Integer, nullable=False),
        Column("state", String, nullable=False),
        Column("made_ms", BigInteger, nullable=False),
        Column("ended_ms", BigInteger),
        Column("fault", Text),
        CheckConstraint("state IN ('waiting', 'sent', 'dropped', 'given_up')", name="order_notices_states"),
        sqlite_autoincrement=True,
    )
    op.create_index("order_notices_waiting", "order_notices", ["state", "due_s"])
    op.execute("INSERT INTO order_alarms (\"order\", kind, at_ms) SELECT id, 'before', received_ms FROM orders")
