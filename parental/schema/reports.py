"""What visitors report.

    wrong_blocks   that something is blocked by mistake, and the desk's answer

Invariants: no column for who reported; the name is empty where the reason is the law.
"""

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from parental.schema.base import Number, metadata

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
