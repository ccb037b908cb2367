"""What the traffic said of an order, and what its issuer is answered.

    verifications   one row each time that an order was asked of the traffic: state and whole report
    confirmations   what was said to the issuer, as text, with its signature; of an order the newest counts

Invariants: rows are added and never changed; web writes none of them.
"""

from sqlalchemy import BigInteger, CheckConstraint, Column, ForeignKey, Integer, LargeBinary, String, Table, Text

from parental.store.schema.base import Number, metadata

verifications = Table(
    "verifications",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("at_ms", BigInteger, nullable=False),  # when the last answer had come
    Column("took_ms", Integer, nullable=False),
    Column("revision", BigInteger, nullable=False),  # of the orders that was asked about
    Column("state", String, nullable=False),  # see filterd.commands.verifier.verdicts.State
    Column("sha256", LargeBinary, nullable=False),  # of the report
    Column("report", Text, nullable=False),  # JSON, see filterd.commands.verifier.verification
    CheckConstraint("state IN ('open', 'too_wide', 'incomplete', 'verified')", name="verifications_states"),
    sqlite_autoincrement=True,
)
confirmations = Table(
    "confirmations",
    metadata,
    Column("id", Number, primary_key=True),
    Column("order", Number, ForeignKey("orders.id"), nullable=False, index=True),
    Column("verification", Number, ForeignKey("verifications.id")),  # the last one; none: the traffic was never asked
    Column("revision", BigInteger, nullable=False, server_default="0"),  # of the entries that it is about
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),  # canonical JSON, see mgmt.orders.confirmation.statement
    Column("note", Text, nullable=False),  # the signature, see mgmt.orders.confirmation.signed
    sqlite_autoincrement=True,
)
