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


def lines_of(rows: list[tuple[int, int, int, int]]) -> bytes:
    time_s, kind, pseudonym, counts = zip(*rows, strict=True) if rows else ((), (), (), ())
    columns = (array("q", time_s), array("I", kind), array("I", pseudonym), array("I", counts))
    return record_lines(HEADS, MIDDLES, PSEUDONYMS, *(column.tobytes() for column in columns))


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
    level = leaf_hashes(salt, b"".join(text + b"\n" for text in texts))

    leaves = [hashlib.sha256(b"\x00" + salt + text).digest() for text in texts]
    assert level == b"".join(leaves)
    while len(level) > 32:
        level = parents(level)
    assert not texts or level == merkle_tree_hash(leaves, 0, len(leaves), {})


def test_of_no_records_there_is_nothing() -> None:
    assert (record_lines([], [], b"", b"", b"", b"", b""), leaf_hashes(b"", b""), parents(b"")) == (b"", b"", b"")
