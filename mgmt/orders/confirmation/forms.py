"""A confirmation as CSV and as a workbook: the same rows, made of the statement alone, so that equal statements give
equal octets.

Invariants: no cell is a formula, no matter what an issuer has written; the statement's digest and signature stand in
both.
"""

import csv
import io
import json
from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import xlsxwriter

from mgmt.ledger.signed_statement import digest_of
from mgmt.text.cells import plain_cell

COLUMNS = ("number", "value", "status", "reason", "since", "approval", "verified", "ways", "at")
WIDTHS = (8, 48, 26, 40, 26, 20, 10, 60, 26)  # characters
MAX_CELL = 32767  # of Excel
MADE = datetime(2026, 1, 1, tzinfo=UTC)  # of every workbook: a workbook holds when it was made


def csv_of(statement: str, note: str) -> bytes:
    """Facts of the order, a line each; an empty line; then its entries.   UTF-8 with a mark, as Excel wants it"""
    out = io.StringIO()
    csv.writer(out).writerows([plain_cell(cell) for cell in row] for row in _rows(statement, note))
    return ("\ufeff" + out.getvalue()).encode()


def workbook_of(statement: str, note: str) -> bytes:
    """The same rows as one sheet; each cell a text."""
    out = io.BytesIO()
    book = xlsxwriter.Workbook(
        out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False, "strings_to_numbers": False}
    )
    book.set_properties({"title": "Confirmation", "created": MADE})
    sheet = book.add_worksheet("Confirmation")
    for column, width in enumerate(WIDTHS):
        sheet.set_column(column, column, width)
    for at, row in enumerate(_rows(statement, note)):
        for column, cell in enumerate(row):
            sheet.write_string(at, column, cell[:MAX_CELL])
    book.close()
    return out.getvalue()


def facts_of(said: dict[str, Any], statement: str, note: str) -> Iterator[tuple[str, str]]:
    """What is said of the order as a whole: names and values, in their order."""
    for name in ("answer", "made"):
        if name in said:  # a statement of an earlier release has none
            yield name, said[name]
    for part in ("supersedes", "order", "times", "deadline", "coverage", "counts"):
        for name, value in (said.get(part) or {}).items():
            yield f"{part} {name}", _text(value)
    yield "statement sha256", digest_of(statement)
    yield "signature", " ".join(note.split())


def _rows(statement: str, note: str) -> Iterator[list[str]]:
    said = json.loads(statement)
    for name, value in facts_of(said, statement, note):
        yield [name, value]
    yield []
    yield list(COLUMNS)
    for entry in said["entries"]:
        yield [_text(entry[column]) for column in COLUMNS]


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
