"""Orders in shadow: counted, and not in force until two persons let them in."""

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
    false,
    text,
)

revision = "0036"
down_revision = "0035"

_NUMBER = BigInteger().with_variant(Integer(), "sqlite")
_IS_OPEN = text("ended_s IS NULL")
_STATES = (
    "state IN ('received', 'validated', 'pending_approval', 'approved', 'canary', 'enforced', 'verified', "
    "'confirmed', 'rejected', 'held_by_rail', 'partially_enforced', 'rolled_back', 'withdrawn', 'expired', "
    "'shadow')"
)
_KINDS = "kind IN ('broader', 'held', 'emergency', 'sealed', 'enforce', 'rollback', 'legal-hold', 'legal-hold-release')"
_THIRTY_DAYS = (
    "kind IN ('emergency', 'sealed', 'enforce') OR (expires_s IS NOT NULL AND expires_s - proposed_s <= "
    "CASE kind WHEN 'legal-hold' THEN 31622400 ELSE 2592000 END)"
)
_ONE_THING = (
    "(kind IN ('rollback', 'legal-hold', 'legal-hold-release')) = (\"order\" IS NULL) "
    "AND (kind = 'rollback') = (list IS NOT NULL) "
    "AND (list IS NULL) = (list_from IS NULL) AND (list IS NULL) = (list_to IS NULL) "
    "AND (kind IN ('legal-hold', 'legal-hold-release')) = (hold IS NOT NULL)"
)
_CONTROLS = "('enforced', 'enforced_http_only', 'enforced_broader', 'shadow')"
_REFUSAL = "entries: a new entry is not in force; control alone says that it is; not stored"


def upgrade() -> None:
    op.add_column("orders", Column("is_shadow", Boolean, nullable=False, server_default=false()))
    _make_shadows()
    if op.get_bind().dialect.name == "sqlite":
        _copy_steps()
        _copy_approvals()
        op.execute("DROP TRIGGER entries_on_insert")
        op.execute(
            f"CREATE TRIGGER entries_on_insert BEFORE INSERT ON entries WHEN NEW.status IN {_CONTROLS} "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
        return
    for table, name, said in (
        ("order_steps", "order_steps_states", _STATES),
        ("approvals", "approvals_kinds", _KINDS),
        ("approvals", "approvals_for_thirty_days", _THIRTY_DAYS),
    ):
        op.drop_constraint(name, table, type_="check")
        op.create_check_constraint(name, table, said)
    op.execute(
        "CREATE OR REPLACE FUNCTION entries_on_insert() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path = public, pg_temp AS $$ "
        f"BEGIN IF NEW.status IN {_CONTROLS} THEN RAISE EXCEPTION '{_REFUSAL}'; END IF; RETURN NEW; END $$"
    )


def _make_shadows() -> None:
    op.create_table(
        "order_shadows",
        Column("id", _NUMBER, primary_key=True),
        Column("order", _NUMBER, ForeignKey("orders.id"), nullable=False),
        Column("place", Integer),
        Column("revision", BigInteger, nullable=False),
        Column("begun_s", BigInteger, nullable=False),
        Column("since_s", BigInteger),
        Column("ended_s", BigInteger),
        Column("outcome", String),
        CheckConstraint("outcome IN ('let_in', 'over')", name="order_shadows_outcomes"),
        CheckConstraint("(outcome IS NULL) = (ended_s IS NULL)", name="order_shadows_ended"),
        sqlite_autoincrement=True,
    )
    op.create_index("ix_order_shadows_order", "order_shadows", ["order"])
    for name, column in (("order_shadows_open", "order"), ("order_shadows_places", "place")):
        op.create_index(name, "order_shadows", [column], unique=True, sqlite_where=_IS_OPEN, postgresql_where=_IS_OPEN)
    op.create_table(
        "order_shadow_counts",
        Column("shadow", _NUMBER, ForeignKey("order_shadows.id"), primary_key=True, autoincrement=False),
        Column("channel", String, primary_key=True),
        Column("count", BigInteger, nullable=False),
    )


def _copy_steps() -> None:
    """SQLite changes no constraint of a table: its rows move into another one."""
    held = Table(
        "order_steps",
        MetaData(),
        Column("order", _NUMBER, ForeignKey("orders.id"), primary_key=True),
        Column("n", Integer, primary_key=True),
        Column("state", String, nullable=False),
        Column("at_ms", BigInteger, nullable=False),
        Column("by", String, nullable=False),
        CheckConstraint(_STATES, name="order_steps_states"),
    )
    with op.batch_alter_table("order_steps", copy_from=held, recreate="always"):
        pass


def _copy_approvals() -> None:
    """The same."""
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
        CheckConstraint(_THIRTY_DAYS, name="approvals_for_thirty_days"),
        CheckConstraint(_KINDS, name="approvals_kinds"),
        CheckConstraint(_ONE_THING, name="approvals_of_one_thing"),
        sqlite_autoincrement=True,
    )
    with op.batch_alter_table("approvals", copy_from=held, recreate="always"):
        pass
    op.create_index("ix_approvals_order", "approvals", ["order"])
