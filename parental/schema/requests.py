"""Requests: what a child has asked for at a closed page, and what was answered."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, String, Table

from parental.schema.base import Number, metadata

requests = Table(
    "requests",
    metadata,
    Column("id", Number, primary_key=True),
    Column("account", Number, ForeignKey("accounts.id", ondelete="CASCADE"), nullable=False),
    Column("profile", Number, ForeignKey("profiles.id", ondelete="CASCADE"), nullable=False, index=True),
    Column("minutes", Integer),  # that were asked for; absent: a page
    Column("name", String),  # of the page
    Column("why", String, nullable=False),
    Column("asked_s", BigInteger, nullable=False),
    Column("ends_s", BigInteger, nullable=False, index=True),
    Column("answer", String),  # yes or no; absent: none yet, or it has lapsed
    Column("answered_s", BigInteger),
    Column("until_s", BigInteger),  # of a yes: until then it is open; absent: for good
    CheckConstraint("(minutes IS NULL) <> (name IS NULL)", name="requests_of_one"),
    Index("requests_by_account", "account", "id"),
    sqlite_autoincrement=True,  # the number stands in messages: it is never given twice
)
