"""What a primary may send, and every way in which it does not join."""

import tracemalloc

import pytest

from dns.base.message import BadMessage, Record, read_message, write_message
from dns.base.wire_format import QR, SOA
from dns.zones.ixfr import IncomingTransfer, Kind, TooManyChanges

APEX = b"\3rpz\4test\0"


def soa(serial: int, owner: bytes = APEX) -> Record:
    return Record(owner, SOA, 1, 60, b"\0\0" + serial.to_bytes(4, "big") + bytes(16))


def rule(letter: str) -> Record:
    return Record(b"\1" + letter.encode() + APEX, 5, 1, 60, b"\0")


A, B, C, D = map(rule, "abcd")


def taken(serial: int | None, *records: Record, whole: list[Record] | None = None, most: int = 100) -> IncomingTransfer:
    incoming = IncomingTransfer(APEX, serial, (whole if whole is not None else []).append, most)
    incoming.take(records)
    return incoming


def test_a_whole_zone_is_passed_on_as_it_comes_without_its_last_soa() -> None:
    zone: list[Record] = []
    incoming = taken(None, soa(7), A, B, soa(7), whole=zone)

    assert (incoming.kind, incoming.serial, incoming.is_complete) == (Kind.WHOLE, 7, True)
    assert zone == [soa(7), A, B]


def test_a_whole_zone_may_be_the_answer_for_what_is_new() -> None:
    zone: list[Record] = []

    assert taken(5, soa(7), A, soa(7), whole=zone).kind is Kind.WHOLE
    assert zone == [soa(7), A]


def test_an_empty_zone_is_whole() -> None:
    zone: list[Record] = []

    assert taken(5, soa(7), soa(7), whole=zone).is_complete
    assert zone == [soa(7)]


@pytest.mark.parametrize("serial", [7, 8, 2**31 + 6])
def test_one_soa_that_is_not_newer_is_all(serial: int) -> None:
    incoming = taken(serial, soa(7))

    assert (incoming.kind, incoming.is_complete) == (Kind.CURRENT, True)


def test_changes_join_one_another() -> None:
    incoming = taken(5, soa(7), soa(5), A, soa(6), B, C, soa(6), B, soa(7), D, soa(7))

    assert (incoming.kind, incoming.is_complete) == (Kind.CHANGES, True)
    assert [(each.old_serial, each.removed, each.soa, each.added) for each in incoming.changes] == [
        (5, [A], soa(6), [B, C]),
        (6, [B], soa(7), [D]),
    ]


def test_a_change_may_remove_or_add_nothing() -> None:
    incoming = taken(5, soa(6), soa(5), soa(6), soa(6))

    assert incoming.is_complete
    assert incoming.changes[0].removed == incoming.changes[0].added == []


@pytest.mark.parametrize("at", range(12))
def test_it_is_the_same_in_whatever_portions_it_comes(at: int) -> None:
    records = [soa(7), soa(5), A, soa(6), B, C, soa(6), B, soa(7), D, soa(7)]
    incoming = IncomingTransfer(APEX, 5, lambda record: None, 100)
    incoming.take(records[:at])
    assert incoming.is_complete == (at >= len(records))
    incoming.take(records[at:])

    assert incoming.is_complete


@pytest.mark.parametrize(
    "records",
    [
        [A],  # no SOA first
        [soa(7, b"\5other\0")],  # of another zone
        [soa(7), A, soa(8)],  # ends with another serial
        [soa(7), A, soa(7), B],  # goes on
        [soa(7), A, Record(b"\1a\5other\0", 5, 1, 60, b"\0")],  # outside
        [soa(7), A, Record(b"\6notrpz\4test\0", 5, 1, 60, b"\0")],
        [soa(7), A, A._replace(rclass=3)],
        [soa(7), A, soa(7, b"\1x" + APEX)],
        [soa(7), soa(4), A],  # changes of another serial than ours
        [soa(7), soa(5), A, soa(5)],  # a change to nowhere
        [soa(7), soa(5), A, soa(4)],  # back
        [soa(7), soa(5), A, soa(6), B, soa(5)],  # the next does not join
        [soa(7), soa(5), A, soa(6), B, soa(7)],
        [soa(7), soa(5), A, soa(7), B, soa(7), C],
    ],
)
def test_what_does_not_join_is_refused(records: list[Record]) -> None:
    with pytest.raises(BadMessage):
        taken(5, *records)


def test_more_changes_than_are_asked_for_are_refused() -> None:
    changes = [soa(7), soa(5), A, soa(7), B, soa(7)]

    assert taken(5, *changes, most=2).is_complete
    with pytest.raises(TooManyChanges):
        taken(5, *changes, most=1)


def test_a_large_zone_is_never_held() -> None:
    octets = write_message(1, QR, [], [rule("a")] * 1000)
    incoming = IncomingTransfer(APEX, None, lambda record: None, 10)
    incoming.take([soa(1), A])
    tracemalloc.start()
    try:
        for _ in range(50):
            incoming.take(read_message(octets).answers)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()

    assert incoming.n_records == 50_002
    assert peak < 1 << 20
