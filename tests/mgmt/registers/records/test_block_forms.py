import csv
import io
import json

import pytest

from mgmt.registers.records.block_forms import FIELDS, FORMS, iso

ROW = dict.fromkeys(FIELDS, "x") | {"count": 3, "order": None, "rule": "ناخوش.example"}


def test_a_row_of_ndjson_is_a_line_of_json() -> None:
    assert FORMS["ndjson"].rows([ROW, ROW]) == 2 * (json.dumps(ROW, ensure_ascii=False) + "\n")
    assert FORMS["ndjson"].head == ""


@pytest.mark.parametrize("start", ["=1+1", "+1", "-1", "@a", "\ta", "\ra"])
def test_a_cell_that_a_spreadsheet_would_count_is_text(start: str) -> None:
    [row] = csv.reader(io.StringIO(FORMS["csv"].rows([ROW | {"order": start}]), newline=""))

    assert row[FIELDS.index("order")] == "'" + start


@pytest.mark.parametrize("value", ["", "a,b", 'a "b"', "a\nb", "'", "a'b", ",", '"'])
def test_csv_gives_back_what_was_written(value: str) -> None:
    text = FORMS["csv"].head + FORMS["csv"].rows([ROW | {"order": value}])

    [row] = csv.DictReader(io.StringIO(text, newline=""))
    assert row["order"] == value
    assert row["count"] == "3"


def test_nothing_known_is_an_empty_cell_and_null() -> None:
    assert FORMS["csv"].cell(None) == ""
    assert FORMS["ndjson"].cell(None) == "null"


def test_a_time_is_written_in_utc() -> None:
    assert iso(1_800_000_000) == "2027-01-15T08:00:00Z"
