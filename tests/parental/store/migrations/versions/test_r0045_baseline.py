"""What the tables refuse, whoever writes: a changed ledger, an entry in force, an approval by one person."""

from collections.abc import Iterator

import pytest
from sqlalchemy import Engine, text
from sqlalchemy.exc import DBAPIError, IntegrityError
from support.mgmt import ledgers

from mgmt.ledger import store
from mgmt.ledger.event import CONTROL
from parental.store.database import open_database, writing
from parental.store.engines import Where

REFUSED = "rows are never changed or removed|rows are added after the last one"
LEAF = "(SELECT leaf FROM ledger_events WHERE number = 1)"
TABLES = ("ledger_events", "ledger_salts", "ledger_redactions", "ledger_checkpoints", "ledger_keys")
YEAR_S, MONTH_S = 31_622_400, 2_592_000
ORDER = (
    "INSERT INTO orders (id, issuer, ref, ground, scope, is_emergency, received_ms, sha256, original) "
    "VALUES (1, 'PTA', '0', 'g', 'exact', true, 1, '', '')"
)
HOLD = "INSERT INTO legal_holds (id, since_s, until_s, keeps_keys) VALUES (1, 0, 9, false)"
ENTRY = "INSERT INTO entries (\"order\", number, value, status, revision) VALUES (1, 1, 'https://a.test/b', '{}', 1)"
APPROVAL = (
    "INSERT INTO approvals (kind, digest, reason, reference, collateral, proposer, proposer_group, proposer_account, "
    'proposed_s, expires_s, "order", list, list_from, list_to, hold, settings) '
    "VALUES ('{kind}', '', 'r', 'r', 'c', 'a', 'legal', 'desk', 7, {ends}, {of})"
)
OF_ORDER = "1, NULL, NULL, NULL, NULL, NULL"
OF_LIST = "NULL, 'pta', 'b', 'a', NULL, NULL"
OF_HOLD = "NULL, NULL, NULL, NULL, 1, NULL"
OF_SETTINGS = "NULL, NULL, NULL, NULL, NULL, 's'"
OF_NOTHING = "NULL, NULL, NULL, NULL, NULL, NULL"
AGREE = "UPDATE approvals SET approver = '{}', approver_group = {}, approved_s = {}"
CANARY = (
    'INSERT INTO order_canaries ("order", gateway, revision, n_entries, begun_s, outcome) '
    "VALUES (1, 'first', 1, 1, 7, {})"
)
STEP = "INSERT INTO order_steps (\"order\", n, state, at_ms, \"by\") VALUES (1, {n}, '{state}', 7, 'control')"
NONCE = "INSERT INTO push_nonces (key, nonce, until_s) VALUES ('{}', 'n', 1)"
CERTIFICATE = "INSERT INTO client_certificates (sha256, issuer, staff, put_s) VALUES ('', {}, {}, 1)"
LETTER = (
    "INSERT INTO lawful_requests (authority, reference, basis, kind, issued, recorded_by, recorded_s, answer) "
    "VALUES ('a', '{}', 'b', '{}', '2026-08-01', 'staff 3', 1, {})"
)
QUARTER = "INSERT INTO statistics_releases (quarter, node, at_ms, text, note) VALUES ('2026-Q3', '{}', 7, 't', 'n')"
TOLD = "INSERT INTO transparency_releases (quarter, at_ms, text, note) VALUES ('2026-Q3', 7, 't', 'n')"
APPEAL = "INSERT INTO appeals (reference, state, received_s, due_s, tries) VALUES ('{}', '{}', 1, 1, 0)"
SOURCES = "INSERT INTO dns_sources (node, text, told_s) VALUES ('gw1', 't', 1)"
EXPORT = "INSERT INTO dns_source_exports (statement, taken_s) VALUES (1, 1)"
TOKEN = (
    "INSERT INTO tokens (sha256, roles, subscriber, label, created_s, expires_s, made_by) "
    "VALUES ('{}', 'parent', {}, '', 1, 2, '') RETURNING id"
)
LINE = (
    "INSERT INTO accounts (id) VALUES (7)",
    "INSERT INTO profiles (id, account, zone, paused_until_s, revision) VALUES (7, 7, 'UTC', 0, 1)",
    "INSERT INTO lines (id, label, account, profile) VALUES (7, 'Line', 7, 7)",
)


@pytest.fixture
def written(database: Where) -> Iterator[Engine]:
    """Three events and the key's."""
    engine = open_database(database)
    ledgers.write(engine, 3)
    yield engine
    engine.dispose()


