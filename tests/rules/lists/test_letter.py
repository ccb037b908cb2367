"""The table of a letter becomes rows with their places, however a regulator's office has saved it."""

import io
import random
from typing import Any

import openpyxl
import pytest
from support.lists.workbooks import table, workbook

from rules.base.errors import BadList
from rules.formats.columns import ASKS_TO_UNBLOCK, NO_NAME
from rules.formats.container import MAX_MEMBERS
from rules.formats.xlsx import IS_HIDDEN
from rules.lists.letter import (
    ASKS_FOR_PREFIX,
    FORMULA_IN_ROW,
    GUESSED,
    MAX_ROWS,
    UTF8,
    UTF16,
    WINDOWS,
    WORKBOOK,
    Letter,
    Row,
    read_letter,
)

LETTER = """S.No,URL,Category,Letter No,Date,Action
1,http://bad.example/,Decency/Immorality,PTA/WA/123/2026,04-08-2026,Block
2,https://video.example/watch?v=1,Glory of Islam,PTA/WA/123/2026,04-08-2026,Block
3,shop.example,,PTA/WA/124/2026,05-08-2026,Unblock
"""
URDU = (
    "نمبر شمار,ویب سائٹ,مراسلہ نمبر,تاریخ,کارروائی\n1,bad.example,PTA/9,04-08-2026,بلاک\n2,b.example,PTA/9,,بحال کریں\n"
)
# Windows-1256 has neither the yeh nor the heh of Urdu
URDU_1256 = URDU.replace("ی", "ي").replace("ہ", "ه").replace("ٹ", "ٹ")


def read(octets: bytes, encoding: str | None = None) -> Letter:
    return read_letter(octets, encoding, lambda text: None)


def told(octets: bytes, encoding: str | None = None) -> list[tuple[str, str, str | None]]:
    return [(row.place, row.value, row.fault) for row in read(octets, encoding).rows]


@pytest.mark.parametrize(
    ("codec", "found"),
    [("utf-8", UTF8), ("utf-8-sig", UTF8), ("utf-16", UTF16), ("utf-16-le", UTF16), ("utf-16-be", UTF16)],
)
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_rows_are_read_however_the_text_is_encoded(codec: str, found: str, end: str) -> None:
    letter = read(LETTER.replace("\n", end).encode(codec))

    assert letter.encoding == found
    assert letter.rows[:2] == [
        Row("2", "http://bad.example/", None, "PTA/WA/123/2026", None),
        Row("3", "https://video.example/watch?v=1", None, "PTA/WA/123/2026", None),
    ]
    assert (letter.rows[2].place, letter.rows[2].fault) == ("4", ASKS_TO_UNBLOCK)


@pytest.mark.parametrize(("octets", "found"), [(URDU.encode(), UTF8), (URDU_1256.encode("cp1256"), WINDOWS)])
def test_headings_and_actions_in_urdu_are_known_in_each_alphabet(octets: bytes, found: str) -> None:
    letter = read(octets)

    assert letter.encoding == found
    assert letter.rows[0] == Row("2", "bad.example", None, "PTA/9", None)
    assert letter.rows[1].fault == ASKS_TO_UNBLOCK


def test_a_name_that_is_not_ascii_is_no_entry_where_the_alphabet_is_a_guess() -> None:
    octets = "URL\nمثال.example\nplain.example\n".encode("cp1256")

    assert [row.fault for row in read(octets).rows] == [GUESSED, None]
    assert [row.value for row in read(octets, WINDOWS).rows] == ["مثال.example", "plain.example"]
    with pytest.raises(BadList, match=r"not utf-8 \(octet 5\)"):
        read(octets, UTF8)


def test_each_sheet_that_is_seen_has_its_places_and_a_hidden_one_is_reported() -> None:
    octets = workbook(
        {
            "One": table(("URL",), ("a.example",)),
            "Two": table(
                ("Dear All", "", ""), ("S.No", "Domain", "Remarks"), ("1", "b.example", "exact"), ("2", "?", "")
            ),
            "Three": table(("URL",), ("hidden.example",)),
        },
        hidden=["Three"],
    )

    letter = read(octets)
    assert letter.encoding == WORKBOOK
    assert letter.rows == [
        Row("One:2", "a.example", None, None, None),
        Row("Two:3", "b.example", "exact", None, None),
        Row("Two:4", "?", None, None, None),
        Row("Three:1", "", None, None, IS_HIDDEN),
    ]


