"""The register of addresses from which gateways ask DNS."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, String, Text

revision = "0039"
down_revision = "0038"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    op.create_table(
        "dns_sources",
        Column("node", String, primary_key=True),
        Column("text", Text, nullable=False),
        Column("told_s", BigInteger, nullable=False),
    )
    op.create_table(
        "dns_source_statements",
        Column("id", _NUMBER, primary_key=True),
        Column("made_s", BigInteger, nullable=False),
        Column("text", Text, nullable=False),
        Column("note", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    op.create_table(
        "dns_source_exports",
        Column("statement", _NUMBER, ForeignKey("dns_source_statements.id"), primary_key=True, autoincrement=False),
        Column("taken_s", BigInteger, nullable=False),
    )
