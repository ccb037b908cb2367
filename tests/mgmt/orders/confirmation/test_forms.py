"""A confirmation as CSV and as a workbook."""

import csv
import io

import openpyxl
from sqlalchemy import Connection
from support.mgmt.confirmed import VALUES, confirmed

from mgmt.ledger.signed_statement import digest_of
from mgmt.orders.confirmation.forms import COLUMNS, csv_of, workbook_of
from mgmt.orders.confirmation.replies import last_confirmation


def answer(conn: Connection, *values: str) -> tuple[str, str]:
    row = last_confirmation(conn, confirmed(conn, *values))
    assert row is not None
    return row.text, row.note


def test_no_cell_of_the_csv_is_a_formula_and_every_entry_is_there(conn: Connection) -> None:
    text, note = answer(conn)
    rows = list(csv.reader(io.StringIO(csv_of(text, note).decode("utf-8-sig"))))

    at = rows.index(list(COLUMNS))
    assert [row[1].lstrip("'") for row in rows[at + 1 :]] == list(VALUES)
    assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for row in rows for cell in row)
    assert ["statement sha256", digest_of(text)] in rows


def test_the_workbook_says_the_same_as_texts_and_none_is_a_formula(conn: Connection) -> None:
    text, note = answer(conn)
    sheet = openpyxl.load_workbook(io.BytesIO(workbook_of(text, note))).active
    assert sheet is not None
    rows = [[cell for cell in row if cell is not None] for row in sheet.iter_rows(values_only=True)]

    assert {cell.data_type for row in sheet.iter_rows() for cell in row if cell.value is not None} == {"s"}
    at = rows.index(list(COLUMNS))
    assert [row[1] for row in rows[at + 1 :]] == list(VALUES)


def test_equal_statements_give_equal_octets_and_others_do_not(conn: Connection) -> None:
    text, note = answer(conn, "bad.example")
    other = text.replace("bad.example", "bed.example")

    for form in (csv_of, workbook_of):
        assert form(text, note) == form(text, note) != form(other, note)
