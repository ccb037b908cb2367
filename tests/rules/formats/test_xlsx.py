import io
import random
import tracemalloc

import pytest
from support.lists.outcomes import Item, complaints, rules, urls
from support.lists.workbooks import archive, row, table, workbook

from fastpath.images.verdict import Mode
from rules.base.errors import BadList
from rules.base.rule import Rule, SkippedLine
from rules.formats import xlsx as xlsx_format
from rules.formats.addresses import FORMULA
from rules.formats.columns import ABOVE_HEADINGS, ASKS_TO_UNBLOCK, EMPTY_CELL, NO_NAME, parse_columns
from rules.formats.xlsx import CELL_TOO_LONG, IS_HIDDEN, iter_rules

HEADINGS = ("S.No", "URL", "Category", "Letter No", "Date", "Action")


def test_a_regulators_workbook_reads_as_its_table_does() -> None:
    found = read(
        workbook(
            {
                "August": table(
                    HEADINGS,
                    ("1", "http://bad.example/", "Decency", "L/1", "46238", "Block"),
                    ("2", "https://video.example/watch?v=1", "Glory", "L/1", "46238", "Block"),
                    ("3", "shop.example", "", "L/2", "46239", "Unblock"),
                    ("4", "hxxp://worse[.]example\u200b", "", "L/2", "", "Block"),
                    ("5", "", "", "L/2", "", "Block"),
                )
            }
        )
    )

    assert rules(found) == [("bad.example", Mode.SUBTREE), ("worse.example", Mode.SUBTREE)]
    assert urls(found) == [("video.example/watch?v=1", Mode.EXACT)]
    assert complaints(found) == [(4, 2, ASKS_TO_UNBLOCK), (6, 1, EMPTY_CELL)]
    assert {item.part for item in found} == {"August"}
    assert [item.order_ref for item in found if isinstance(item, Rule)] == ["L/1", "L/2"]
    assert [item.line for item in found] == [2, 3, 4, 5, 6]


def test_every_sheet_is_a_part_with_headings_of_its_own_and_a_hidden_one_is_reported() -> None:
    found = read(
        workbook(
            {
                "a & b": table(("No", "URL"), ("1", "a.example")),
                "c": table(("b.example",), ("c.example",)),
                "d": table(("d.example",)),
            },
            hidden=["d"],
        )
    )

    assert rules(found) == [("a.example", Mode.SUBTREE), ("b.example", Mode.SUBTREE), ("c.example", Mode.SUBTREE)]
    assert [item.part for item in found] == ["a & b", "c", "c", "d"]
    assert complaints(found) == [(1, 1, IS_HIDDEN)]


def test_a_letterhead_above_the_headings_is_reported_and_gives_no_rule() -> None:
    sheet = table(("www.authority.example",), ("No", "URL", "Action"), ("1", "bad.example", "Block"))
    found = read(workbook({"a": sheet}))

    assert rules(found) == [("bad.example", Mode.SUBTREE)]
    assert complaints(found) == [(1, 1, ABOVE_HEADINGS)]


def test_shared_rich_and_escaped_strings_are_read() -> None:
    cells = "".join(f'<row r="{n + 1}"><c r="A{n + 1}" t="s"><v>{n}</v></c></row>' for n in range(6))
    found = read(
        workbook(
            {"a": f"<sheetData>{cells}</sheetData>"},
            strings=[
                "<t>URL</t>",
                "<t>a.example</t>",
                "<r><rPr><b/></rPr><t>b.</t></r><r><t>example</t></r>",
                "<t>c.example</t><rPh sb='0' eb='1'><t>spoken</t></rPh>",
                "<t>_x0064_.example_x000D_</t>",
                "<t>\u0635.example</t>",
            ],
        )
    )

    assert [name for name, _ in rules(found)] == ["a.example", "b.example", "c.example", "d.example", "xn--0gb.example"]


def test_of_formulas_only_a_link_with_its_address_is_read() -> None:
    found = read(
        workbook(
            {
                "a": table(
                    ("No", "URL", "Ref"),
                    ("=ROW()-1", '=HYPERLINK("http://bad.example/","here")', "L/1"),
                    ("=ROW()-1", '=HYPERLINK("http://bad.example/"&A1,"here")', "L/1"),
                    ("=ROW()-1", '=CONCATENATE("bad",".example")', "L/1"),
                    ("=ROW()-1", "bad.example", '="L/"&A1'),
                )
            }
        )
    )

    assert rules(found) == [("bad.example", Mode.SUBTREE)]
    assert complaints(found) == [(3, 2, FORMULA), (4, 2, FORMULA), (5, 3, FORMULA)]


