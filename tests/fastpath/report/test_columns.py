from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from support.spool import SLOT_OCTETS, block_event, put_segment

from fastpath.images.verdict import Action, Channel, Reason
from fastpath.report.columns import NOT_A_SUBSCRIBER, Columns, read_columns
from fastpath.report.spool import read_segment

S = 10**9
TIME_NS = 1_800_000_000 * S
LONG = ".".join(["x" * 60] * 4)


def read(folder: Path, *events: bytes, first: int = 0, most: int = 1000, rows: int = 1000) -> Columns:
    return read_columns(put_segment(folder, 1, *events), first, most, rows)


def rows_of(found: Columns) -> list[tuple[Any, ...]]:
    columns = zip(found.time_s, found.kind, found.subscriber, found.counts, strict=True)
    return [(time_s, found.kinds[kind].rule, subscriber, count) for time_s, kind, subscriber, count in columns]


def test_equal_records_of_one_second_are_one_row(tmp_path: Path) -> None:
    moments = [TIME_NS, TIME_NS + S - 1, TIME_NS + S]

    found = read(tmp_path, *[block_event(time_ns=at) for at in moments])

    assert rows_of(found) == [(TIME_NS // S, "bad.test", 7, 2), (TIME_NS // S + 1, "bad.test", 7, 1)]
    assert (len(found.kinds), found.n, found.n_damaged, found.next) == (1, 3, 0, 3)


@pytest.mark.parametrize(
    "other",
    [
        {"rule": "bad.tess"},
        {"rule": "a.bad.test"},
        {"rule": ""},
        {"list_id": "ptb"},
        {"order": 4},
        {"channel": Channel.QUIC},
        {"action": Action.DROP},
        {"reason": Reason.SECURITY},
        {"category": 2},
        {"names_generation": 13},
        {"policy_generation": 6},
    ],
)
def test_records_that_differ_in_anything_are_two_kinds(tmp_path: Path, other: dict[str, Any]) -> None:
    found = read(tmp_path, block_event(), block_event(**other), block_event(), block_event(**other))

    assert (len(found.kinds), list(found.counts), list(found.kind)) == (2, [2, 2], [0, 1])


def test_subscribers_have_rows_of_their_own_and_one_kind(tmp_path: Path) -> None:
    found = read(tmp_path, *[block_event(subscriber=number) for number in (7, 8, NOT_A_SUBSCRIBER, 7)])

    assert [row[2:] for row in rows_of(found)] == [(7, 2), (8, 1), (NOT_A_SUBSCRIBER, 1)]
    assert len(found.kinds) == 1


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_reading_ends_before_the_record_that_would_make_one_row_too_many(tmp_path: Path, rows: int) -> None:
    events = [block_event(rule=rule) for rule in ("a.test", "a.test", LONG, "a.test", "c.test", "a.test")]

    found = read(tmp_path, *events, rows=rows)

    assert (len(found.time_s), found.n, found.next) == {1: (1, 2, 2), 2: (2, 4, 6), 3: (3, 6, 8)}[rows]
    rest = read(tmp_path, *events, first=found.next)
    assert found.n + rest.n == 6


@pytest.mark.parametrize("most", [1, 5, 6, 7])
def test_no_more_records_are_read_than_were_asked_for(tmp_path: Path, most: int) -> None:
    found = read(tmp_path, *[block_event(rule=LONG)] * 6, most=most)

    assert (found.n, found.next, list(found.counts)) == (min(most, 6), 3 * min(most, 6), [min(most, 6)])


@pytest.mark.parametrize("octets", [0, 1, SLOT_OCTETS - 1])
def test_a_record_whose_end_is_cut_is_left_for_later(tmp_path: Path, octets: int) -> None:
    path = put_segment(tmp_path, 1, block_event(), block_event(rule=LONG))
    path.write_bytes(path.read_bytes()[: SLOT_OCTETS * 3 + octets])

    found = read_columns(path, 0, 10, 10)

    assert (found.n, found.n_damaged, found.next) == (1, 0, 1)


DAMAGED = {
    "zeros of a power cut": bytes(SLOT_OCTETS),
    "a time before 1970": block_event(time_ns=-1),
    "no channel": block_event(channel=0),
    "a channel too high": block_event(channel=7),
    "an action too high": block_event(action=9),
    "a reason too high": block_event(reason=11),
    "a generation that no database holds": block_event(names_generation=2**63),
    "such a one of the policy": block_event(policy_generation=2**64 - 1),
    "a zero in a list": block_event(list_id="p\0ta"),
    "a control character in a list": block_event(list_id="p\nta"),
    "a list that is not ASCII": block_event(list_id="\u00e9"),
    "a zero in a URL": block_event(rule=b"http://a.test/\0b", is_url=1),
    "a label too long": block_event(rule=b"\x40" + b"a" * 62 + b"\0"),
    "a rule without its root": block_event(rule=b"\x03bad"),
    "octets behind a rule": block_event(rule=b"\x03bad\0\0"),
    "a label that leads out of the rule": block_event(rule=b"\x05bad\0"),
}


@pytest.mark.parametrize("what", DAMAGED)
def test_what_is_no_record_is_counted_and_passed_over(tmp_path: Path, what: str) -> None:
    found = read(tmp_path, block_event(), DAMAGED[what], block_event())

    assert (found.n, found.n_damaged, found.next, list(found.counts)) == (2, 1, 3, [2])


@pytest.mark.parametrize("rule", [b"\0", b"\x01a\0", b"\x3f" + b"a" * 63 + b"\0"])
def test_the_shortest_and_longest_labels_are_rules(tmp_path: Path, rule: bytes) -> None:
    assert read(tmp_path, block_event(rule=rule)).n == 1


def test_the_rule_of_a_url_is_its_text_and_is_no_name(tmp_path: Path) -> None:
    found = read(tmp_path, block_event(rule=b"\x01a", is_url=1), block_event(rule=b"\x01a\0"))

    assert len(found.kinds) == 2


@pytest.mark.parametrize(("most", "rows"), [(0, 1), (1, 0), (-1, 1), ((1 << 20) + 1, 1), (1, (1 << 20) + 1)])
def test_a_reading_of_nothing_or_too_much_is_refused(tmp_path: Path, most: int, rows: int) -> None:
    path = put_segment(tmp_path, 1, block_event())

    with pytest.raises(ValueError, match="not read"):
        read_columns(path, 0, most, rows)


def test_a_foreign_file_is_no_segment(tmp_path: Path) -> None:
    (tmp_path / "000001.seg").write_bytes(b"something else entirely")

    with pytest.raises(ValueError, match="not a spool segment"):
        read_columns(tmp_path / "000001.seg", 0, 1, 1)


RECORDS = st.builds(
    block_event,
    rule=st.sampled_from(["", "a.test", "b.test", LONG]),
    time_ns=st.sampled_from([TIME_NS, TIME_NS + 1, TIME_NS + S]),
    subscriber=st.integers(0, 2),
    list_id=st.sampled_from(["pta", "own"]),
    order=st.integers(0, 1),
)


@settings(deadline=None, max_examples=50)
@given(events=st.lists(RECORDS, max_size=40), most=st.integers(1, 50), rows=st.integers(1, 50))
def test_all_readings_together_count_what_a_reader_of_single_records_counts(
    tmp_path_factory: pytest.TempPathFactory, events: list[bytes], most: int, rows: int
) -> None:
    path = put_segment(tmp_path_factory.mktemp("spool"), 1, *events)
    counted: Counter[tuple[Any, ...]] = Counter()
    at = 0
    while (found := read_columns(path, at, most, rows)).next > at:
        assert found.n <= most and len(found.time_s) <= rows and found.n == sum(found.counts)
        for time_s, kind, subscriber, count in zip(
            found.time_s, found.kind, found.subscriber, found.counts, strict=True
        ):
            counted[time_s, *found.kinds[kind][1:3], subscriber, *found.kinds[kind][4:]] += count
        at = found.next

    single = read_segment(path, 0, 1000).events
    assert counted == Counter((event.time_ns // S, *event[1:]) for event in single)
