"""Orders in shadow: counted, and not in force until two persons let them in."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    Integer,
    MetaData,
    String,
    Table,
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
_CONTROLS = "('enforced', 'enforced_http_only', 'enforced_broader', 'shadow')"
_REFUSAL = "entries: a new entry is not in force; control alone says that it is; not stored"


def upgrade() -> None:
    op.add_column("orders", Column("is_shadow", Boolean, nullable=False, server_default=false()))
    _make_shadows()
    if op.get_bind().dialect.name == "sqlite":
        _copy_steps()
        op.execute("DROP TRIGGER entries_on_insert")
        op.execute(
            f"CREATE TRIGGER entries_on_insert BEFORE INSERT ON entries WHEN NEW.status IN {_CONTROLS} "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
        return
    op.drop_constraint("order_steps_states", "order_steps", type_="check")
    op.create_check_constraint("order_steps_states", "order_steps", _STATES)
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
