"""Each role of PostgreSQL is refused what it may not do: asked of a real server, statement by statement."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from support.database.postgresql import USER, PostgresqlServer, name_of, programs

from parental.store.database import reading, writing
from parental.store.engines import engine_of
from parental.store.errors import DatabaseRefusal
from parental.store.revisions import upgrade
from parental.store.schema import metadata
from parental.store.schema.privileges import CONTROL, LEDGER, PRIVILEGES, ROLES, WEB

pytestmark = [
    pytest.mark.services,
    pytest.mark.skipif(programs() is None, reason="Debian's package postgresql is not installed"),
]
ORDER = "INSERT INTO orders (issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) " + (
    "VALUES ('PTA', '1', 'a law', 'exact', false, 0, '', '')"
)
APPROVAL = (
    'INSERT INTO approvals ("order", kind, digest, reason, reference, collateral, proposer, proposer_group, '
    "proposer_account, proposed_s) VALUES (1, 'emergency', '', 'r', 'r', 'c', 'a', 'compliance', 'root', 0)"
)
SAID = "INSERT INTO desk_settings (name, value, set_s, by_kind, by_name, event{}) VALUES ('theme', '', 1, '', '', 1{})"
REFUSED = (
    (WEB, "INSERT INTO day_keys VALUES ('2026-11-27', '')"),
    (WEB, "SELECT * FROM day_keys"),
    (WEB, "DELETE FROM blocks"),
    (WEB, "SELECT receiver FROM order_notices"),  # the address of a webhook may be its secret
    (WEB, "UPDATE csam_counts SET count = 0"),
    (WEB, "UPDATE tokens SET roles = 'engineer'"),
    (WEB, "UPDATE tokens SET expires_s = 0"),
    (WEB, "INSERT INTO issuers VALUES ('PTA', NULL, NULL, '', true, 0)"),
    (WEB, "UPDATE issuer_keys SET until_s = 0"),
    (WEB, "UPDATE staff SET role = 'approver'"),
    (WEB, "UPDATE staff SET state = 'active'"),
    (WEB, "INSERT INTO enrolment_codes VALUES ('', 1, 0, NULL)"),
    (WEB, "UPDATE passkeys SET public_key = ''"),
    (WEB, "DELETE FROM passkeys"),
    (CONTROL, "SELECT * FROM staff_passwords"),
    (CONTROL, "SELECT * FROM tokens"),
    (CONTROL, "UPDATE staff SET \"group\" = ''"),
    (CONTROL, "INSERT INTO passkeys VALUES (1, 1, '', '', 0, '', 0, NULL)"),
    (LEDGER, "SELECT * FROM staff"),
    (WEB, "DELETE FROM orders"),
    (WEB, "UPDATE orders SET original = ''"),
    (WEB, "UPDATE orders SET issuer = 'other'"),
    (WEB, "UPDATE orders SET signed_base = ''"),
    (CONTROL, "SELECT * FROM push_nonces"),
    (WEB, "INSERT INTO client_certificates VALUES ('', 'PTA', NULL, 1, NULL)"),
    (WEB, "DELETE FROM entries"),
    (WEB, "UPDATE entries SET wire = ''"),
    # What is in force, control alone says.
    (WEB, "UPDATE entries SET status = 'enforced'"),
    (WEB, "UPDATE entries SET generation = 1, enforced_ms = 1"),
    (WEB, "UPDATE entries SET reason = ''"),
    (WEB, "UPDATE entries SET approval = 1"),
    (WEB, SAID.format(", approval", ", 1")),
    (WEB, "UPDATE desk_settings SET value = ''"),
    (CONTROL, "UPDATE desk_settings SET value = ''"),
    (WEB, "INSERT INTO entries VALUES (1, 1, 'x', NULL, NULL, 'pending', NULL, 1, 1, 1)"),
    (WEB, "UPDATE orders SET receipt = ''"),
    (WEB, "UPDATE orders SET withdrawal_receipt = ''"),
    (WEB, "UPDATE orders SET replaced_by = 1"),
    (WEB, "UPDATE orders SET expired_ms = 1"),
    (WEB, "UPDATE orders SET expires_s = 1"),
    (CONTROL, "UPDATE orders SET version = 1"),
    (WEB, ORDER.replace("original)", "original, receipt)").replace("'')", "'', '')")),
    (WEB, "INSERT INTO entry_parts VALUES (1, 1, '', 'exact', false)"),
    (WEB, APPROVAL.replace("proposed_s)", "proposed_s, way)").replace("0)", "0, 'names')")),
    (WEB, "UPDATE passkeys SET vouched_s = 1"),
    (WEB, "UPDATE approval_signatures SET signature = ''"),
    (WEB, "DELETE FROM approval_signatures"),
    (CONTROL, "INSERT INTO approval_signatures VALUES (1, 'approved', '', '', '', '', 1)"),
    (WEB, "UPDATE approvals SET approver = 'b', approver_group = 'approver', approved_s = 1"),
    (WEB, "UPDATE approvals SET proposer_group = 'engineer'"),
    (CONTROL, APPROVAL),
    (CONTROL, "UPDATE approvals SET digest = ''"),
    (CONTROL, "UPDATE passkeys SET sign_count = 0"),
    (WEB, "UPDATE alembic_version SET version_num = '9999'"),
    (CONTROL, "DELETE FROM blocks"),
    (CONTROL, "SELECT * FROM day_keys"),
    (CONTROL, "SELECT * FROM sessions"),
    (CONTROL, "DELETE FROM lines"),
    (CONTROL, "UPDATE orders SET withdrawn_ms = 1"),
    (CONTROL, "INSERT INTO entries VALUES (1, 1, 'x', NULL, NULL, 'pending', NULL, NULL, NULL, 1)"),
    (LEDGER, "SELECT * FROM tokens"),
    (LEDGER, "SELECT * FROM lines"),
    (LEDGER, "UPDATE orders SET receipt = ''"),
    (WEB, "INSERT INTO ledger_checkpoints VALUES (1, 0, '')"),
    (WEB, "INSERT INTO ledger_keys VALUES (0, '')"),
    (WEB, "UPDATE household_events SET action = ''"),
    (WEB, "DELETE FROM household_events"),
    (CONTROL, "SELECT * FROM caregivers"),
    (LEDGER, "SELECT * FROM caregivers"),
    (WEB, "SELECT * FROM trusted_clock"),
    (WEB, "SELECT bypass FROM statistics_releases"),
    (WEB, "INSERT INTO statistics_releases VALUES ('2026-Q3', '', 1, '', '', NULL)"),
    (CONTROL, "DELETE FROM statistics_releases"),
    (LEDGER, "INSERT INTO ledger_events VALUES (0, 0, 'orders', '', '')"),
    (LEDGER, "SELECT * FROM ledger_salts"),
    *((role, "UPDATE ledger_events SET text = NULL") for role in ROLES),
    *((role, "DELETE FROM ledger_events") for role in ROLES),
    *((role, "DELETE FROM ledger_salts") for role in ROLES),
    *((role, "INSERT INTO ledger_redactions VALUES (0, 1)") for role in ROLES),
    *((role, "ALTER TABLE ledger_events DISABLE TRIGGER ALL") for role in ROLES),
    *((role, "CREATE TABLE more (name text)") for role in ROLES),
    *((role, "DROP TABLE blocks") for role in ROLES),
    *((role, "TRUNCATE orders CASCADE") for role in ROLES),
)
ALLOWED = (
    (WEB, ORDER),
    (WEB, "UPDATE orders SET withdrawn_ms = 1"),
    (WEB, "SELECT * FROM blocks"),
    (WEB, "DELETE FROM tokens"),
    (WEB, "UPDATE passkeys SET sign_count = 1"),
    (CONTROL, "UPDATE approvals SET approver = 'b', approver_group = 'approver', approved_s = 1"),
    (CONTROL, ORDER),
    (WEB, "UPDATE entries SET withdrawn_ms = 1, withdrawal_reason = 'x', revision = 2"),
    (CONTROL, "UPDATE entries SET status = 'enforced'"),
    (CONTROL, "UPDATE approvals SET lapsed_ms = 1"),
    (WEB, SAID.format("", "")),
    (CONTROL, SAID.format(", approval", ", 1")),
    (CONTROL, "SELECT * FROM spool_positions"),  # its status says how late the drain is
    (LEDGER, "INSERT INTO day_keys VALUES ('2026-11-27', '')"),
    (LEDGER, "DELETE FROM blocks"),
    (LEDGER, "DELETE FROM household_events"),
    (LEDGER, "SELECT lines.province FROM profiles JOIN lines USING (account)"),
    (WEB, "INSERT INTO ledger_events VALUES (0, 0, 'orders', '', '')"),
    (CONTROL, "INSERT INTO ledger_events VALUES (0, 0, 'orders', '', '')"),
    (CONTROL, "INSERT INTO ledger_checkpoints VALUES (1, 0, '')"),
)


@pytest.fixture
def url(postgresql: PostgresqlServer) -> Iterator[str]:
    yield postgresql.shared()
    postgresql.empty(postgresql.shared())


@pytest.fixture
def engine(url: str, request: pytest.FixtureRequest) -> Iterator[Engine]:
    engine = engine_of(url, request.param)
    yield engine
    engine.dispose()


@pytest.mark.parametrize(("engine", "statement"), REFUSED, indirect=["engine"])
def test_a_role_is_refused_what_it_may_not_do(engine: Engine, statement: str) -> None:
    with pytest.raises(DatabaseRefusal, match=r"refused \((permission denied|must be owner)"), writing(engine) as conn:
        conn.execute(text(statement))


@pytest.mark.parametrize(("engine", "statement"), ALLOWED, indirect=["engine"])
def test_a_role_does_its_own_work(engine: Engine, statement: str) -> None:
    with writing(engine) as conn:
        conn.execute(text(statement))


@pytest.mark.parametrize("engine", ROLES, indirect=True)
def test_every_role_can_tell_the_revision(engine: Engine) -> None:
    with reading(engine) as conn:
        assert conn.execute(text("SELECT count(*) FROM alembic_version")).scalar_one() == 1


def test_a_role_that_the_server_does_not_know_is_said(url: str) -> None:
    engine = engine_of(url, "filterd_unknown")

    with pytest.raises(DatabaseRefusal, match='role "filterd_unknown" does not exist'), reading(engine):
        pass
    engine.dispose()


def test_an_owner_who_is_no_superuser_makes_the_tables_and_acts_as_each_role(postgresql: PostgresqlServer) -> None:
    postgresql.execute("CREATE ROLE keeper LOGIN CREATEROLE")
    url = postgresql.new_database()
    postgresql.execute(f'ALTER DATABASE "{name_of(url)}" OWNER TO keeper')
    as_keeper = url.replace(USER, "keeper", 1)

    upgrade(as_keeper)

    for role in ROLES:
        engine = engine_of(as_keeper, role)
        with reading(engine) as conn:
            assert conn.execute(text("SELECT current_user")).scalar_one() == role
        engine.dispose()
    postgresql.drop(url)
    postgresql.execute("DROP ROLE keeper")


def test_every_table_says_who_may_do_what_with_it() -> None:
    assert set(PRIVILEGES) == {*metadata.tables, "alembic_version"}