def refuse(engine: Engine, statement: str) -> None:
    """Nothing of the ledger is another one after the statement."""
    before = ledgers.bundle(engine)

    with pytest.raises(DBAPIError, match=REFUSED), writing(engine) as conn:
        conn.execute(text(statement))

    assert ledgers.bundle(engine) == before
    ledgers.verified(before)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_events SET text = '{}' WHERE number = 1",
        "UPDATE ledger_events SET time_ms = time_ms + 1",
        "UPDATE ledger_events SET text = NULL WHERE number = 1",
        "DELETE FROM ledger_events WHERE number = 3",
        "DELETE FROM ledger_events",
        f"INSERT INTO ledger_events VALUES (1, 0, 'orders', '{{}}', {LEAF}) ON CONFLICT DO NOTHING",
        f"INSERT INTO ledger_events VALUES (9, 0, 'orders', '{{}}', {LEAF})",
        f"INSERT INTO ledger_events VALUES (-1, 0, 'orders', '{{}}', {LEAF})",
        "UPDATE ledger_salts SET salt = ''",
        "DELETE FROM ledger_salts",
        "UPDATE ledger_checkpoints SET note = ''",
        "DELETE FROM ledger_checkpoints",
        "DELETE FROM ledger_keys",
        "UPDATE ledger_keys SET vkey = 'x'",
    ],
)
def test_no_statement_changes_or_removes_what_was_written(written: Engine, statement: str) -> None:
    refuse(written, statement)


@pytest.mark.parametrize(
    "statement",
    [
        f"INSERT OR REPLACE INTO ledger_events VALUES (1, 0, 'orders', '{{}}', {LEAF})",
        "INSERT OR REPLACE INTO ledger_salts SELECT number, x'00' FROM ledger_events",
        "INSERT OR REPLACE INTO ledger_checkpoints SELECT size, 0, '' FROM ledger_checkpoints",
        "INSERT OR REPLACE INTO ledger_keys SELECT number, 'x' FROM ledger_keys",
        "UPDATE OR REPLACE ledger_keys SET vkey = 'x'",
    ],
)
def test_nor_does_what_sqlite_alone_has(written: Engine, statement: str) -> None:
    if written.dialect.name != "sqlite":
        pytest.skip("PostgreSQL has no OR REPLACE")
    refuse(written, statement)


@pytest.mark.parametrize("table", TABLES)
def test_no_table_of_postgresql_is_truncated(written: Engine, table: str) -> None:
    if written.dialect.name != "postgresql":
        pytest.skip("SQLite has no TRUNCATE")
    refuse(written, f"TRUNCATE {table} CASCADE")


def test_a_temporary_table_of_the_same_name_opens_no_gap(written: Engine) -> None:
    if written.dialect.name != "postgresql":
        pytest.skip("a trigger of SQLite sees the tables of its own file")

    with pytest.raises(DBAPIError, match=REFUSED), writing(written) as conn:
        conn.execute(text("CREATE TEMPORARY TABLE ledger_events ON COMMIT DROP AS SELECT 8 AS number"))
        conn.execute(text("INSERT INTO public.ledger_events VALUES (9, 0, 'orders', '{}', '')"))


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_events SET text = 'other' WHERE number = 1",
        "UPDATE ledger_events SET kind = 'orders', text = NULL WHERE number = 1",
        "UPDATE ledger_events SET text = NULL WHERE number = 2",
        "DELETE FROM ledger_salts WHERE number = 2",
        "DELETE FROM ledger_events WHERE number = 1",
        "DELETE FROM ledger_redactions",
        "UPDATE ledger_redactions SET number = 2",
    ],
)
def test_a_redaction_opens_its_own_event_alone_and_its_text_alone(written: Engine, statement: str) -> None:
    with writing(written) as conn:
        store.redact(conn, 1, "a court", CONTROL, ledgers.NOON)

    with pytest.raises(DBAPIError, match=REFUSED), writing(written) as conn:
        conn.execute(text(statement))


# -- orders, approvals, registers --------------------------------------------------------------------------------------


@pytest.fixture
def ordered(database: Where) -> Iterator[Engine]:
    """One order and one legal hold."""
    engine = open_database(database)
    write_all(engine, ORDER, HOLD)
    yield engine
    engine.dispose()


def write_all(engine: Engine, *statements: str) -> None:
    with writing(engine) as conn:
        for statement in statements:
            conn.execute(text(statement.replace(":", r"\:")))