def test_a_merged_letter_belongs_to_every_row_beside_it() -> None:
    data = table(("URL", "Ref"), ("a.example", "L/1"), ("b.example", ""), ("c.example", ""), ("d.example", "L/2"))
    found = read(workbook({"a": data + '<mergeCells count="1"><mergeCell ref="B2:B4"/></mergeCells>'}))

    assert [item.order_ref for item in found if isinstance(item, Rule)] == ["L/1", "L/1", "L/1", "L/2"]


def test_dates_and_numbers_are_no_addresses() -> None:
    cells = "".join(
        f'<c r="{letter}1"{kind}><v>{value}</v></c>'
        for letter, kind, value in [
            ("A", "", "46238"),
            ("B", "", "46238.5"),
            ("C", ' t="d"', "2026-08-04T10:00:00.5"),
            ("D", ' t="b"', "1"),
            ("E", ' t="e"', "#REF!"),
            ("F", "", "1.5E3"),
            ("G", ' t="str"', "bad.example"),
        ]
    )

    assert rules(read(workbook({"a": f'<sheetData><row r="1">{cells}</row></sheetData>'}))) == [
        ("bad.example", Mode.SUBTREE)
    ]


def test_a_column_map_reads_a_workbook_too() -> None:
    octets = workbook({"a": table(("https://shared.example/a/b", "url"), ("dedicated.example", "domain"))})

    found = list(iter_rules(io.BytesIO(octets), Mode.EXACT, parse_columns("url:1;type:2")))

    assert urls(found) == [("shared.example/a/b", Mode.EXACT)]
    assert rules(found) == [("dedicated.example", Mode.SUBTREE)]


def test_a_workbook_without_the_headings_of_its_map_is_refused_with_sheet_and_line() -> None:
    octets = workbook({"August": table(("a", "b"))})

    with pytest.raises(BadList, match="line 1, sheet August: no headings Entry; not read"):
        list(iter_rules(io.BytesIO(octets), Mode.EXACT, parse_columns({"url": "Entry"})))


def test_a_row_without_a_name_is_reported_with_its_cells() -> None:
    (found,) = read(workbook({"a": table(("1", "nothing", "here"))}))

    assert isinstance(found, SkippedLine)
    assert (found.reason, found.text) == (NO_NAME, "1 | nothing | here")


def test_a_cell_that_is_too_long_is_reported() -> None:
    found = read(workbook({"a": table(("URL", "x"), ("a.example", "y" * 32_768), ("b.example", "y" * 32_767))}))

    assert complaints(found) == [(2, 2, CELL_TOO_LONG)]
    assert rules(found) == [("b.example", Mode.SUBTREE)]


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"", "not an Excel workbook, or half of one"),
        (b"a.example\n", "not an Excel workbook"),
        (b"<html>", "not an Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "an old Excel file, or a password"),
        (archive({"x": b"y"}), "no member '_rels/.rels'"),
        (archive({"_rels/.rels": b"<x/>"}), "not an Excel workbook"),
    ],
)
def test_what_is_no_workbook_is_refused(octets: bytes, message: str) -> None:
    with pytest.raises(BadList, match=message):
        read(octets)


def test_a_workbook_that_is_cut_anywhere_is_refused() -> None:
    octets = workbook({"a": table(*[(f"n{i}.example",) for i in range(2000)])})

    for at in range(0, len(octets) - 1, 100):
        with pytest.raises(BadList):
            read(octets[:at])


def test_more_rows_than_a_list_may_have_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(xlsx_format, "MAX_ROWS", 3)
    octets = workbook({"a": table(("a.example",), ("b.example",)), "b": table(("c.example",), ("d.example",))})

    with pytest.raises(BadList, match="line 2, sheet b: more than 3 rows"):
        read(octets)


def test_memory_does_not_grow_with_the_rows() -> None:
    noise = random.Random(7)
    rows = "".join(row(n, f"n{noise.random()}.example", "L/1") for n in range(1, 12_001))
    assert len(rows) > 2**20
    octets = workbook({"a": f"<sheetData>{rows}</sheetData>"})
    file = io.BytesIO(octets)
    del rows

    tracemalloc.start()
    assert sum(1 for _ in iter_rules(file, Mode.EXACT)) == 12_000
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert peak < 2**20


def read(octets: bytes) -> list[Item]:
    return list(iter_rules(io.BytesIO(octets), Mode.SUBTREE))