def test_merged_cells_and_formulas_of_a_workbook_of_openpyxl() -> None:
    book: Any = openpyxl.Workbook()
    sheet = book.active
    for row in (
        ("PTA", None, None),
        ("S.No", "Website", "Letter No"),
        (1, "a.example", "PTA/7"),
        (2, "b.example", None),
        (3, '=HYPERLINK("http://c.example/","c")', None),
        (4, '="d"&".example"', "PTA/7"),
    ):
        sheet.append(row)
    sheet.merge_cells("A1:C1")
    sheet.merge_cells("C3:C5")
    out = io.BytesIO()
    book.save(out)

    rows = read(out.getvalue()).rows
    assert [(row.value, row.letter) for row in rows[:2]] == [("a.example", "PTA/7"), ("b.example", "PTA/7")]
    assert rows[2].value.startswith("=HYPERLINK")  # its address, the judge takes out
    assert rows[3].value.startswith("=")  # and of this one he says that it is a formula


def test_a_row_without_an_address_is_a_row_all_the_same() -> None:
    rows = told(b"a.example\nno name here\n\n;;\n*.b.example\n198.51.100.7\n")

    assert rows == [
        ("1", "a.example", None),
        ("2", "no name here", NO_NAME),
        ("5", "*.b.example", None),
        ("6", "198.51.100.7", None),
    ]


def test_a_row_that_asks_for_what_lies_below_a_url_is_not_taken_for_the_url_alone() -> None:
    assert told(b"URL,Remarks\nhttp://a.example/b,and everything below\n")[0][2] == ASKS_FOR_PREFIX


@pytest.mark.parametrize("n_rows", [1_000, pytest.param(MAX_ROWS, marks=pytest.mark.long)])
def test_as_many_rows_as_a_letter_may_have_are_all_told_though_half_are_garbage(
    monkeypatch: pytest.MonkeyPatch, n_rows: int
) -> None:
    monkeypatch.setattr("rules.lists.letter.MAX_ROWS", n_rows)
    numbers = random.Random(1)
    rows = [f"{n}.example" if n % 2 else numbers.randbytes(8).hex() for n in range(n_rows)]
    found = read("\n".join(["URL,Date", *(f"{row},1" for row in rows)]).encode())

    assert [row.value for row in found.rows] == rows
    with pytest.raises(BadList, match=f"{n_rows + 2}: more than {n_rows:,} rows"):
        read("\n".join(["URL,Date", *(f"{row},1" for row in rows), "a.example,1"]).encode())


@pytest.mark.parametrize(
    ("octets", "said"),
    [
        (b"%PDF-1.7 ...", "a PDF, which holds no table"),
        (b"\x7fELF\x02\0\0\0" * 8, "neither text nor a workbook"),
        (b"", "no row in it"),
        (b"URL\n", "no row in it"),
        (b"<html><body>403</body></html>", "a web page instead of a list"),
        (b"PK\x03\x04" + bytes(100), "not an Excel workbook"),
        (b"\xd0\xcf\x11\xe0" + bytes(600), "not read"),
        (
            workbook({"One": table(("URL",), ("a.example",))}, more={f"x{n}": b"" for n in range(MAX_MEMBERS)}),
            "members",
        ),
    ],
)
def test_what_is_no_table_is_refused_with_a_sentence(octets: bytes, said: str) -> None:
    with pytest.raises(BadList, match=said):
        read(octets)


def test_a_bomb_is_refused_before_it_has_filled_the_memory() -> None:
    sheet = "<sheetData>" + "<row><c t='inlineStr'><is><t>a.example</t></is></c></row>" * 300_000 + "</sheetData>"
    with pytest.raises(BadList, match="inflate"):
        read(workbook({"One": sheet}))


@pytest.mark.parametrize("octets", [b"Dear Sir: SECRET\nURL,Date\na.example,1\n", b"URL,Category\na.example,secret\n"])
def test_a_file_that_says_what_may_stand_nowhere_is_refused_whole(octets: bytes) -> None:
    with pytest.raises(BadList, match="file: not here"):
        read_letter(octets, None, lambda text: "not here" if "secret" in text.lower() else None)


def test_the_addresses_of_a_row_are_not_asked_what_they_say() -> None:
    letter = read_letter(b"URL,Category\nsecret.example,x\n", None, lambda text: "no" if "secret" in text else None)

    assert letter.rows[0].value == "secret.example"


def test_a_row_says_which_letter_it_corrects_under_a_heading_of_its_own() -> None:
    said = "URL,Letter No,Corrects\na.example,PTA/2,PTA/1\n?,PTA/2,PTA/1\nb.example,PTA/2,\nc.example,PTA/2,=A1\n"

    rows = read(said.encode()).rows

    assert [row.corrects for row in rows] == ["PTA/1", "PTA/1", None, None]
    assert [row.letter for row in rows] == ["PTA/2"] * 4
    assert [row.fault is None for row in rows] == [True, True, True, False]
    assert rows[3].fault == FORMULA_IN_ROW
