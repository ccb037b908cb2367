"""The ledger of what was done, and what its keepers remember of the time.

    ledger_events       one row an event: its number from 0, time, kind, text and leaf
    ledger_salts        the salts of the leaves, apart, so that one can be destroyed
    ledger_redactions   which events have lost their text, and which event says so
    ledger_checkpoints  signed trees, by size
    ledger_keys         the public keys that have signed them
    trusted_clock       what was the time on each node, see mgmt.ledger.trusted_clock

Invariants: a number is the one after the last; no row of ledger_* is changed or removed, but for the text and the salt
of an event that a later event says was redacted.  Triggers hold off mistakes and single statements (revision 0003); who
owns the database can drop them.  The tree shows that.
"""

from sqlalchemy import BigInteger, Column, Float, ForeignKey, LargeBinary, String, Table, Text

from parental.store.schema.base import Number, metadata

events = Table(
    "ledger_events",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False, index=True),  # never less than the one before
    Column("kind", String, nullable=False),
    Column("text", Text),  # canonical JSON; absent: redacted
    Column("leaf", LargeBinary, nullable=False),
)
salts = Table(
    "ledger_salts",
    metadata,
    Column("number", Number, ForeignKey("ledger_events.number"), primary_key=True, autoincrement=False),
    Column("salt", LargeBinary, nullable=False),
)
redactions = Table(
    "ledger_redactions",
    metadata,
    Column("number", Number, ForeignKey("ledger_events.number"), primary_key=True, autoincrement=False),
    Column("by_number", Number, ForeignKey("ledger_events.number"), nullable=False, unique=True),
)
checkpoints = Table(
    "ledger_checkpoints",
    metadata,
    Column("size", Number, primary_key=True, autoincrement=False),
    Column("time_ms", BigInteger, nullable=False),
    Column("note", Text, nullable=False),
)
keys = Table(
    "ledger_keys",
    metadata,
    Column("number", Number, primary_key=True, autoincrement=False),
    Column("vkey", String, nullable=False, unique=True),
)
clock_marks = Table(
    "trusted_clock",
    metadata,
    Column("node", String, primary_key=True),
    Column("time_s", Float, nullable=False),
    Column("boot_s", Float, nullable=False),
    Column("boot_id", String, nullable=False),
    Column("ahead_since_s", BigInteger),  # since when there are records of a time that has not come
)
