"""Records of blocks as text: NDJSON, and CSV that no spreadsheet takes for formulas.

Source: RFC 4180.
"""

import csv
import io
import json
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from typing import NamedTuple

from mgmt.text.cells import plain_cell

Cell = str | int | None
FIELDS = (
    "time",
    "channel",
    "action",
    "list",
    "rule",
    "order",
    "issuer",
    "category",
    "reason",
    "generation",
    "subscriber",
    "count",
    "province",
)


class Form(NamedTuple):
    """How records become text: a row is its cells, between `around`, one more than there are FIELDS.

    head  what comes before the first row"""

    media_type: str
    head: str
    around: tuple[str, ...]
    cell: Callable[[Cell], str]

    def rows(self, records: Iterable[Mapping[str, Cell]]) -> str:
        """The rows of records, by FIELDS."""
        return "".join(self._row(record) for record in records)

    def _row(self, record: Mapping[str, Cell]) -> str:
        cells = (self.cell(record[field]) for field in FIELDS)
        return self.around[0] + "".join(map("".join, zip(cells, self.around[1:], strict=True)))


def iso(time_s: int) -> str:
    """Unix seconds as the API writes them."""
    return datetime.fromtimestamp(time_s, UTC).isoformat().replace("+00:00", "Z")


# ----------------------------------------------------------------------------------------------------------------------


def _json_cell(value: Cell) -> str:
    return json.dumps(value, ensure_ascii=False)


def _csv_cell(value: Cell) -> str:
    text = "" if value is None else str(value)
    out = io.StringIO()
    csv.writer(out, lineterminator="").writerow([plain_cell(text), ""])
    return out.getvalue().removesuffix(",")


_KEYS = tuple(f'"{field}": ' for field in FIELDS)
FORMS: Mapping[str, Form] = {
    "ndjson": Form(
        "application/x-ndjson; charset=utf-8",
        "",
        ("{" + _KEYS[0], *(f", {key}" for key in _KEYS[1:]), "}\n"),
        _json_cell,
    ),
    "csv": Form(
        "text/csv; charset=utf-8; header=present",
        ",".join(FIELDS) + "\r\n",
        ("", *("," for _ in FIELDS[1:]), "\r\n"),
        _csv_cell,
    ),
}
