"""Legal holds, and approvals of two persons for them and for orders that leave the shadow (0036)."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
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

revision = "0034"
down_revision = "0033"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_CHECKS = {
    "approvals_for_thirty_days": (
        "kind IN ('emergency', 'sealed', 'enforce') OR (expires_s IS NOT NULL AND expires_s - proposed_s <= "
        "CASE kind WHEN 'legal-hold' THEN 31622400 ELSE 2592000 END)"
    ),
    "approvals_kinds": (
        "kind IN ('broader', 'held', 'emergency', 'sealed', 'enforce', 'rollback', 'legal-hold', 'legal-hold-release')"
    ),
    "approvals_of_one_thing": (
        "(kind IN ('rollback', 'legal-hold', 'legal-hold-release')) = (\"order\" IS NULL) "
        "AND (kind = 'rollback') = (list IS NOT NULL) "
        "AND (list IS NULL) = (list_from IS NULL) AND (list IS NULL) = (list_to IS NULL) "
        "AND (kind IN ('legal-hold', 'legal-hold-release')) = (hold IS NOT NULL)"
    ),
}


def upgrade() -> None:
    op.create_table(
        "legal_holds",
        Column("id", _NUMBER, primary_key=True),
        Column("since_s", BigInteger, nullable=False),
        Column("until_s", BigInteger, nullable=False),
        Column("order", BigInteger),
        Column("list", String),
        Column("category", String),
        Column("subscriber", String),
        Column("keeps_keys", Boolean, nullable=False),
        Column("begun_ms", BigInteger),
        Column("gone_before_s", BigInteger),
        CheckConstraint("since_s < until_s", name="legal_holds_spans"),
        sqlite_autoincrement=True,
    )
    if op.get_bind().dialect.name == "sqlite":
        op.add_column("approvals", Column("hold", _NUMBER))
        _copy_approvals()
        return
    op.add_column("approvals", Column("hold", BigInteger, ForeignKey("legal_holds.id")))
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
