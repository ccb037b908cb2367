"""Alarms of orders, and what is sent of them.

    order_alarms    which alarms of an order there have been
    order_notices   a message for each contact of an alarm, until it is delivered

Invariants: an alarm of an order is there once, which the primary key holds with several gateways, too; a message is
written in the transaction of its alarm.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table, Text

from parental.store.schema.base import Number, metadata

order_alarms = Table(
    "order_alarms",
    metadata,
    Column("order", Number, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
    # See mgmt.orders.deadlines.clock; before: of an order older than this table.
    Column("kind", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),  # when control has seen that it was due
    CheckConstraint("kind IN ('50', 'review', '75', '90', 'overdue', 'before')", name="order_alarms_kinds"),
)
order_notices = Table(
    "order_notices",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False),
    Column("kind", String, nullable=False),  # of the alarm
    Column("receiver", String, nullable=False),  # mail ADDRESS, or webhook URL
    Column("key", String, nullable=False, unique=True),  # by which a receiver knows a second copy
    Column("text", Text, nullable=False),  # JSON
    Column("due_s", BigInteger, nullable=False),  # of the next try
    Column("tries", Integer, nullable=False),
    Column("state", String, nullable=False),
    Column("made_ms", BigInteger, nullable=False),
    Column("ended_ms", BigInteger),
    Column("fault", Text),  # of the last try
    CheckConstraint("state IN ('waiting', 'sent', 'dropped', 'given_up')", name="order_notices_states"),
    Index("order_notices_waiting", "state", "due_s"),
    sqlite_autoincrement=True,
)
