"""Statistics as CSV and as charts."""

import csv
import io
import json

from support.mgmt.published import statement_of

from mgmt.registers.records.statistics.forms import MOST_BARS, charts_of, csv_of
from mgmt.registers.records.statistics.statement import text_of

TEXT = text_of(statement_of())


def plain(dimension: str, value: str | None) -> str:
    return f"{dimension}: {value}"


def test_the_tables_have_heads_and_no_cell_is_a_formula() -> None:
    octets = csv_of(TEXT, "a note\n")
    rows = list(csv.reader(io.StringIO(octets.decode("utf-8-sig"))))

    at = rows.index(["blocks"])
    assert rows[at + 1][:2] == ["month", "province"] and rows[at + 3][:3] == ["2026-07", "Sindh", "adult"]
    assert "'=cmd" in rows[at + 4] and ["bypass", "not said"] in rows
    assert not any(cell.startswith("=") for row in rows for cell in row)
    orders = rows.index(["orders"])
    assert rows[orders + 2][rows[orders + 1].index("enforced_median_ms")] == "1500"
    assert octets == csv_of(TEXT, "a note\n")


def test_each_chart_has_all_blocks_with_the_rest_as_a_bar_of_its_own() -> None:
    said = json.loads(TEXT)
    total = sum(row["count"] for row in said["blocks"])

    charts = {chart.dimension: chart for chart in charts_of(said, plain)}

    assert {sum(bar.n for bar in chart.bars) for chart in charts.values()} == {total}
    assert [bar.label for bar in charts["month"].bars] == ["month: 2026-07", "month: 2026-08", "month: 2026-09"]
    assert charts["province"].bars[-1].label == "province: None"


def test_many_values_are_one_bar() -> None:
    said = json.loads(TEXT)
    said["blocks"] = [{**said["blocks"][0], "list": f"l{n:03}"} for n in range(100)]

    chart = next(chart for chart in charts_of(said, plain) if chart.dimension == "list")

    assert len(chart.bars) == MOST_BARS + 1 and chart.bars[-1].n == 75 * said["blocks"][0]["count"]


def test_statistics_without_blocks_have_no_chart() -> None:
    assert charts_of({"blocks": []}, plain) == []
