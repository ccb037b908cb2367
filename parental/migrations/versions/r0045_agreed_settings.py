"""Approvals of two persons for what pages name: helplines and other places where people find help."""

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

revision = "0045"
down_revision = "0044"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_FOR_THIRTY_DAYS = (
    "kind IN ('emergency', 'sealed', 'enforce') OR (expires_s IS NOT NULL AND expires_s - proposed_s <= "
    "CASE kind WHEN 'legal-hold' THEN 31622400 ELSE 2592000 END)"
)
_CHECKS = {
    "approvals_kinds": (
        "kind IN ('broader', 'held', 'emergency', 'sealed', 'enforce', 'rollback', 'legal-hold', 'legal-hold-release', "
        "'settings')"
    ),
    "approvals_of_one_thing": (
        "(kind IN ('rollback', 'legal-hold', 'legal-hold-release', 'settings')) = (\"order\" IS NULL) "
        "AND (kind = 'rollback') = (list IS NOT NULL) "
        "AND (list IS NULL) = (list_from IS NULL) AND (list IS NULL) = (list_to IS NULL) "
        "AND (kind IN ('legal-hold', 'legal-hold-release')) = (hold IS NOT NULL) "
        "AND (kind = 'settings') = (settings IS NOT NULL)"
    ),
}


def upgrade() -> None:
    op.add_column("desk_settings", Column("approval", BigInteger))
    op.add_column("approvals", Column("settings", Text))
    if op.get_bind().dialect.name == "sqlite":
        _copy_approvals()
        return
    for name, holds in _CHECKS.items():
        op.drop_constraint(name, "approvals", type_="check")
        op.create_check_constraint(name, "approvals", holds)


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
        Column("hold", _NUMBER, ForeignKey("legal_holds.id")),
        Column("settings", Text),
        CheckConstraint(_FOR_THIRTY_DAYS, name="approvals_for_thirty_days"),
        CheckConstraint("approver <> proposer", name="approvals_by_two_persons"),
        CheckConstraint("approver_group <> proposer_group", name="approvals_by_two_groups"),
        CheckConstraint(
            "(approver IS NULL) = (approved_s IS NULL) AND (approver IS NULL) = (approver_group IS NULL)",
            name="approvals_whole",
        ),
        *(CheckConstraint(holds, name=name) for name, holds in _CHECKS.items()),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("approvals", copy_from=held, recreate="always"):
        pass
    op.create_index("ix_approvals_order", "approvals", ["order"])
