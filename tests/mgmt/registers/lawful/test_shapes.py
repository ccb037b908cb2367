"""What may stand in the register of lawful requests."""

from datetime import date
from typing import get_args

import pytest

from mgmt.contract.errors import BadRequest
from mgmt.registers.lawful.shapes import (
    ANSWERS,
    KINDS,
    MAX_CHARACTERS,
    OF_TWO,
    Answer,
    Kind,
    check_choice,
    check_day,
    check_text,
)

TODAY = date(2026, 8, 4)


@pytest.mark.parametrize(
    "text",
    [
        "NCCIA/CCW/2026/12345",
        "W.P. 634/2019",
        "PECA 2016, section 31",
        "S.R.O. 1489(I)/2018",
        "Islamabad High Court",
        "پیکا 2016، دفعہ 31",
        "No. 0042-2026/17",
        "Crl.Misc.No.12/2026",
        "Cr.P.C. section 94",
        "Ltr. No. 021-2026",
        "Const.Pet. 12 of 2026",
    ],
)
def test_letters_are_named_as_authorities_name_them(text: str) -> None:
    assert check_text("reference", f" {text} ") == text


@pytest.mark.parametrize(
    "text",
    [
        "about 192.0.2.7",
        "2001:db8::7",
        "00:00:5e:00:53:01",
        "somebody@example.com",
        "visits to www.example.com",
        "https://example",
        "CNIC 12345-1234567-1",
        "1234512345671",
        "phone 03001234567",
        "+923001234567",
        "923001234567",
        "visits to www.example.com.",
        "*.example.com",
        "phone 0300-1234567",
        "(0300) 1234567",
        "+92 300 1234567",
        "0092-300-1234567",
        "۰۳۰۰۱۲۳۴۵۶۷",
        "12345 1234567 1",
        "00-00-5e-00-53-01",
        "0000.5e00.5301",
        "somebody＠example",
    ],
)
def test_whom_or_what_a_request_is_about_is_refused_and_not_quoted(text: str) -> None:
    with pytest.raises(BadRequest, match="never whom or what it is about") as refused:
        check_text("reference", text)
    assert text not in refused.value.detail


@pytest.mark.parametrize("text", ["", "  ", "x" * (MAX_CHARACTERS + 1), "two\nlines", "a\u202eb", "\0"])
def test_what_is_not_one_line_is_refused(text: str) -> None:
    with pytest.raises(BadRequest, match="not one line"):
        check_text("basis", text)


def test_a_letter_is_of_a_day_that_has_come() -> None:
    assert check_day("issued", "2026-08-04", TODAY) == "2026-08-04"
    for text in ("2026-08-05", "4 August", "", "2026-13-01"):
        with pytest.raises(BadRequest, match="/issued"):
            check_day("issued", text, TODAY)


def test_a_kind_is_one_of_those_that_there_are() -> None:
    assert check_choice("kind", "traffic", KINDS) == "traffic"
    with pytest.raises(BadRequest, match="unknown"):
        check_choice("kind", "tap", KINDS)


def test_the_api_knows_the_same_kinds_and_answers() -> None:
    assert get_args(Kind) == tuple(KINDS) and get_args(Answer) == tuple(ANSWERS) and set(OF_TWO) < set(ANSWERS)
