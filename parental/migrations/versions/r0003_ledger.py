"""The ledger, append-only by triggers; the time as each node knows it; which revision of the lines there was when."""

from collections.abc import Iterator

from alembic import op
from sqlalchemy import BigInteger, Column, Float, ForeignKey, Integer, LargeBinary, String, Text

revision = "0003"
down_revision = "0002"

Number = BigInteger().with_variant(Integer(), "sqlite")
PERMANENT = {"ledger_redactions": "number", "ledger_checkpoints": "size", "ledger_keys": "number"}  # nothing ever goes

_REDACTED = "EXISTS (SELECT 1 FROM ledger_redactions WHERE ledger_redactions.number = OLD.number)"
_ONLY_TEXT_GOES = (
    "NEW.text IS NULL AND NEW.number = OLD.number AND NEW.time_ms = OLD.time_ms AND NEW.kind = OLD.kind "
    f"AND NEW.leaf = OLD.leaf AND {_REDACTED}"
)
# (table, statement) → what alone is let through; '': nothing
RULES = {
    ("ledger_events", "INSERT"): "NEW.number = (SELECT coalesce(max(number) + 1, 0) FROM ledger_events)",
    ("ledger_events", "UPDATE"): _ONLY_TEXT_GOES,
    ("ledger_events", "DELETE"): "",
    # An INSERT OR REPLACE of SQLite removes a row, and no trigger of DELETE sees it.
    ("ledger_salts", "INSERT"): "NOT EXISTS (SELECT 1 FROM ledger_salts WHERE number = NEW.number)",
    ("ledger_salts", "UPDATE"): "",
    ("ledger_salts", "DELETE"): _REDACTED,
}
for table, key in PERMANENT.items():
    RULES[table, "INSERT"] = f"NOT EXISTS (SELECT 1 FROM {table} WHERE {key} = NEW.{key})"
    RULES[table, "UPDATE"] = RULES[table, "DELETE"] = ""


def upgrade() -> None:
    _make_ledger()
    op.create_table(
        "trusted_clock",
        Column("node", String, primary_key=True),
        Column("time_s", Float, nullable=False),
        Column("boot_s", Float, nullable=False),
        Column("boot_id", String, nullable=False),
        Column("ahead_since_s", BigInteger),
    )
    op.create_table(
        "revision_times",
        Column("revision", BigInteger, primary_key=True, autoincrement=False),
        Column("time_s", BigInteger, nullable=False),
    )
    is_sqlite = op.get_bind().dialect.name == "sqlite"
    for statement in _in_sqlite() if is_sqlite else _in_postgresql():
        op.execute(statement)


def _make_ledger() -> None:
    op.create_table(
        "ledger_events",
        Column("number", Number, primary_key=True, autoincrement=False),
        Column("time_ms", BigInteger, nullable=False, index=True),
        Column("kind", String, nullable=False),
        Column("text", Text),
        Column("leaf", LargeBinary, nullable=False),
    )
    op.create_table(
        "ledger_salts",
        Column("number", Number, ForeignKey("ledger_events.number"), primary_key=True, autoincrement=False),
        Column("salt", LargeBinary, nullable=False),
    )
    op.create_table(
        "ledger_redactions",
        Column("number", Number, ForeignKey("ledger_events.number"), primary_key=True, autoincrement=False),
        Column("by_number", Number, ForeignKey("ledger_events.number"), nullable=False, unique=True),
    )
    op.create_table(
        "ledger_checkpoints",
        Column("size", Number, primary_key=True, autoincrement=False),
        Column("time_ms", BigInteger, nullable=False),
        Column("note", Text, nullable=False),
    )
    op.create_table(
        "ledger_keys",
        Column("number", Number, primary_key=True, autoincrement=False),
        Column("vkey", String, nullable=False, unique=True),
    )


def _in_sqlite() -> Iterator[str]:
    for (table, what), allowed in RULES.items():
        when = f"WHEN NOT ({allowed}) " if allowed else ""
        yield (
            f"CREATE TRIGGER {table}_on_{what.lower()} BEFORE {what} ON {table} {when}"
            f"BEGIN SELECT RAISE(ABORT, '{_refusal(table, what)}'); END"
        )


def _in_postgresql() -> Iterator[str]:
    for (table, what), allowed in {**RULES, **{(table, "TRUNCATE"): "" for table, _ in RULES}}.items():
        name, each = f"{table}_on_{what.lower()}", "STATEMENT" if what == "TRUNCATE" else "ROW"
        passes = f"IF {allowed} THEN RETURN {'OLD' if what == 'DELETE' else 'NEW'}; END IF; " if allowed else ""
        # With a path of its own: a role could have a temporary table of the same name, which would be found first.
        yield (
            f"CREATE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$ "
            f"BEGIN {passes}RAISE EXCEPTION '{_refusal(table, what)}'; END $$"
        )
        yield f"CREATE TRIGGER {name} BEFORE {what} ON {table} FOR EACH {each} EXECUTE FUNCTION {name}()"


def _refusal(table: str, what: str) -> str:
    if what == "INSERT":
        return f"{table}: rows are added after the last one, once each; not added"
    return f"{table}: rows are never changed or removed; nothing was done"
