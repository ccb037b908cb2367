from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import Connection, select

from parental.people.login_codes import (
    APART,
    DAY,
    LIFE,
    OF_DAY,
    OF_HOUR,
    TRIES,
    TooMany,
    ask,
    plain_digits,
    spend,
    tries_left,
)
from parental.people.phones import Phones
from parental.store.schema.access import login_codes

NOON = datetime(2026, 8, 3, 12, tzinfo=UTC)
PHONES = Phones(bytes(32))
NUMBER, OTHER = PHONES.digest("+923001234567"), PHONES.digest("+923007654321")


def wrong(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"


def test_a_code_names_its_number_once(household: Connection) -> None:
    asked = ask(household, PHONES, NUMBER, NOON)

    assert len(asked.code) == 6 and asked.code.isdigit()
    assert spend(household, PHONES, asked.secret, asked.code, NOON) == NUMBER
    assert spend(household, PHONES, asked.secret, asked.code, NOON) is None


def test_a_code_is_good_in_the_browser_that_asked_and_in_no_other(household: Connection) -> None:
    asked, other = ask(household, PHONES, NUMBER, NOON), ask(household, PHONES, OTHER, NOON)

    assert spend(household, PHONES, other.secret, asked.code, NOON) is None or asked.code == other.code
    assert spend(household, PHONES, "", asked.code, NOON) is None


def test_a_code_ends_after_its_tries_and_after_its_time(household: Connection) -> None:
    asked = ask(household, PHONES, NUMBER, NOON)
    for left in range(TRIES - 1, -1, -1):
        assert spend(household, PHONES, asked.secret, wrong(asked.code), NOON) is None
        assert tries_left(household, asked.secret, NOON) == left
    assert spend(household, PHONES, asked.secret, asked.code, NOON) is None

    later = NOON + APART
    asked = ask(household, PHONES, NUMBER, later)
    assert spend(household, PHONES, asked.secret, asked.code, later + LIFE) is None
    assert tries_left(household, asked.secret, later + LIFE) == 0
    assert spend(household, PHONES, asked.secret, asked.code, later + LIFE - timedelta(seconds=1)) == NUMBER


def test_a_number_gets_so_many_codes_and_others_do_not_wait_for_it(household: Connection) -> None:
    ask(household, PHONES, NUMBER, NOON)
    with pytest.raises(TooMany) as soon:
        ask(household, PHONES, NUMBER, NOON)
    assert soon.value.s == APART.total_seconds()

    for n in range(1, OF_HOUR):
        ask(household, PHONES, NUMBER, NOON + n * APART)
    with pytest.raises(TooMany) as hour:
        ask(household, PHONES, NUMBER, NOON + OF_HOUR * APART)
    assert hour.value.s == 3600 - OF_HOUR * APART.total_seconds()
    ask(household, PHONES, OTHER, NOON + OF_HOUR * APART)


def test_a_number_gets_so_many_codes_a_day_and_old_ones_are_forgotten(household: Connection) -> None:
    for n in range(OF_DAY):
        ask(household, PHONES, NUMBER, NOON + n * timedelta(hours=1))
    with pytest.raises(TooMany):
        ask(household, PHONES, NUMBER, NOON + OF_DAY * timedelta(hours=1))

    ask(household, PHONES, NUMBER, NOON + DAY)
    assert len(household.execute(select(login_codes)).all()) == OF_DAY


def test_a_clock_that_goes_back_keeps_no_one_waiting(household: Connection) -> None:
    ask(household, PHONES, NUMBER, NOON + 300 * DAY)

    asked = ask(household, PHONES, NUMBER, NOON)

    assert spend(household, PHONES, asked.secret, asked.code, NOON) == NUMBER


def test_neither_code_nor_cookie_nor_number_is_in_a_row(household: Connection) -> None:
    asked = ask(household, PHONES, NUMBER, NOON)
    (row,) = household.execute(select(login_codes)).all()

    assert asked.code not in str(row) and asked.secret not in str(row) and "300123" not in str(row)
    assert row.code != Phones(bytes([1]) * 32).code_digest(row.asked_by, asked.code)


@pytest.mark.parametrize(
    ("typed", "plain"),
    [("123456", "123456"), (" 123 456 ", "123456"), ("123-456", "123456"), ("۱۲۳۴۵۶", "123456"), ("12a", "12a")],
)
def test_a_code_is_typed_in_any_figures_with_blanks_or_without(typed: str, plain: str) -> None:
    assert plain_digits(typed) == plain


def test_what_is_typed_at_length_costs_nothing() -> None:
    assert len(plain_digits("1" * 10**6)) == 40
