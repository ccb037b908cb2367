"""Statistics of quarters that were published.

    statistics_releases     what was published, as text, with its signature
    transparency_releases   what is published of orders, likewise

Invariants: rows are added and never changed, one for each quarter and gateway, or for each quarter: of two texts of the
same months, the difference would be a small count; web writes none.
"""

from sqlalchemy import BigInteger, Column, String, Table, Text

from parental.store.schema.base import metadata

statistics_releases = Table(
    "statistics_releases",
    metadata,
    Column("quarter", String, primary_key=True),  # as 2026-Q4
    Column("node", String, primary_key=True),  # '' for all gateways that share the database
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),  # canonical JSON, see mgmt.registers.records.statistics.statement
    Column("note", Text, nullable=False),  # the signature
    Column("bypass", Text),  # JSON: counts of lists of bypass at that time, unprotected; absent: not counted
)
transparency_releases = Table(
    "transparency_releases",
    metadata,
    Column("quarter", String, primary_key=True),
    Column("at_ms", BigInteger, nullable=False),
    Column("text", Text, nullable=False),  # canonical JSON, see mgmt.registers.transparency.statement
    Column("note", Text, nullable=False),  # the signature
)
