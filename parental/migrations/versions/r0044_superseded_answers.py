"""An issuer has more than one answer by the same look at the traffic: an answer is of the entries at one revision."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKey, Integer, MetaData, Table, Text

revision = "0044"
down_revision = "0043"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _copy_confirmations()
    else:
        op.drop_constraint("confirmations_verification_key", "confirmations", type_="unique")
        op.alter_column("confirmations", "verification", nullable=True)
    op.add_column("confirmations", Column("revision", BigInteger, nullable=False, server_default="0"))
    op.execute(
        "UPDATE confirmations SET revision = "
        "(SELECT verifications.revision FROM verifications WHERE verifications.id = confirmations.verification)"
    )


def _copy_confirmations() -> None:
    """SQLite changes no constraint of a table: its rows move into another one."""
    held = Table(
        "confirmations",
        MetaData(),
        Column("id", _NUMBER, primary_key=True),
        Column("order", _NUMBER, ForeignKey("orders.id"), nullable=False),
        Column("verification", _NUMBER, ForeignKey("verifications.id")),
        Column("at_ms", BigInteger, nullable=False),
        Column("text", Text, nullable=False),
        Column("note", Text, nullable=False),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("confirmations", copy_from=held, recreate="always"):
        pass
    op.create_index("ix_confirmations_order", "confirmations", ["order"])
