"""Requests: what a child has asked for at a closed page, and what was answered.

    requests          one line each
    request_messages  codes by which caregivers answer with their telephones, each of one request and one caregiver

Invariants: a code is stored as a keyed digest, and goes with its request."""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, String, Table

from parental.store.schema.base import Number, metadata

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
request_messages = Table(
    "request_messages",
    metadata,
    Column("request", Number, ForeignKey("requests.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("caregiver", Number, ForeignKey("caregivers.id", ondelete="CASCADE"), primary_key=True, autoincrement=False),
    Column("code", LargeBinary, nullable=False),  # a keyed digest
    Column("tries", Integer, nullable=False),
    Index("request_messages_by_caregiver", "caregiver"),
)