@pytest.mark.parametrize(
    "status", ["enforced", "enforced_http_only", "enforced_broader", "not_visible_over_https", "shadow"]
)
def test_a_new_entry_is_never_in_force(ordered: Engine, status: str) -> None:
    with pytest.raises(DBAPIError, match="a new entry is not in force"):
        write_all(ordered, ENTRY.format(status))
    write_all(ordered, ENTRY.format("pending"))


@pytest.mark.parametrize(
    ("kind", "ends", "of"),
    [
        ("broader", 7 + MONTH_S, OF_ORDER),
        ("emergency", "NULL", OF_ORDER),
        ("sealed", "NULL", OF_ORDER),
        ("enforce", "NULL", OF_ORDER),
        ("rollback", 8, OF_LIST),
        ("legal-hold", 7 + YEAR_S, OF_HOLD),
        ("legal-hold-release", 7 + MONTH_S, OF_HOLD),
        ("settings", 8, OF_SETTINGS),
    ],
)
def test_an_approval_is_of_one_thing_and_ends(ordered: Engine, kind: str, ends: object, of: str) -> None:
    others = {OF_ORDER, OF_LIST, OF_HOLD, OF_SETTINGS, OF_NOTHING} - {of}
    lies = [APPROVAL.format(kind=kind, ends=ends, of=other) for other in others]
    lies.append(APPROVAL.format(kind="other", ends=ends, of=of))
    if ends != "NULL":
        lies.append(APPROVAL.format(kind=kind, ends="NULL", of=of))
        lies.append(APPROVAL.format(kind=kind, ends=8 + (YEAR_S if kind == "legal-hold" else MONTH_S), of=of))
    for lie in lies:
        with pytest.raises(IntegrityError):
            write_all(ordered, lie)

    write_all(ordered, APPROVAL.format(kind=kind, ends=ends, of=of))


def test_an_approval_is_by_two_persons_of_two_groups(ordered: Engine) -> None:
    write_all(ordered, APPROVAL.format(kind="broader", ends=8, of=OF_ORDER))
    for approver, group, approved_s in (("a", "'x'", 8), ("b", "'legal'", 8), ("b", "NULL", 8), ("b", "'x'", "NULL")):
        with pytest.raises(IntegrityError):
            write_all(ordered, AGREE.format(approver, group, approved_s))

    write_all(ordered, AGREE.format("b", "'x'", 8))


@pytest.mark.parametrize(
    ("taken", "refused"),
    [
        ([CANARY.format("'passed'"), CANARY.format("NULL")], [CANARY.format("NULL"), CANARY.format("'other'")]),
        ([STEP.format(n=1, state="shadow")], [STEP.format(n=2, state="other")]),
        ([NONCE.format("k"), NONCE.format("other")], [NONCE.format("k")]),
        ([], [CERTIFICATE.format("NULL", "NULL"), CERTIFICATE.format("'PTA'", 1)]),
        (
            [LETTER.format("r", "other", "NULL")],
            [
                LETTER.format("r", "other", "NULL"),
                LETTER.format("s", "tap", "NULL"),
                LETTER.format("s", "other", "'nothing'"),
            ],
        ),
        ([QUARTER.format(""), QUARTER.format("gw1"), TOLD], [QUARTER.format(""), TOLD]),
        ([APPEAL.format("A", "waiting")], [APPEAL.format("A", "waiting"), APPEAL.format("B", "lost")]),
        ([SOURCES], [SOURCES, EXPORT]),
    ],
)
def test_what_may_be_there_once_or_never_is_refused(ordered: Engine, taken: list[str], refused: list[str]) -> None:
    write_all(ordered, *taken)

    for statement in refused:
        with pytest.raises(IntegrityError):
            write_all(ordered, statement)


def test_a_number_that_was_a_tokens_is_given_to_no_other(ordered: Engine) -> None:
    numbers = []
    for octets in ("a", "b"):
        with writing(ordered) as conn:
            numbers.append(conn.execute(text(TOKEN.format(octets, "NULL"))).scalar_one())
            conn.execute(text("DELETE FROM tokens"))

    assert numbers[1] > numbers[0]


def test_the_token_of_a_line_goes_with_it(ordered: Engine) -> None:
    write_all(ordered, *LINE, TOKEN.format("a", 7), "DELETE FROM lines")

    with writing(ordered) as conn:
        assert conn.execute(text("SELECT count(*) FROM tokens")).scalar_one() == 0
