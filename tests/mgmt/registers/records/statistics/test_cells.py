"""What is counted."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from sqlalchemy import Engine, insert

from mgmt.registers.records.block_ledger import CsamCount, add_csam_counts
from mgmt.registers.records.statistics.cells import (
    Group,
    Quarter,
    appeal_cells,
    bypass_cells,
    cells_of,
    csam_cells,
    groups_of_lines,
    last_quarter,
)
from parental.store.database import writing
from parental.store.schema.reports import wrong_blocks

KARACHI = ZoneInfo("Asia/Karachi")
QUARTER = Quarter(2026, 3, KARACHI)
JULY = QUARTER.months[0]


@pytest.mark.parametrize(
    ("at", "name"),
    [
        ("2026-10-01T18:59:59+00:00", "2026-Q2"),  # a day after the end of September in Karachi, less a second
        ("2026-10-01T19:00:00+00:00", "2026-Q3"),
        ("2027-01-05T00:00:00+00:00", "2026-Q4"),
    ],
)
def test_a_quarter_is_over_a_day_after_its_last_day_in_the_zone(at: str, name: str) -> None:
    assert last_quarter(datetime.fromisoformat(at), KARACHI, timedelta(days=1)).name == name


def test_the_quarter_before_the_first_one_is_the_last_of_the_year_before() -> None:
    assert [QUARTER.before.name, Quarter(2026, 1, KARACHI).before.name] == ["2026-Q2", "2025-Q4"]


def test_months_follow_each_other_without_a_gap_and_begin_at_midnight_of_the_zone() -> None:
    months = Quarter(2026, 4, KARACHI).months

    assert [month.name for month in months] == ["2026-10", "2026-11", "2026-12"]
    assert [month.until_s for month in months[:2]] == [month.since_s for month in months[1:]]
    assert datetime.fromtimestamp(months[-1].until_s, UTC).isoformat() == "2026-12-31T19:00:00+00:00"


def test_a_province_that_the_records_have_is_counted() -> None:
    line = b'{"category":"adult","channel":"sni","list":"pta","action":"splash","province":"sindh","count":2}\n'

    (group,) = groups_of_lines(line)

    assert group == Group("adult", "sni", "pta", "splash", 2, "sindh")
    assert list(cells_of("2026-07", [group])) == [("2026-07", "sindh", "adult", "sni", "pta", "unknown", "splash")]


def test_csam_blocks_are_counts_by_month_and_channel_of_one_box_or_of_all(engine: Engine) -> None:
    with writing(engine) as conn:
        counts = [CsamCount(JULY.since_s, node, "stop", "dns", 4) for node in ("gw1", "gw2")]
        add_csam_counts(conn, counts)

        assert csam_cells(conn, QUARTER.months, None) == {("2026-07", "dns"): 8}
        assert csam_cells(conn, QUARTER.months, "gw1") == {("2026-07", "dns"): 4}


def test_reports_are_counted_by_month_and_outcome(engine: Engine) -> None:
    with writing(engine) as conn:
        for at, outcome in enumerate((None, "kept", "kept")):
            row = {"reference": f"r{at}", "reason": "law", "reported_s": JULY.since_s, "due": "", "times": 1}
            conn.execute(insert(wrong_blocks).values(outcome=outcome, **row))

        assert appeal_cells(conn, QUARTER.months) == {("2026-07", "waiting"): 1, ("2026-07", "kept"): 2}


def test_of_bypass_only_what_has_risen_is_counted() -> None:
    before, now = {"a dns": 5, "b dns": 9, "gone dns": 2}, {"a dns": 12, "b dns": 9, "a b quic": 3}

    assert bypass_cells("2026-Q3", before, now) == {("2026-Q3", "a", "dns"): 7, ("2026-Q3", "a b", "quic"): 3}


def test_of_bypass_a_count_that_has_begun_again_is_all_of_it() -> None:
    assert bypass_cells("2026-Q3", {"a dns": 1000}, {"a dns": 900}) == {("2026-Q3", "a", "dns"): 900}
