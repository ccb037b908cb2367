"""Orders that come encrypted, and the approval by which one is in force."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    LargeBinary,
    MetaData,
    String,
    Table,
    Text,
)

revision = "0029"
down_revision = "0028"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_KINDS = "kind IN ('broader', 'held', 'emergency', 'sealed')"
_THIRTY_DAYS = "kind IN ('emergency', 'sealed') OR (expires_s IS NOT NULL AND expires_s - proposed_s <= 2592000)"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        _copy_approvals()
    else:
        for name, held in (("approvals_kinds", _KINDS), ("approvals_for_thirty_days", _THIRTY_DAYS)):
            op.drop_constraint(name, "approvals", type_="check")
            op.create_check_constraint(name, "approvals", held)
    op.create_table(
        "sealed_messages",
        Column("order", _NUMBER, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
        Column("format", String, nullable=False),
        Column("octets", LargeBinary, nullable=False),
    )
    op.create_table(
        "sealed_readings",
        Column("order", _NUMBER, ForeignKey("orders.id"), primary_key=True, autoincrement=False),
        Column("n_rules", Integer, nullable=False),
        Column("n_skipped", Integer, nullable=False),
        Column("fault", String),
        Column("read_ms", BigInteger, nullable=False),
    )


def _copy_approvals() -> None:
    """SQLite changes no constraint of a table: its rows move into another one."""
    held = Table(
        "approvals",
        MetaData(),
        Column("id", _NUMBER, primary_key=True),
        Column("order", _NUMBER, ForeignKey("orders.id"), nullable=False),
        Column("number", Integer),
        Column("kind", String, nullable=False),
        Column("digest", LargeBinary, nullable=False),
        Column("reason", Text, nullable=False),
        Column("reference", String, nullable=False),
        Column("collateral", Text, nullable=False),
        Column("owner_consent", Text),
        Column("proposer", String, nullable=False),
        Column("proposer_group", String, nullable=False),
        Column("proposer_account", String, nullable=False),
        Column("proposed_s", BigInteger, nullable=False),
        Column("approver", String),
        Column("approver_group", String),
        Column("approver_account", String),
        Column("approved_s", BigInteger),
        Column("expires_s", BigInteger),
        Column("lapsed_ms", BigInteger),
        Column("way", String, nullable=False, server_default="desk"),
        CheckConstraint("approver <> proposer", name="approvals_by_two_persons"),
        CheckConstraint("approver_group <> proposer_group", name="approvals_by_two_groups"),
        CheckConstraint(
            "(approver IS NULL) = (approved_s IS NULL) AND (approver IS NULL) = (approver_group IS NULL)",
            name="approvals_whole",
        ),
        CheckConstraint(_THIRTY_DAYS, name="approvals_for_thirty_days"),
        CheckConstraint(_KINDS, name="approvals_kinds"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("approvals", copy_from=held, recreate="always"):
        pass
    op.create_index("ix_approvals_order", "approvals", ["order"])
