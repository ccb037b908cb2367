import struct
from collections import Counter
from collections.abc import Iterable

import pytest
from support.images.opened import Entry, Images

from dns.base.message import Record, read_message
from dns.base.wire_format import AAAA, CNAME, HEADER_OCTETS, A
from dns.zones.rpz_edition import MAX_CHANGED, OTHER_TRIGGER, TOO_LONG, Edition, Plan
from fastpath.images.image import Image
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode
from fastpath.wire.name import to_text, to_wire

ZONE = to_wire(b"rpz.isp.example")
SPLASH = ("192.0.2.80", "2001:db8::80")
ADDRESS = struct.pack(">HIH", A, 30, 4) + bytes((198, 51, 100, 7))
TEXT = struct.pack(">HIH", 16, 40, 3) + b"\2hi"


def read(records: Iterable[bytes]) -> list[Record]:
    """Records as somebody reads them from a message about the zone."""
    return [
        read_message(struct.pack(">6H", 1, 0x8400, 1, 1, 0, 0) + ZONE + b"\0\6\0\1" + record).answers[0]
        for record in records
    ]


def shown(record: Record) -> tuple[str, int, str]:
    owner = to_text(record.owner).removesuffix(".rpz.isp.example")
    data = to_text(record.rdata) if record.rtype == CNAME else record.rdata.hex()
    return owner, record.rtype, data


def zone(edition: Edition) -> set[tuple[str, int, str]]:
    records = [shown(record) for block in edition.blocks() for record in read(block)]
    assert len(set(records)) == len(records) == edition.n_records
    return set(records)


def edition_of(images: Images, *entries: Entry, lists: tuple[str, ...] = ("orders", "malware")) -> Edition:
    return Edition.first(Plan(ZONE, lists, SPLASH), TableSet(images.names(entries)))


def test_each_mode_has_its_owners(images: Images) -> None:
    edition = edition_of(
        images,
        ("malware", "s.test", Mode.SUBTREE),
        ("malware", "e.test", Mode.EXACT),
        ("malware", "b.test", Mode.BELOW),
    )

    assert zone(edition) == {(owner, CNAME, ".") for owner in ("s.test", "*.s.test", "e.test", "*.b.test")}


@pytest.mark.parametrize(
    ("action", "target"),
    [
        (Action.NXDOMAIN, "."),
        (Action.REFUSED, "."),
        (Action.NODATA, "*"),
        (Action.DROP, "rpz-drop"),
        (Action.TCP_ONLY, "rpz-tcp-only"),
        (Action.PASSTHRU, "rpz-passthru"),
    ],
)
def test_each_action_has_its_target(images: Images, action: Action, target: str) -> None:
    assert zone(edition_of(images, ("malware", "n.test", Mode.EXACT, action))) == {("n.test", CNAME, target)}


def test_the_splash_page_is_its_addresses_and_without_any_nxdomain(images: Images) -> None:
    tables = TableSet(images.names([("orders", "n.test", Mode.EXACT)]))

    assert zone(Edition.first(Plan(ZONE, ("orders",), SPLASH), tables)) == {
        ("n.test", A, "c0000250"),
        ("n.test", AAAA, "20010db8000000000000000000000080"),
    }
    assert zone(Edition.first(Plan(ZONE, ("orders",)), tables)) == {("n.test", CNAME, ".")}


def test_local_data_are_given_as_they_are_with_their_own_ttl(images: Images) -> None:
    edition = edition_of(
        images,
        ("malware", "n.test", Mode.SUBTREE, Action.LOCAL_DATA, 0, ADDRESS + TEXT),
        ("malware", "none.test", Mode.EXACT, Action.LOCAL_DATA),
    )

    assert zone(edition) == {
        (owner, *data) for owner in ("n.test", "*.n.test") for data in ((A, "c6336407"), (16, "026869"))
    } | {("none.test", CNAME, "*")}
    assert {record.ttl_s for block in edition.blocks() for record in read(block)} == {30, 40, 60}


