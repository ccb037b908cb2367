from datetime import UTC, datetime, timedelta

from sqlalchemy import Engine, select
from support.mgmt.desk import TokenOf
from support.present import present

from mgmt.auth import find_principal
from mgmt.ledger.event import CONTROL
from mgmt.portal.session import begin_session, csrf_of, end_session, find_session, keep_receipt
from mgmt.staff.tokens import revoke_token
from parental.database import writing
from parental.schema.access import sessions

NOW = datetime(2026, 8, 3, 16, tzinfo=UTC)


def test_each_login_has_its_own_secret_and_the_database_holds_none(engine: Engine, token: TokenOf) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        first, second = (present(begin_session(conn, text, NOW)) for _ in range(2))
        rows = conn.execute(select(sessions)).all()

    assert first != second and len(first) == 43
    assert not any(secret in str(row) or secret.encode() in row.sha256 for secret in (first, second) for row in rows)


def test_a_session_ends_with_its_token_with_its_time_and_by_hand(engine: Engine, token: TokenOf) -> None:
    texts = [token("parent", 7) for _ in range(3)]
    with writing(engine) as conn:
        secrets = [present(begin_session(conn, text, NOW)) for text in texts]
        revoke_token(conn, present(find_principal(conn, texts[0], NOW)).token, CONTROL)
        end_session(conn, secrets[1])

        assert [find_session(conn, secret, NOW) is None for secret in secrets] == [True, True, False]
        assert find_session(conn, secrets[2], NOW + timedelta(days=30)) is None


def test_sessions_that_have_ended_are_cleared_at_the_next_login(engine: Engine, token: TokenOf) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        begin_session(conn, text, NOW)
        begin_session(conn, text, NOW + timedelta(days=31))

        assert len(conn.execute(select(sessions)).all()) == 1


def test_a_receipt_is_kept_for_its_session_only(engine: Engine, token: TokenOf) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        first, second = (present(begin_session(conn, text, NOW)) for _ in range(2))
        keep_receipt(conn, first, {"did": "pause"})

        assert present(find_session(conn, first, NOW)).receipt == {"did": "pause"}
        assert present(find_session(conn, second, NOW)).receipt is None


def test_the_form_token_follows_from_the_secret_and_does_not_show_it() -> None:
    assert csrf_of("a") == csrf_of("a") != csrf_of("b")
    assert len(csrf_of("a")) == 64
