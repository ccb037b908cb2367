"""A page that HTTPS hides has a status of its own, which control alone writes."""

from alembic import op

revision = "0043"
down_revision = "0042"

_CONTROLS = "('enforced', 'enforced_http_only', 'enforced_broader', 'not_visible_over_https', 'shadow')"
_REFUSAL = "entries: a new entry is not in force; control alone says that it is; not stored"


def upgrade() -> None:
    if op.get_bind().dialect.name == "sqlite":
        op.execute("DROP TRIGGER entries_on_insert")
        op.execute(
            f"CREATE TRIGGER entries_on_insert BEFORE INSERT ON entries WHEN NEW.status IN {_CONTROLS} "
            f"BEGIN SELECT RAISE(ABORT, '{_REFUSAL}'); END"
        )
        return
    op.execute(
        "CREATE OR REPLACE FUNCTION entries_on_insert() RETURNS trigger LANGUAGE plpgsql "
        "SET search_path = public, pg_temp AS $$ "
        f"BEGIN IF NEW.status IN {_CONTROLS} THEN RAISE EXCEPTION '{_REFUSAL}'; END IF; RETURN NEW; END $$"
    )
