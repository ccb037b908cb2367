import io
import json
import tracemalloc
from pathlib import Path

import pytest
from typing_extensions import Buffer

from filterd.box.errors import WrongUse
from filterd.client.line_file import BATCH_ROWS, Row, batches, is_csv_file

Told = list[tuple[int, str]]


def read(octets: bytes, *, is_csv: bool) -> tuple[list[Row], Told]:
    told: Told = []
    found = batches(io.BufferedReader(io.BytesIO(octets)), is_csv, lambda number, why: told.append((number, why)))
    return [row for batch in found for row in batch], told


def test_rows_of_csv_and_of_ndjson_are_the_same() -> None:
    csv = '\ufeffID,label,prefixes,province,account\n7,"Flat 3, گھر",192.0.2.7 2001:db8:7::/56,PK-PB,\n\n8,x,,,7\r\n'
    lines = [
        {"id": 7, "label": "Flat 3, گھر", "prefixes": ["192.0.2.7", "2001:db8:7::/56"], "province": "PK-PB"},
        {"id": 8, "label": "x", "prefixes": [], "account": 7},
    ]
    ndjson = "\n".join(map(json.dumps, lines))

    of_csv, told = read(csv.encode(), is_csv=True)
    of_json, also_told = read(ndjson.encode(), is_csv=False)

    assert [row.said for row in of_csv] == [row.said for row in of_json] == lines
    assert [row.number for row in of_csv] == [2, 4]
    assert told == also_told == []


def test_rows_that_cannot_be_read_are_told_with_their_number_and_the_others_are_read() -> None:
    octets = b'{"id": 1}\n\xff\xfe\n[1]\n{"id"\n' + b" " * 70_000 + b'\n{"id": 2}'

    rows, told = read(octets, is_csv=False)

    assert [row.said["id"] for row in rows] == [1, 2]
    assert [number for number, _ in told] == [2, 3, 4, 5]
    assert [why.partition(";")[2] for _, why in told] == [
        " not taken; save the file as UTF-8",
        ' not taken; write {"id": …, "label": …, "prefixes": […]}',
        " not taken; write one object a line",
        " not taken; a row has at most 65536",
    ]


@pytest.mark.parametrize(
    "bad",
    [
        b'{"id": NaN}',
        b'{"id": -Infinity}',
        b'{"id": 1e999}',
        b'{"id": {"id": 1}}',
        b"[" * 30_000,
        b'{"label": "\\ud800"}',
    ],
)
def test_what_the_api_would_not_read_is_told_and_never_sent_with_the_others(bad: bytes) -> None:
    rows, told = read(b'{"id": 1}\n' + bad + b'\n{"id": 2}', is_csv=False)

    assert [row.said["id"] for row in rows] == [1, 2]
    assert [(number, why.partition(";")[2][:10]) for number, why in told] == [(2, " not taken")]


def test_an_end_of_line_within_a_field_of_csv_is_told_and_the_rows_after_it_are_read() -> None:
    rows, told = read(b'id,label,prefixes\n1,a\rb,\n2,"c,\n3,d,\n', is_csv=True)

    assert [row.number for row in rows] == [4]
    assert [(number, why[:27]) for number, why in told] == [
        (2, "an end of line within a fie"),
        (3, "2 fields, the heading has 3"),
    ]


def test_a_number_of_thousands_of_digits_is_left_to_the_api() -> None:
    rows, told = read(b"id,label,prefixes,account\n" + b"9" * 5000 + b",a,," + b"8" * 19 + b"\n", is_csv=True)

    assert (rows[0].said["id"], rows[0].said["account"], told) == ("9" * 5000, "8" * 19, [])


def test_a_file_that_is_one_line_is_refused_and_not_kept_in_memory() -> None:
    class Endless(io.RawIOBase):
        left = 400  # MiB

        def readable(self) -> bool:
            return True

        def readinto(self, into: Buffer) -> int:
            view = memoryview(into)
            self.left -= bool(self.left)
            view[:] = b"x" * len(view)
            return len(view) if self.left else 0

    told: Told = []
    tracemalloc.start()
    found = list(batches(io.BufferedReader(Endless(), 2**20), False, lambda number, why: told.append((number, why))))
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert (found, told) == ([], [(1, "too long; not taken; a row has at most 65536")])
    assert most < 20 * 2**20


def test_a_row_of_csv_with_other_fields_than_its_heading_is_told() -> None:
    rows, told = read(b"id,label,prefixes\n1,a,b,c\n2,a,\n3,\n", is_csv=True)

    assert [row.number for row in rows] == [3]
    assert [why[:9] for _, why in told] == ["4 fields,", "2 fields,"]


@pytest.mark.parametrize("octets", [b"7;Flat;192.0.2.7\n", "id,label,prefixes\n".encode("utf-16")])
def test_a_file_without_its_heading_is_refused(octets: bytes) -> None:
    told: Told = []
    with pytest.raises(WrongUse, match="the heading lacks id, label, prefixes"):
        list(batches(io.BufferedReader(io.BytesIO(octets + b"1,2,3\n")), True, lambda *said: told.append(said)))


def test_batches_have_no_more_rows_and_octets_than_the_api_takes() -> None:
    short = b"".join(b'{"id": %d}\n' % number for number in range(2500))
    long = (b'{"label": "' + b"x" * 60_000 + b'"}\n') * 20
    for octets, n_batches in ((short, 3), (long, 2)):
        found = list(batches(io.BufferedReader(io.BytesIO(octets)), False, lambda *said: None))
        assert len(found) == n_batches
        assert all(len(batch) <= BATCH_ROWS and sum(row.octets for row in batch) < 2**20 for batch in found)


def test_labels_in_urdu_count_as_they_are_sent() -> None:
    row = '{"id": 7, "label": "' + "گھر" * 30 + '"}\n'

    found = list(batches(io.BufferedReader(io.BytesIO((row * 2000).encode())), False, lambda *said: None))

    assert sum(map(len, found)) == 2000
    assert max(len(json.dumps([row.said for row in batch])) for batch in found) < 2**20


def test_what_kind_a_file_is_its_name_says() -> None:
    assert is_csv_file(Path("lines.CSV")) and not is_csv_file(Path("lines.ndjson"))
    with pytest.raises(WrongUse, match=r"lines\.xlsx: neither .csv nor .ndjson; nothing done; give --format"):
        is_csv_file(Path("lines.xlsx"))
