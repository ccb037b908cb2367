"""What the revision of agreed settings keeps: approvals as they were, and that each approval is of one thing."""

import pytest
from sqlalchemy import select, text
from sqlalchemy.exc import IntegrityError

from parental.schema.orders import approvals
from parental.schema.settings import desk_settings
from parental.store.engines import Where, engine_of
from parental.store.revisions import upgrade

COLUMNS = (
    "kind, digest, reason, reference, collateral, proposer, proposer_group, proposer_account, proposed_s, expires_s"
)
ROLLBACK = (
    f"INSERT INTO approvals (id, {COLUMNS}, list, list_from, list_to) "
    "VALUES (3, 'rollback', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7, 8, 'pta', 'b', 'a')"
)
SAID = (
    "INSERT INTO desk_settings (name, value, set_s, by_kind, by_name, event) VALUES ('theme', '{}', 7, 'token', 't', 1)"
)
ANY = (
    f"INSERT INTO approvals ({COLUMNS}, list, list_from, list_to, settings) "
    "VALUES ('{kind}', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7, 8, {of})"
)
NO_LIST, OF_LIST = "NULL, NULL, NULL", "'pta', 'b', 'a'"


def test_approvals_and_settings_stay_and_an_approval_of_settings_names_nothing_else(empty_database: Where) -> None:
    upgrade(empty_database, "0044")
    engine = engine_of(empty_database)
    with engine.begin() as conn:
        for statement in (ROLLBACK, SAID):
            conn.execute(text(statement.replace(":", r"\:")))
    upgrade(empty_database, "0045")

    with engine.begin() as conn:
        assert conn.execute(select(approvals.c.id, approvals.c.list, approvals.c.settings)).all() == [(3, "pta", None)]
        assert conn.execute(select(desk_settings.c.name, desk_settings.c.approval)).all() == [("theme", None)]
        conn.execute(text(ANY.format(kind="settings", of=f"{NO_LIST}, 'x'")))
        for kind, of in (
            ("settings", f"{NO_LIST}, NULL"),
            ("settings", f"{OF_LIST}, 'x'"),
            ("rollback", f"{OF_LIST}, 'x'"),
            ("held", f"{NO_LIST}, 'x'"),
            ("setting", f"{NO_LIST}, 'x'"),
        ):
            with pytest.raises(IntegrityError), conn.begin_nested():
                conn.execute(text(ANY.format(kind=kind, of=of)))
    engine.dispose()
