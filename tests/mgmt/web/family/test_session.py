from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Engine, insert, select
from sqlalchemy.exc import IntegrityError
from support.mgmt.desk import TokenOf
from support.mgmt.phone import add_caregiver
from support.present import present

from mgmt.ledger.event import CONTROL
from mgmt.staff.tokens import csrf_of, revoke_token
from mgmt.web.family.session import (
    REMEMBERED,
    SpentForm,
    begin_for,
    begin_session,
    end_session,
    find_session,
    keep_pin,
    keep_receipt,
    refuse_repeated,
    spend,
)
from mgmt.web.kit.auth import find_principal
from parental.people import caregivers
from parental.store.database import writing
from parental.store.schema.access import sessions

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


def test_a_caregivers_session_has_its_role_and_ends_with_the_caregiver(engine: Engine) -> None:
    owner, helper = add_caregiver(engine), add_caregiver(engine, "helper", number="+923007654321", name="Zara")
    with writing(engine) as conn:
        secret = begin_for(conn, helper, NOW)
        found = present(find_session(conn, secret, NOW))
        assert (found.account, found.name, found.caregiver) == (7, "Zara", helper)
        assert (found.actor.kind, found.actor.name, found.actor.role) == ("caregiver", str(helper), "helper")
        assert found.may("account.pause") and not found.may("account.open")
        assert present(find_session(conn, begin_for(conn, owner, NOW), NOW)).may("account.open")

        caregivers.remove_caregiver(conn, 7, helper)
        assert find_session(conn, secret, NOW) is None


def test_a_session_is_of_a_token_or_of_a_caregiver(engine: Engine) -> None:
    with pytest.raises(IntegrityError), writing(engine) as conn:
        conn.execute(insert(sessions).values(sha256=b"x", expires_s=1))


def test_sessions_that_have_ended_are_cleared_at_the_next_login_and_the_browsers_own_before_too(
    engine: Engine, token: TokenOf
) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        begin_session(conn, text, NOW)
        before = present(begin_session(conn, text, NOW + timedelta(days=31)))
        assert len(conn.execute(select(sessions)).all()) == 1
        begin_session(conn, text, NOW + timedelta(days=31), before)

        assert len(conn.execute(select(sessions)).all()) == 1
        assert find_session(conn, before, NOW) is None


def test_a_receipt_and_a_pin_are_kept_for_their_session_only(engine: Engine, token: TokenOf) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        first, second = (present(begin_session(conn, text, NOW)) for _ in range(2))
        keep_receipt(conn, first, {"did": "pause"})
        keep_pin(conn, first, NOW, NOW)

        found = [present(find_session(conn, each, NOW)) for each in (first, second)]
        assert [each.receipt for each in found] == [{"did": "pause"}, None]
        assert [each.pin_until_s for each in found] == [int(NOW.timestamp()), 0]


def test_the_form_token_follows_from_the_secret_and_does_not_show_it() -> None:
    assert csrf_of("a") == csrf_of("a") != csrf_of("b")
    assert len(csrf_of("a")) == 64


def test_a_form_is_spent_once_in_its_session_and_two_pages_are_two(engine: Engine, token: TokenOf) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        first, second = (present(begin_session(conn, text, NOW)) for _ in range(2))
        for secret in (first, second):
            spend(conn, secret, 0, "one")
            spend(conn, secret, 0, "two")

        with pytest.raises(SpentForm):
            spend(conn, first, 0, "one")
        with pytest.raises(SpentForm):
            refuse_repeated(conn, second, 0, "two")
        refuse_repeated(conn, first, 0, "three")
        assert present(find_session(conn, first, NOW)).forms == 2
        end_session(conn, first)
        with pytest.raises(SpentForm):
            spend(conn, first, 2, "four")


def test_a_session_remembers_so_many_forms_and_takes_an_older_page_for_spent(engine: Engine, token: TokenOf) -> None:
    text = token("parent", 7)
    with writing(engine) as conn:
        secret = present(begin_session(conn, text, NOW))
        for n in range(REMEMBERED + 1):
            spend(conn, secret, n, f"form{n}")

        for forms, form in ((0, "form0"), (0, "page-as-old"), (REMEMBERED, f"form{REMEMBERED}")):
            with pytest.raises(SpentForm):
                spend(conn, secret, forms, form)
        spend(conn, secret, 1, "page-that-is-not-too-old")
        kept = str(conn.execute(select(sessions.c.spent)).scalar_one()).split()
        assert len(kept) == REMEMBERED and "form1" not in kept
