import csv
import io
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from support.block_store import drain_all, key_of
from support.spool import TIME_NS, block_event, put_segment

from fastpath.images.verdict import Reason
from fastpath.report.columns import NOT_A_SUBSCRIBER
from filterd.audit import block_export
from filterd.audit.block_export import PIECE_OCTETS, exported
from filterd.audit.block_search import search
from mgmt.registers.records.block_archive import OrderName
from mgmt.registers.records.block_forms import FIELDS, FORMS
from mgmt.registers.records.block_ledger import RecordQuery, keyed_pseudonym

TIME_S = TIME_NS // 10**9
ORDERS = {3: OrderName(3, "PTA", "=1+1"), 4: OrderName(4, "عدالت", 'a "b", c')}
ROW = {
    "time": "2027-01-15T08:00:00Z",
    "channel": "sni",
    "action": "splash",
    "list": "pta",
    "rule": "bad.test",
    "order": "=1+1",
    "issuer": "PTA",
    "category": "adult",
    "reason": "order",
    "generation": 12,
    "subscriber": keyed_pseudonym(7, key_of("enforcement", TIME_S // 86_400)).hex(),
    "count": 1,
    "province": "unknown",
}
BARE = {"order": None, "issuer": None, "category": None, "list": None, "subscriber": None}


@pytest.fixture
def batches(tmp_path: Path) -> Iterator[pa.RecordBatch]:
    """An order's, one with other letters, one that says as little as can be."""
    bare = block_event(order=0, list_id="", category=0, subscriber=NOT_A_SUBSCRIBER, reason=Reason.SECURITY)
    put_segment(tmp_path / "spool/dns-0", 1, block_event(), block_event("b.test", order=4), bare)
    drain_all(tmp_path / "spool", tmp_path / "store")
    return search(tmp_path / "store", "enforcement", RecordQuery(0, 1 << 33))


def whole(found: Any, form: str) -> bytes:
    return b"".join(exported(found, form, ORDERS))


def by_rule(rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return sorted(rows, key=lambda row: (row["rule"], row["reason"]))


def test_ndjson_has_all_that_is_known_of_each_record(batches: Iterator[pa.RecordBatch]) -> None:
    rows = by_rule([json.loads(line) for line in whole(batches, "ndjson").decode().splitlines()])

    assert [list(row) for row in rows] == [list(FIELDS)] * 3
    assert rows[1] == ROW
    assert rows[0]["order"], rows[0]["issuer"] == ('a "b", c', "عدالت")
    assert {name: rows[2][name] for name in BARE} == BARE


@pytest.mark.parametrize("form", sorted(FORMS))
def test_text_is_octet_for_octet_what_a_record_of_the_database_becomes(
    batches: Iterator[pa.RecordBatch], form: str
) -> None:
    found = list(batches)
    rows = [json.loads(line) for line in whole(found, "ndjson").decode().splitlines()]

    assert whole(found, form).decode() == FORMS[form].head + FORMS[form].rows(rows)


def test_no_cell_of_csv_is_a_formula_and_a_comma_moves_no_column(batches: Iterator[pa.RecordBatch]) -> None:
    rows = by_rule(list(csv.DictReader(io.StringIO(whole(batches, "csv").decode(), newline=""))))

    assert [row["order"] for row in rows] == ['a "b", c', "'=1+1", ""]
    assert [len(row) for row in rows] == [len(FIELDS)] * 3


def test_parquet_is_read_by_any_reader_and_has_the_same_columns(batches: Iterator[pa.RecordBatch]) -> None:
    table = pq.read_table(io.BytesIO(whole(batches, "parquet")))

    assert table.column_names == list(FIELDS)
    row = by_rule(table.to_pylist())[1]
    assert row["time"].timestamp() == TIME_S
    assert {**row, "time": ROW["time"]} == ROW


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_nothing_found_is_an_answer_of_its_form(form: str) -> None:
    octets = whole(iter(()), form)

    assert octets == FORMS[form].head.encode() if form in FORMS else pq.read_table(io.BytesIO(octets)).num_rows == 0


@pytest.mark.parametrize("form", ["ndjson", "csv", "parquet"])
def test_pieces_are_as_small_as_a_line_of_a_socket_needs(
    batches: Iterator[pa.RecordBatch], form: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = list(batches)
    expected = whole(found, form)
    monkeypatch.setattr(block_export, "PIECE_OCTETS", 100)

    pieces = list(exported(found, form, ORDERS))

    assert max(map(len, pieces)) == 100 and b"".join(pieces) == expected
    assert PIECE_OCTETS * 4 / 3 < 1 << 20
