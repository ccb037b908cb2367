from dataclasses import replace
from pathlib import Path

import pytest

from filterd.config.radius import Nas, NasPlace
from filterd.radius.places import NOWHERE, Place, PlaceTable
from parental.sessions.record import LIVES, Digests, Session, read_record, slot_at

DIGESTS = Digests(b"k" * 32)
LAHORE, SINDH, MULTAN = Place("Lahore", "PK-PB"), Place(None, "PK-SD"), Place("Multan", None)


def entry(name: str, pool: str) -> Nas:
    return Nas(name=name, address="198.51.100.3", secret=Path("secret"), pools=(pool,))


def record(source: str, nas: bytes, address: str, key: int = 1) -> bytes:
    """Of a session that a NAS told of by an entry."""
    slots = (slot_at(address), b"", b"", b"") if ":" not in address else (b"", slot_at(address), b"", b"")
    return Session(LIVES, key.to_bytes(16, "big"), DIGESTS.nas(source, nas), slots=slots).packed()


@pytest.fixture
def table() -> PlaceTable:
    rows = [
        NasPlace(nas="bng-lahore-1", zone="Lahore", province="PK-PB"),
        NasPlace(nas="198.51.100.7", zone="Multan"),
        NasPlace(nas="south", province="PK-SD"),
    ]
    return PlaceTable([entry("relay", "192.0.2.0/24"), entry("south", "2001:db8::/32")], rows, DIGESTS)


@pytest.mark.parametrize(
    ("source", "nas", "address", "place"),
    [
        ("relay", b"bng-lahore-1", "192.0.2.7", LAHORE),
        ("south", b"bng-lahore-1", "2001:db8::7", LAHORE),  # its own row outranks that of its entry
        ("relay", bytes((198, 51, 100, 7)), "192.0.2.7", MULTAN),
        ("relay", b"198.51.100.7", "192.0.2.7", MULTAN),
        ("south", b"bng-other", "2001:db8::7", SINDH),
        ("relay", b"bng-other", "192.0.2.7", NOWHERE),
        ("relay", b"", "192.0.2.7", NOWHERE),
    ],
)
def test_a_session_is_where_its_nas_is_or_else_its_entry(
    table: PlaceTable, source: str, nas: bytes, address: str, place: Place
) -> None:
    assert table.of(record(source, nas, address)) == place


def test_sessions_are_counted_by_place_and_those_of_no_row_too(table: PlaceTable) -> None:
    records = [record("relay", b"bng-lahore-1", f"192.0.2.{n}", n) for n in range(5)]
    records += [record("south", nas, "2001:db8::7", 9) for nas in (b"a", b"b")]
    records.append(record("relay", b"stranger", "192.0.2.200", 10))

    assert table.count(records) == {LAHORE: 5, SINDH: 2, NOWHERE: 1}


def test_a_profile_is_in_the_province_of_all_its_sessions_and_in_none_where_they_are_apart(table: PlaceTable) -> None:
    def of(profile: int, nas: bytes, key: int) -> bytes:
        known = read_record(record("relay", nas, f"192.0.2.{key}", key))
        return replace(known, profile=profile).packed()

    found = [of(7, b"bng-lahore-1", 1), of(7, b"bng-lahore-1", 2), of(8, b"bng-lahore-1", 3), of(8, b"stranger", 4)]
    found += [of(9, bytes((198, 51, 100, 7)), 5), of(0, b"bng-lahore-1", 6), of(70_000, b"bng-lahore-1", 7)]

    assert table.provinces(found) == {7: "PK-PB", 70_000: "PK-PB"}
    assert table.provinces(reversed(found)) == {7: "PK-PB", 70_000: "PK-PB"}
    assert PlaceTable().provinces(found) == {}


def test_without_rows_all_are_nowhere() -> None:
    assert PlaceTable().count([record("relay", b"x", "192.0.2.7")]) == {NOWHERE: 1}
