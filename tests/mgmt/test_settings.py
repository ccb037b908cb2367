from dataclasses import replace
from datetime import date

from mgmt.settings import HELPLINES, Complaint, Settings, StopPage


def test_the_child_helpline_comes_first_and_no_number_claims_to_be_verified() -> None:
    assert HELPLINES[0].number == "1121"
    assert all(line.verified_on is None for line in HELPLINES)


def test_what_a_page_names_and_nobody_has_checked_is_told() -> None:
    told = list(Settings().unverified())

    assert [notice.partition(":")[0] for notice in told] == [
        *(f"helpline {line.number}" for line in HELPLINES),
        "complaints content-complaint@pta.gov.pk",
        "stop page",
    ]
    day = date(2026, 8, 1)
    checked = Settings(
        helplines=[replace(line, verified_on=day) for line in HELPLINES],
        complaints=(Complaint("a@authority.example", day),),
        stop_page=StopPage(verified_on=day),
    )
    assert list(checked.unverified()) == []
