"""Registers that the operator keeps for authorities.

    lawful_requests   what an authority has asked the operator for, and how it was answered
    dns_sources       from which addresses each gateway asks DNS
    dns_source_statements   all of them, signed, each time that one has changed
    dns_source_exports      which of these someone has taken

Invariants: no column for a person, an address or a name that someone asked for; an answer with an effect counts once
a second person of another group has agreed, which the table holds; nothing is deleted.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, String, Table, Text, UniqueConstraint

from parental.store.schema.base import Number, metadata

lawful_requests = Table(
    "lawful_requests",
    metadata,
    Column("id", Number, primary_key=True),
    Column("authority", String, nullable=False),
    Column("reference", String, nullable=False),
    Column("basis", String, nullable=False),  # the law, as the authority cites it
    Column("kind", String, nullable=False),  # see mgmt.registers.lawful.shapes
    Column("issued", String, nullable=False),  # a day
    Column("recorded_s", BigInteger, nullable=False),
    Column("recorded_by", String, nullable=False),  # kind and name, as the ledger names actors
    Column("answer", String),
    Column("answered_s", BigInteger),
    Column("answered_by", String),
    Column("answered_group", String),  # of a person of the desk
    Column("agreed_s", BigInteger),
    Column("agreed_by", String),
    Column("agreed_group", String),
    UniqueConstraint("authority", "reference"),
    CheckConstraint(
        "kind IN ('interception', 'identity', 'traffic', 'preservation', 'records', 'other')",
        name="lawful_requests_kinds",
    ),
    CheckConstraint(
        "answer IN ('outside', 'nothing', 'refused', 'hold', 'records')",
        name="lawful_requests_answers",
    ),
    CheckConstraint(
        "(answer IS NULL) = (answered_s IS NULL) AND (answer IS NULL) = (answered_by IS NULL) "
        "AND (agreed_s IS NULL) = (agreed_by IS NULL) AND (agreed_s IS NULL) = (agreed_group IS NULL)",
        name="lawful_requests_whole",
    ),
    CheckConstraint(
        "agreed_s IS NULL OR (answer IN ('hold', 'records') AND answered_group IS NOT NULL "
        "AND agreed_by <> answered_by AND agreed_group <> answered_group)",
        name="lawful_requests_by_two_persons",
    ),
    sqlite_autoincrement=True,
)
dns_sources = Table(
    "dns_sources",
    metadata,
    Column("node", String, primary_key=True),
    Column("text", Text, nullable=False),  # JSON of mgmt.registers.egress.statement.Gateway
    Column("told_s", BigInteger, nullable=False),
)
dns_source_statements = Table(
    "dns_source_statements",
    metadata,
    Column("id", Number, primary_key=True),
    Column("made_s", BigInteger, nullable=False),
    Column("text", Text, nullable=False),  # canonical JSON, see mgmt.registers.egress.statement
    Column("note", Text, nullable=False),  # the signature
    sqlite_autoincrement=True,
)
dns_source_exports = Table(
    "dns_source_exports",
    metadata,
    Column("statement", Number, ForeignKey("dns_source_statements.id"), primary_key=True, autoincrement=False),
    Column("taken_s", BigInteger, nullable=False),
)
