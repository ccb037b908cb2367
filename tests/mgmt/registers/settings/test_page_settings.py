from datetime import date, timedelta

from msgspec.structs import replace

from mgmt.registers.settings.page_settings import HELPLINES, VERIFIED_FOR, Complaint, Settings, StopPage

TODAY = date(2026, 8, 1)


def test_the_child_helpline_comes_first_and_no_number_claims_to_be_verified() -> None:
    assert HELPLINES[0].number == "1121"
    assert all(line.verified_on is None for line in HELPLINES)


def test_what_a_page_names_and_nobody_has_checked_is_told() -> None:
    told = list(Settings().unverified(TODAY))

    assert [notice.partition(":")[0] for notice in told] == [
        *(f"helpline {line.number}" for line in HELPLINES),
        "complaints content-complaint@pta.gov.pk",
        "stop page",
    ]
    day = TODAY - VERIFIED_FOR
    checked = Settings(
        helplines=tuple(replace(line, verified_on=day) for line in HELPLINES),
        complaints=(Complaint("a@authority.example", day),),
        stop_page=StopPage(verified_on=day),
    )
    assert list(checked.unverified(TODAY)) == []
    late = list(checked.unverified(TODAY + timedelta(days=1)))
    assert len(late) == len(told)
    assert late[0].startswith("helpline 1121: last found to be right on 2026-02-02, 181 days ago; call it")


def test_what_can_be_closed_is_offered_anew_when_the_lists_change() -> None:
    running = Settings(isp_name="Example ISP")

    running.serve_pages(Settings(isp_name="Another", closable=frozenset({"adult"}), country="+49"))

    assert (running.isp_name, running.country) == ("Another", "+92")
    assert running.closable == {"adult"}