def test_the_names_between_a_wildcard_and_an_exception_are_given_once(images: Images) -> None:
    edition = edition_of(
        images,
        ("malware", "a.test", Mode.SUBTREE),
        *(("malware", f"{n}.in.a.test", Mode.SUBTREE, Action.PASSTHRU) for n in range(2)),
    )

    assert zone(edition) == {(owner, CNAME, ".") for owner in ("a.test", "*.a.test", "in.a.test", "*.in.a.test")} | {
        (f"{star}{n}.in.a.test", CNAME, "rpz-passthru") for n in range(2) for star in ("", "*.")
    }


def test_a_name_that_is_too_long_is_left_out_and_counted_by_owner(images: Images) -> None:
    room = 255 - len(ZONE)  # octets on the wire, without the root
    lengths = (room - 2, room, room + 1)
    names = {n: ".".join(["a" * 63, "b" * 63, "c" * 63, "d" * (n - 192 - 5 - 1), "test"]) for n in lengths}
    assert [len(to_wire(name.encode())) - 1 for name in names.values()] == list(names)

    edition = edition_of(images, *(("malware", name, Mode.SUBTREE) for name in names.values()))

    fits, barely, _ = names.values()
    assert zone(edition) == {(fits, CNAME, "."), (f"*.{fits}", CNAME, "."), (barely, CNAME, ".")}
    assert edition.unpublished == {TOO_LONG: 3}


@pytest.mark.parametrize("label", ["rpz-client-ip", "rpz-nsdname", "rpz-nsip"])
def test_a_name_that_would_be_another_kind_of_trigger_is_left_out_and_counted(images: Images, label: str) -> None:
    edition = edition_of(
        images,
        ("malware", f"24.0.2.0.192.{label}", Mode.SUBTREE),
        ("malware", f"{label}.test", Mode.EXACT),
        ("malware", f"x{label}", Mode.EXACT),
    )

    assert zone(edition) == {(f"{label}.test", CNAME, "."), (f"x{label}", CNAME, ".")}
    assert edition.unpublished == {OTHER_TRIGGER: 2}


def test_a_prefix_is_a_trigger_by_address_and_nothing_between_is_needed(images: Images) -> None:
    edition = edition_of(
        images,
        ("malware", "2.0.192.4.rpz-ip", Mode.SUBTREE),
        ("malware", "7.2.0.192.4.rpz-ip", Mode.EXACT, Action.PASSTHRU),
        ("malware", "8.b.d.0.1.0.0.2.6.rpz-ip", Mode.BELOW, Action.NODATA),
        ("malware", "198.4.rpz-ip", Mode.SUBTREE),
        ("malware", "9.100.51.198.4.rpz-ip", Mode.SUBTREE, Action.DROP),
        ("malware", "5.rpz-ip", Mode.EXACT),
    )

    assert zone(edition) == {
        ("24.0.2.0.192.rpz-ip", CNAME, "."),
        ("32.7.2.0.192.rpz-ip", CNAME, "rpz-passthru"),
        ("32.zz.db8.2001.rpz-ip", CNAME, "*"),
        ("8.0.0.0.198.rpz-ip", CNAME, "."),
        ("32.9.100.51.198.rpz-ip", CNAME, "rpz-drop"),
    }
    assert edition.unpublished == {OTHER_TRIGGER: 1}


def test_a_confidential_list_is_refused_and_its_names_are_in_no_zone(images: Images) -> None:
    with pytest.raises(ValueError, match="confidential"):
        edition_of(images, ("csam", "secret.test", Mode.SUBTREE), lists=("csam",))

    assert zone(edition_of(images, ("csam", "secret.test", Mode.SUBTREE))) == set()


def test_owners_point_to_the_zones_name(images: Images) -> None:
    (block, _) = edition_of(images, ("malware", "n.test", Mode.EXACT)).blocks()

    pointer = struct.pack(">H", 0xC000 | HEADER_OCTETS)
    assert block == [b"\1n\4test" + pointer + struct.pack(">HHIH", CNAME, 1, 60, 1) + b"\0"]


