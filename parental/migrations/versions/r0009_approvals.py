"""Approvals of entries by two persons; what web proposes apart from what control decides."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    String,
    Text,
)

revision = "0009"
down_revision = "0008"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_IN_FORCE = "('enforced', 'enforced_http_only', 'enforced_broader')"
_REFUSAL = "entries: a new entry is not in force; control alone says that it is; not stored"


def upgrade() -> None:
    op.add_column("orders", Column("confirm_by_s", BigInteger))
    for column in (
        Column("withdrawn_ms", BigInteger),
        Column("withdrawal_reason", Text),
        Column("approval", BigInteger),
    ):
        op.add_column("entries", column)
    _make_parts()
    _make_approvals()
    for statement in _in_sqlite() if op.get_bind().dialect.name == "sqlite" else _in_postgresql():
        op.execute(statement)


def _make_parts() -> None:
    op.create_table(
        "entry_parts",
        Column("order", _NUMBER, primary_key=True),
        Column("number", Integer, primary_key=True),
        Column("wire", LargeBinary, primary_key=True),
        Column("mode", String, primary_key=True),
        Column("is_host", Boolean, nullable=False),
        ForeignKeyConstraint(["order", "number"], ["entries.order", "entries.number"]),
    )
    op.create_index("entry_parts_by_wire", "entry_parts", ["wire"])


def _make_approvals() -> None:
    op.create_table(
        "approvals",
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
        CheckConstraint("approver <> proposer", name="approvals_by_two_persons"),
        CheckConstraint("approver_group <> proposer_group", name="approvals_by_two_groups"),
        CheckConstraint(
            "(approver IS NULL) = (approved_s IS NULL) AND (approver IS NULL) = (approver_group IS NULL)",
            name="approvals_whole",
        ),
        CheckConstraint(
            "kind = 'emergency' OR (expires_s IS NOT NULL AND expires_s - proposed_s <= 2592000)",
            name="approvals_for_thirty_days",
        ),
        CheckConstraint("kind IN ('broader', 'held', 'emergency')", name="approvals_kinds"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_approvals_order", "approvals", ["order"])


def _in_sqlite() -> tuple[str, ...]:
    return (
        f"CREATE TRIGGER entries_on_insert BEFORE INSERT ON entries WHEN NEW.status IN {_IN_FORCE} "
        f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END",
    )


def _in_postgresql() -> tuple[str, ...]:
    return (
        "CREATE FUNCTION entries_on_insert() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ "
        f"BEGIN IF NEW.status IN {_IN_FORCE} THEN RAISE EXCEPTION '{_REFUSAL}'; END IF; RETURN NEW; END $$",
        "CREATE TRIGGER entries_on_insert BEFORE INSERT ON entries FOR EACH ROW EXECUTE FUNCTION entries_on_insert()",
    )
