"""What a form asks for, as seconds and cursors."""

from datetime import UTC, date, datetime

import pytest

from mgmt.registers.records.block_ledger import RecordQuery
from mgmt.web.desk.audit_asked import BadForm, Cursor, asked_of, cursor_of, utc_day

NOW = datetime(2026, 8, 3, 20, tzinfo=UTC)  # the 4th in Karachi


def test_days_are_those_of_the_operators_zone_and_both_are_in_it() -> None:
    found = asked_of({"since": "2026-08-01", "until": "2026-08-01", "order": "7"}, "Asia/Karachi", NOW)

    begin = int(datetime(2026, 7, 31, 19, tzinfo=UTC).timestamp())
    assert found.wanted == RecordQuery(begin, begin + 86_400, order=7)
    assert found.query == {"since": "2026-08-01", "until": "2026-08-01", "order": "7"}
    assert asked_of(found.query, "Asia/Karachi", NOW) == found


def test_where_no_day_is_said_it_is_the_last_week() -> None:
    found = asked_of({}, "Asia/Karachi", NOW)

    assert (found.first, found.last) == (date(2026, 7, 28), date(2026, 8, 4))


def test_a_day_of_another_length_is_whole() -> None:
    wanted = asked_of({"since": "2026-03-29", "until": "2026-03-29"}, "Europe/Berlin", NOW).wanted

    assert wanted.until_s - wanted.since_s == 23 * 3600


def test_a_place_in_the_records_is_read_as_it_was_written() -> None:
    assert cursor_of(Cursor(1785758400, 3).text()) == Cursor(1785758400, 3) and cursor_of("") is None
    for wrong in ("x", "1-", "-1-1", "1-2-3", "1" * 13 + "-1", "253402300800-0"):
        with pytest.raises(BadForm):
            cursor_of(wrong)


def test_a_second_is_of_its_day_in_utc() -> None:
    assert utc_day(86_399) == date(1970, 1, 1) and utc_day(86_400) == date(1970, 1, 2)