def test_equal_images_give_equal_octets(images: Images) -> None:
    entries: list[Entry] = [("malware", f"{n}.test", Mode.SUBTREE) for n in range(3000)]

    first, second = edition_of(images, *entries), edition_of(images, *reversed(entries))

    assert list(first.blocks()) == list(second.blocks())


# Editions -------------------------------------------------------------------------------------------------------------


def moments(images: Images, base: list[Entry], *deltas: list[Entry]) -> list[TableSet]:
    """Tables of a base, then with each delta: the entries that orders then have for all names of all deltas."""
    image: Image = images.names(base)
    touched = {entry[1] for delta in deltas for entry in delta}
    kept = [entry for entry in base if entry[1] in touched and entry[0] != "orders"]
    made = [images.names([*kept, *delta], image, drops=touched) for delta in deltas]
    return [TableSet(image), *(TableSet(image, delta) for delta in made)]


def test_the_serial_is_the_images_generation(images: Images) -> None:
    images.generation = 2**32 + 6

    assert edition_of(images, ("malware", "n.test", Mode.EXACT)).serial == 7


def test_the_next_edition_and_the_difference_to_it_agree(images: Images) -> None:
    before, after = moments(
        images,
        [("orders", "a.test", Mode.SUBTREE), ("malware", "m.test", Mode.EXACT)],
        [("orders", "b.test", Mode.SUBTREE), ("orders", "x.y.m.test", Mode.EXACT)],
    )
    first = Edition.first(Plan(ZONE, ("orders", "malware")), before)

    second, difference = first.next(after)

    assert difference is not None
    assert (difference.before, difference.after) == (first.serial, second.serial) == (1, 2)
    removed, added = ({shown(record) for record in read(part)} for part in (difference.removed, difference.added))
    assert removed <= zone(first)
    assert zone(second) == zone(first) - removed | added
    assert added == {(owner, CNAME, ".") for owner in ("b.test", "*.b.test", "x.y.m.test")}


def test_an_edition_without_a_change_keeps_its_serial_and_its_successors_go_on_from_it(images: Images) -> None:
    entries: list[Entry] = [("malware", "m.test", Mode.EXACT)]
    tables, other = TableSet(images.names(entries)), TableSet(images.names([*entries, ("adult", "x.test", Mode.EXACT)]))
    first = Edition.first(Plan(ZONE, ("malware",)), tables)

    second, difference = first.next(other)

    assert (second.serial, difference) == (1, (1, 1, [], []))
    third, difference = second.next(TableSet(images.names([("malware", "n.test", Mode.EXACT)])))
    assert difference is not None
    assert (difference.before, difference.after, len(difference)) == (1, 3, 2)
    assert zone(third) == {("n.test", CNAME, ".")}


def test_what_is_left_out_is_counted_from_edition_to_edition(images: Images) -> None:
    before, after, again = moments(
        images,
        [("orders", "a.rpz-nsip", Mode.SUBTREE)],
        [("orders", "b.rpz-nsip", Mode.EXACT)],
        [("orders", "a.rpz-nsip", Mode.EXACT), ("orders", "b.rpz-nsip", Mode.EXACT)],
    )
    first = Edition.first(Plan(ZONE, ("orders",)), before)
    second, _ = first.next(after)
    third, _ = second.next(again)

    assert [each.unpublished for each in (first, second, third)] == [
        {OTHER_TRIGGER: 2},
        Counter({OTHER_TRIGGER: 1}),
        {OTHER_TRIGGER: 2},
    ]


def test_of_a_zone_that_has_changed_too_much_no_difference_is_kept(
    images: Images,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    assert MAX_CHANGED >= 100_000
    monkeypatch.setattr("dns.zones.rpz_edition.MAX_CHANGED", 10)
    first = edition_of(images, *(("malware", f"{n}.test", Mode.EXACT) for n in range(50)))

    second, difference = first.next(TableSet(images.names([("malware", "n.test", Mode.EXACT)])))

    assert (second.serial, difference) == (2, None)
    assert zone(second) == {("n.test", CNAME, ".")}
