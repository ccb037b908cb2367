"""Legal holds: which block records stay although they are old.

    legal_holds   what each names; two persons agree to it as an approval (parental.schema.orders), whose end is its own

Invariants: what a hold names never changes, and a row is never removed; web proposes, control alone begins.
"""

from sqlalchemy import BigInteger, Boolean, CheckConstraint, Column, String, Table

from parental.schema.base import Number, metadata

legal_holds = Table(
    "legal_holds",
    metadata,
    Column("id", Number, primary_key=True),
    Column("since_s", BigInteger, nullable=False),  # of records: since_s <= time < until_s
    Column("until_s", BigInteger, nullable=False),
    Column("order", BigInteger),  # its number; none of these: of any
    Column("list", String),
    Column("category", String),
    Column("subscriber", String),  # a pseudonym of one day, 32 hexadecimal digits
    Column("keeps_keys", Boolean, nullable=False),  # of its days, by which pseudonyms can be matched to subscribers
    Column("begun_ms", BigInteger),  # when control has begun it
    Column("gone_before_s", BigInteger),  # when it began, older records were destroyed already; none: nothing it names
    CheckConstraint("since_s < until_s", name="legal_holds_spans"),
    sqlite_autoincrement=True,
)
