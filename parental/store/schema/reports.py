"""What visitors report.

    wrong_blocks   that something is blocked by mistake, and the desk's answer
    appeals        against blocks by law, sealed for who passes them on

Invariants: no column for who reported; the name is empty where the reason is the law; of an appeal none exists.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, Index, Integer, LargeBinary, String, Table, Text

from parental.store.schema.base import Number, metadata

wrong_blocks = Table(
    "wrong_blocks",
    metadata,
    Column("id", Number, primary_key=True),
    Column("reference", String, nullable=False, unique=True),
    Column("reason", String, nullable=False),
    Column("name", Text),
    Column("reported_s", BigInteger, nullable=False),
    Column("due", String, nullable=False),  # a day, local
    Column("times", Integer, nullable=False),  # that it was reported before it was answered
    Column("outcome", String),
    Column("answered_s", BigInteger),
    sqlite_autoincrement=True,
)

appeals = Table(
    "appeals",
    metadata,
    Column("id", Number, primary_key=True),
    Column("reference", String, nullable=False, unique=True),
    Column("sealed", LargeBinary),  # mgmt.registers.appeals.sealed; None: it is answered
    Column("state", String, nullable=False),
    Column("received_s", BigInteger, nullable=False),
    Column("due_s", BigInteger, nullable=False),  # when it is tried next
    Column("tries", Integer, nullable=False),
    Column("fault", Text),
    Column("sent_s", BigInteger),
    Column("outcome", String),
    Column("answered_s", BigInteger),
    CheckConstraint("state IN ('waiting', 'sent', 'answered')", name="appeals_states"),
    Index("appeals_waiting", "state", "due_s"),
    sqlite_autoincrement=True,
)
