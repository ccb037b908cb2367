import contextlib
import io
import random
import tracemalloc

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.lists.workbooks import MAIN, archive, table, workbook

from rules.base.errors import BadList
from rules.formats import workbook as reading
from rules.formats.workbook import Row, Workbook, cell_place


def test_a_shared_string_that_is_not_there_is_an_empty_cell() -> None:
    cells = '<row r="1"><c r="A1" t="s"><v>7</v></c><c r="B1" t="s"><v>x</v></c><c r="C1" t="s"><v>-1</v></c></row>'

    assert read(workbook({"a": f"<sheetData>{cells}</sheetData>"})) == []


def test_cells_and_rows_without_a_reference_follow_one_another() -> None:
    cells = "".join(f"<row><c/><c t='inlineStr'><is><t>{text}</t></is></c></row>" for text in ("URL", "a.example"))

    found = read(workbook({"a": f"<sheetData>{cells}</sheetData>"}))

    assert found == [Row(1, ["", "URL"]), Row(2, ["", "a.example"])]


def test_columns_far_to_the_right_are_not_read() -> None:
    cells = "".join(f'<c r="{at}" t="str"><v>{at}.example</v></c>' for at in ("A1", "XFD1", "ZZZZ1"))

    found = read(workbook({"a": f'<sheetData><row r="1">{cells}</row></sheetData>'}))

    assert found == [Row(1, ["A1.example"])]


def test_an_archive_inside_of_a_workbook_is_never_opened() -> None:
    bomb = archive({"bomb": bytes(2**24)})
    octets = workbook({"a": table(("a.example",))}, more={"xl/embeddings/oleObject1.bin": bomb, "xl/inner.xlsx": bomb})

    assert read(octets) == [Row(1, ["a.example"])]


@pytest.mark.parametrize(
    ("reference", "place"),
    [
        *[("A1", (1, 0)), ("$B$12", (12, 1)), ("AA3", (3, 26)), ("XFD1048576", (1048576, 16383))],
        *[("A", None), ("1", None), ("a1", None), ("", None)],
    ],
)
def test_a_reference_is_a_row_and_a_column(reference: str, place: tuple[int, int] | None) -> None:
    assert cell_place(reference) == place


def test_a_merged_range_gives_its_value_to_the_rows_below_until_its_end() -> None:
    data = table(("x", "L/1"), ("y", ""), ("z", "own"), ("end", ""))

    found = read(workbook({"a": data + '<mergeCells><mergeCell ref="B1:B3"/><mergeCell ref="A1:C1"/></mergeCells>'}))

    assert [row.cells for row in found] == [["x", "L/1"], ["y", "L/1"], ["z", "own"], ["end"]]


ENTITIES = (
    '<!DOCTYPE x [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;">]>',
    '<!DOCTYPE x SYSTEM "file:///etc/passwd">',
)


@pytest.mark.parametrize("doctype", ENTITIES)
def test_a_document_type_is_refused_whatever_it_declares(doctype: str) -> None:
    octets = workbook({"a": ""}, more={"xl/worksheets/sheet1.xml": f"{doctype}<worksheet>&b;</worksheet>".encode()})

    with pytest.raises(BadList, match=r"xl/worksheets/sheet1\.xml: not the XML of a workbook"):
        read(octets)


@pytest.mark.parametrize(
    ("inner", "message"),
    [
        ("<a>" * 40 + "</a>" * 40, "XML nested deeper than 32"),
        ("".join(f"<a{n}/>" for n in range(2000)), "more than 1000 different XML names"),
        ("<a " + " ".join(f'a{n}="1"' for n in range(2000)) + "/>", "more than 1000 different XML names"),
        (
            '<a b="' + random.Random(5).randbytes(3 * 2**19).hex() + '"/>',
            "a tag or text longer than 1024 KiB",
        ),
        ('<sheetData><row r="1048577"/></sheetData>', "a row after row 1,048,576"),
        ("<sheetData><row></sheetData>", "not the XML"),
        ("\0", "not the XML"),
    ],
)
def test_xml_that_would_cost_memory_is_refused(inner: str, message: str) -> None:
    with pytest.raises(BadList, match=message):
        read(workbook({"a": inner}))


def test_what_a_workbook_says_of_its_size_costs_nothing() -> None:
    cells = '<dimension ref="A1:XFD1048576"/><sheetData><row r="1"><c r="A1" t="s"><v>0</v></c></row></sheetData>'
    strings = f'<sst xmlns="{MAIN}" count="4294967295" uniqueCount="4294967295"><si><t>a.example</t></si></sst>'
    octets = workbook({"a": cells}, more={"xl/sharedStrings.xml": strings.encode()})

    tracemalloc.start()
    found = read(octets)
    _now, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert found == [Row(1, ["a.example"])]
    assert peak < 2**20


def test_too_many_merged_ranges_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "MAX_MERGES", 3)
    merges = "".join(f'<mergeCell ref="A{n}:A{n + 1}"/>' for n in range(1, 10, 2))

    with pytest.raises(BadList, match="more than 3 merged ranges"):
        read(workbook({"a": f"<sheetData/><mergeCells>{merges}</mergeCells>"}))


@settings(max_examples=200, deadline=None)
@given(st.data())
def test_a_damaged_workbook_raises_nothing_but_a_bad_list(data: st.DataObject) -> None:
    sheet = table(("URL",), ("a.example",)) + '<mergeCells><mergeCell ref="A1:A2"/></mergeCells>'
    octets = bytearray(workbook({"a": sheet}, ["<t>x</t>"]))
    for _ in range(data.draw(st.integers(1, 4))):
        octets[data.draw(st.integers(0, len(octets) - 1))] = data.draw(st.integers(0, 255))

    with contextlib.suppress(BadList):
        read(bytes(octets))


PIECES = [
    *["<sheetData>", "</sheetData>", '<row r="2">', "<row>", "</row>", '<c r="A1" t="s">', "<c t='inlineStr'>", "</c>"],
    *["<v>", "</v>", "0", "<is>", "</is>", "<t>", "</t>", "a.example", "<f>", "</f>", "<rPh>", "</rPh>"],
    *['<mergeCell ref="A1:A9"/>', "&#55;", "&x;", "\u202e", "<!-- -->", "<![CDATA[x]]>", "<?x?>"],
]


@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(PIECES), max_size=30))
def test_any_xml_raises_nothing_but_a_bad_list(pieces: list[str]) -> None:
    with contextlib.suppress(BadList):
        read(workbook({"a": "".join(pieces)}, ["<t>b.example</t>"]))


def read(octets: bytes) -> list[Row]:
    book = Workbook(io.BytesIO(octets))
    return [each for sheet in book.sheets for each in book.rows(sheet)]
