import hashlib
import json
from array import array
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st
from oracle.ledger import merkle_tree_hash

from fastpath.report.record_tree import leaf_hashes, parents, record_lines

LAST_S = 253_402_300_799  # 9999-12-31T23:59:59Z
HEADS = [b'{"a":1,"count":', b'{"a":"long","count":', b'{"count":']
MIDDLES = [b',"generation":1,"subscriber":', b',"subscriber":', b',"rule":"x","subscriber":']
ROWS = st.lists(
    st.tuples(st.integers(0, LAST_S), st.integers(0, 2), st.integers(0, 3), st.integers(0, 2**32 - 1)), max_size=30
)
LINES = st.lists(st.binary(max_size=200).map(lambda text: text.replace(b"\n", b" ")), max_size=40)
PSEUDONYMS = bytes(range(48))
RECORD = b'{"action":'


def lines_of(rows: list[tuple[int, int, int, int]]) -> bytes:
    time_s, kind, pseudonym, counts = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = (array("q", time_s), array("I", kind), array("I", pseudonym), array("I", counts))
    return record_lines(HEADS, MIDDLES, PSEUDONYMS, *(column.tobytes() for column in columns))


def lines_of_records(texts: list[bytes]) -> bytes:
    return b"".join(RECORD + text + b"\n" for text in texts)


@given(ROWS)
def test_a_line_has_what_its_record_says(rows: list[tuple[int, int, int, int]]) -> None:
    expected = b""
    for time_s, kind, pseudonym, count in rows:
        whose = PSEUDONYMS[16 * pseudonym - 16 : 16 * pseudonym].hex() if pseudonym else None
        at = datetime.fromtimestamp(time_s, UTC)
        time = f"{at.year:04}-{at:%m-%dT%H:%M:%S}Z"
        subscriber = json.dumps(whose).encode()
        expected += b'%b%d%b%b,"time":"%b"}\n' % (HEADS[kind], count, MIDDLES[kind], subscriber, time.encode())

    assert lines_of(rows) == expected


@pytest.mark.parametrize("time_s", [-1, LAST_S + 1, 2**63 - 1, -(2**63)])
def test_a_time_that_no_calendar_has_is_refused(time_s: int) -> None:
    with pytest.raises(ValueError, match="which no calendar has"):
        lines_of([(0, 0, 0, 1), (time_s, 0, 0, 1)])


@given(LINES, st.binary(max_size=32))
def test_leaves_and_nodes_are_those_of_the_recursive_definition(texts: list[bytes], salt: bytes) -> None:
    octets = lines_of_records(texts)

    level, end = leaf_hashes(salt, octets)

    leaves = [hashlib.sha256(b"\x00" + salt + RECORD + text).digest() for text in texts]
    assert (level, end) == (b"".join(leaves), len(octets))
    while len(level) > 32:
        level = parents(level)
    assert not texts or level == merkle_tree_hash(leaves, 0, len(leaves), {})


@given(LINES, st.integers(0, 50), st.data())
def test_leaves_are_those_of_some_lines_from_a_place_on(texts: list[bytes], most: int, data: st.DataObject) -> None:
    octets = lines_of_records(texts)
    first = data.draw(st.integers(0, len(texts)))
    begin, end = (len(lines_of_records(texts[:n])) for n in (first, min(first + most, len(texts))))

    assert leaf_hashes(b"salt", octets, begin, most) == (leaf_hashes(b"salt", octets[begin:end])[0], end)


@pytest.mark.parametrize("size", range(len(RECORD) + 3))
def test_a_line_is_hashed_once_it_is_whole_and_if_it_begins_as_a_record(size: int) -> None:
    line = RECORD + b"1}\n"
    assert leaf_hashes(b"", line + line[:size]) == (leaf_hashes(b"", line)[0], len(line))
    if size < len(RECORD):
        other = bytearray(line)
        other[size] ^= 1
        assert leaf_hashes(b"", line + bytes(other) + line)[1] == len(line)


@pytest.mark.parametrize("begin", [-1, 1, 2**62, -(2**62)])
def test_a_place_outside_is_refused(begin: int) -> None:
    with pytest.raises(ValueError, match="not computed; begin inside"):
        leaf_hashes(b"", b"", begin)


@pytest.mark.parametrize("most", [0, -1, -(2**62)])
def test_of_no_records_there_is_nothing(most: int) -> None:
    assert (record_lines([], [], b"", b"", b"", b"", b""), leaf_hashes(b"", b""), parents(b"")) == (b"", (b"", 0), b"")
    assert leaf_hashes(b"", RECORD + b"1}\n", 0, most) == (b"", 0)
