"""Approvals of two persons for a list that goes back to an earlier version."""

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

revision = "0032"
down_revision = "0031"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_KINDS = "kind IN ('broader', 'held', 'emergency', 'sealed', 'rollback')"
_ONE_THING = (
    "(kind = 'rollback') = (\"order\" IS NULL) AND (kind = 'rollback') = (list IS NOT NULL) "
    "AND (list IS NULL) = (list_from IS NULL) AND (list IS NULL) = (list_to IS NULL)"
)


def upgrade() -> None:
    for name in ("list", "list_from", "list_to"):
        op.add_column("approvals", Column(name, String))
    if op.get_bind().dialect.name == "sqlite":
        _copy_approvals()
        return
    op.alter_column("approvals", "order", nullable=True)
    op.drop_constraint("approvals_kinds", "approvals", type_="check")
    op.create_check_constraint("approvals_kinds", "approvals", _KINDS)
    op.create_check_constraint("approvals_of_one_thing", "approvals", _ONE_THING)


def _copy_approvals() -> None:
    """SQLite changes no constraint of a table: its rows move into another one."""
    held = Table(
        "approvals",
        MetaData(),
        Column("id", _NUMBER, primary_key=True),
        Column("order", _NUMBER, ForeignKey("orders.id")),
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
        Column("list", String),
        Column("list_from", String),
        Column("list_to", String),
        CheckConstraint("approver <> proposer", name="approvals_by_two_persons"),
        CheckConstraint("approver_group <> proposer_group", name="approvals_by_two_groups"),
        CheckConstraint(
            "(approver IS NULL) = (approved_s IS NULL) AND (approver IS NULL) = (approver_group IS NULL)",
            name="approvals_whole",
        ),
        CheckConstraint(
            "kind IN ('emergency', 'sealed') OR (expires_s IS NOT NULL AND expires_s - proposed_s <= 2592000)",
            name="approvals_for_thirty_days",
        ),
        CheckConstraint(_KINDS, name="approvals_kinds"),
        CheckConstraint(_ONE_THING, name="approvals_of_one_thing"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("approvals", copy_from=held, recreate="always"):
        pass
    op.create_index("ix_approvals_order", "approvals", ["order"])
