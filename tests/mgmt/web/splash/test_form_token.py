from datetime import UTC, datetime, timedelta

from mgmt.web.splash.form_token import FormTokens

NOW = datetime(2026, 8, 3, 16, 30, tzinfo=UTC)


def test_a_token_is_good_for_its_client_and_reason_for_an_hour_at_least_and_two_at_most() -> None:
    tokens = FormTokens()
    token = tokens.make("192.0.2.7", "category", NOW)

    assert tokens.is_ours(token, "192.0.2.7", "category", NOW + timedelta(hours=1))
    assert not tokens.is_ours(token, "192.0.2.7", "category", NOW + timedelta(hours=2))
    assert not tokens.is_ours(token, "192.0.2.8", "category", NOW)
    assert not tokens.is_ours(token, "192.0.2.7", "law", NOW)


def test_the_token_of_the_law_is_the_same_for_everybody() -> None:
    tokens = FormTokens()

    assert tokens.make("192.0.2.7", "law", NOW) == tokens.make("192.0.2.8", "law", NOW)


def test_a_token_of_another_process_or_of_no_one_is_not_ours() -> None:
    tokens = FormTokens()

    assert not tokens.is_ours(FormTokens().make("192.0.2.7", "law", NOW), "192.0.2.7", "law", NOW)
    assert not tokens.is_ours("", "192.0.2.7", "law", NOW)
    assert not tokens.is_ours("ہ", "192.0.2.7", "law", NOW)
