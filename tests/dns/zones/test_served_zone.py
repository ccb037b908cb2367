import pytest
from support.images.opened import Entry, Images

from dns.base.endpoints import Endpoint
from dns.base.message import Message, read_message, read_soa
from dns.zones.rpz_edition import Plan
from dns.zones.served_zone import Rights, ServedZone
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.wire.name import to_wire

SECONDARY = Endpoint("192.0.2.53", 53)


def made(images: Images, *lists: list[str]) -> list[TableSet]:
    """Tables, one after the other, of these malware."""
    entries: list[list[Entry]] = [[("malware", name, Mode.EXACT) for name in names] for names in lists]
    return [TableSet(images.names(each)) for each in entries]


@pytest.fixture
def zone() -> ServedZone:
    return ServedZone(Plan(to_wire(b"rpz.example"), ("malware",)), Rights(()), [SECONDARY])


def follow(zone: ServedZone, *tables: TableSet) -> list[bool]:
    return [zone.take(*zone.prepare(each)) for each in tables]


def test_every_edition_that_has_changed_is_news(images: Images, zone: ServedZone) -> None:
    first, same, other = made(images, ["a.test"], ["a.test"], ["b.test"])

    assert follow(zone, first) == [True]
    assert zone.news[SECONDARY].is_set()
    zone.news[SECONDARY].clear()
    assert follow(zone, same) == [False]
    assert not zone.news[SECONDARY].is_set()
    assert follow(zone, other) == [True]
    assert zone.news[SECONDARY].is_set()
    assert zone.edition is not None
    assert zone.edition.serial == 3


def test_differences_lead_from_each_serial_that_was_served_to_the_present_one(images: Images, zone: ServedZone) -> None:
    follow(zone, *made(images, ["a.test"], ["a.test", "b.test"], ["a.test", "b.test"], ["b.test", "c.test"]))

    def steps(serial: int) -> list[tuple[int, int]] | None:
        found = zone.since(serial)
        return None if found is None else [(each.before, each.after) for each in found]

    assert steps(1) == [(1, 2), (2, 4)]
    assert steps(2) == [(2, 4)]
    assert steps(3) is None  # was never served: nothing had changed
    assert steps(0) is None


def test_the_oldest_differences_go_where_they_are_too_many_records(
    images: Images,
    zone: ServedZone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dns.zones.served_zone.MAX_KEPT", 4)

    follow(zone, *made(images, [], ["a.test", "b.test"], ["a.test"], ["a.test", "b.test", "c.test"]))

    assert zone.since(1) is None
    found = zone.since(2)
    assert found is not None
    assert [len(each) for each in found] == [1, 2]


def test_after_a_change_that_cannot_be_told_none_of_the_differences_counts(
    images: Images,
    zone: ServedZone,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("dns.zones.rpz_edition.MAX_CHANGED", 3)

    follow(zone, *made(images, [], ["a.test"], [f"{n}.test" for n in range(9)]))

    assert [zone.since(serial) for serial in (1, 2)] == [None, None]


def test_the_soa_names_nobody_and_its_timers_are_in_order(zone: ServedZone) -> None:
    record = zone.soa(2**32 - 1)
    message = read(zone, record)

    (soa,) = message.answers
    said = read_soa(soa)
    assert (soa.owner, said.serial) == (zone.plan.name, 2**32 - 1)
    assert said.retry_s < said.refresh_s < said.expire_s
    assert soa.rdata.startswith(b"\x09localhost\0")


def read(zone: ServedZone, record: bytes) -> Message:
    return read_message(bytes((0, 1, 0x84, 0, 0, 1, 0, 1, 0, 0, 0, 0)) + zone.plan.name + b"\0\6\0\1" + record)
