"""Labels of connections: what the kernel is told of an allowed name, message by message."""

import struct
from ipaddress import ip_address
from pathlib import Path
from typing import NamedTuple

import pytest
from support.gate.lab import ALLOWED, QUIC, SPOKEN, Lab, state_in
from support.images.opened import NUMBER, Images
from support.packets.builders import SYN, Client, hello, hello_message, request
from support.packets.initials import crypto, initial

from fastpath.gate.labels import ALL_CATEGORIES, ALL_NAMES, hashes_of
from fastpath.gate.marks import MARK_QUEUED, MARK_UNTRACKED
from fastpath.gate.nfqueue import read_message
from fastpath.images.key_builder import ListSpec
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Mode, Tier
from fastpath.wire.name import to_wire
from filterd.kernel.netlink import HEADER_OCTETS, attributes, split
from rules.base.category import NUMBERS as CATEGORIES_OF

KEY = bytes(range(16))
NOW_S = 1_700_000_000
CATEGORIES = [ListSpec(f"of{number}", Tier.CATEGORY, number, Action.SPLASH, False) for number in range(1, 12)]


class Told(NamedTuple):
    """One message to conntrack."""

    source: str
    destination: str
    protocol: int
    ports: tuple[int, int]
    two: int
    three: int
    categories: list[int]


@pytest.fixture
def tables(images: Images) -> TableSet:
    entries = [("orders", "blocked.test", Mode.SUBTREE), ("help", "help.test", Mode.SUBTREE)]
    entries += [("games", name, Mode.SUBTREE) for name in ("games.test", "both.test", "help.test")]
    entries += [("adult", "both.test", Mode.SUBTREE)]
    return TableSet(images.names(entries))


@pytest.fixture
def labelling(tmp_path: Path, tables: TableSet) -> Lab:
    found = Lab(tmp_path, tables)
    found.gate.label(KEY)
    return found


def told(lab: Lab) -> list[Told]:
    return [message(found.chunk, found.at, found.end) for found in split(lab.gate.labelled())]


def message(chunk: bytes, at: int, end: int) -> Told:
    (_, tuple_at, tuple_end), (kind, label_at, _) = attributes(chunk, at + HEADER_OCTETS, end)
    assert kind == 22
    (ip, *of_ip), (protocol, *of_protocol) = attributes(chunk, tuple_at, tuple_end)
    assert (ip, protocol) == (1, 2)
    source, destination = (str(ip_address(each)) for each in values(chunk, *of_ip))
    number, *ports = (int.from_bytes(each, "big") for each in values(chunk, *of_protocol))
    two, three, categories = struct.unpack_from("=II8s", chunk, label_at)
    return Told(source, destination, number, (ports[0], ports[1]), two, three, [one - 1 for one in categories if one])


def values(chunk: bytes, at: int, end: int) -> list[bytes]:
    return [chunk[first:last] for _, first, last in attributes(chunk, at, end)]


def hashed(name: bytes) -> tuple[int, int]:
    return hashes_of(to_wire(name), KEY)


@pytest.mark.parametrize(("source", "to"), [("192.0.2.9", "198.51.100.1"), ("2001:db8::9", "2001:db8:1::1")])
def test_an_allowed_hello_labels_its_connection_with_its_name_and_categories(
    labelling: Lab, source: str, to: str
) -> None:
    labelling.send(Client(source, to, sport=4000), 0, hello(b"www.games.test"))

    assert told(labelling) == [Told(source, to, 6, (4000, 443), *hashed(b"www.games.test"), [70])]


def test_a_hello_over_quic_labels_its_connection(labelling: Lab) -> None:
    labelling.send_datagram(initial(crypto(0, hello_message(b"a.both.test"))))

    [one] = told(labelling)
    assert (one.protocol, one.ports, sorted(one.categories)) == (17, (QUIC.sport, 443), [1, 70])


def test_requests_to_one_name_leave_its_label_as_it_is(labelling: Lab) -> None:
    first, second = request(b"www.games.test", b"/a"), request(b"www.games.test", b"/b")
    state = labelling.send(Client(dport=80), 0, first)
    labelling.send(Client(dport=80), len(first), second, SPOKEN)

    assert state == ALLOWED
    assert {(one.two, one.three, *one.categories) for one in told(labelling)} == {(*hashed(b"www.games.test"), 70)}


@pytest.mark.parametrize("is_one_packet", [True, False])
def test_a_connection_of_requests_to_several_names_is_taken_to_be_of_every_name_as_the_first_answer_may_still_run(
    labelling: Lab, is_one_packet: bool
) -> None:
    first, second = request(b"www.games.test"), request(b"allowed.test")
    if is_one_packet:
        labelling.send(Client(dport=80), 0, first + second)
    else:
        labelling.send(Client(dport=80), 0, first)
        labelling.send(Client(dport=80), len(first), second, SPOKEN)

    last = told(labelling)[-1]
    assert (last.two, last.three, last.categories) == (ALL_NAMES, ALL_NAMES, [70])


def test_another_connection_of_the_same_ports_begins_its_label_anew(labelling: Lab) -> None:
    labelling.send(Client(dport=80), 0, request(b"www.games.test"))
    later = Client(dport=80, isn=7_000_000)
    labelling.gate.feed(later.segment(-1, b"", SYN), 0, NOW_S)
    labelling.send(later, 0, request(b"allowed.test"))

    assert told(labelling)[-1][-3:] == (*hashed(b"allowed.test"), [])


@pytest.mark.parametrize("name", [b"help.test", b"blocked.test", b"www.help.test"])
def test_what_the_help_corridor_lets_in_and_what_is_blocked_has_no_label(labelling: Lab, name: bytes) -> None:
    labelling.send(Client(), 0, hello(name))

    assert told(labelling) == []


def test_different_names_in_one_hello_are_taken_to_be_every_name(labelling: Lab) -> None:
    labelling.send(Client(), 0, hello(b"a.allowed.test", b"b.other.test"))

    assert [(one.two, one.three) for one in told(labelling)] == [(ALL_NAMES, ALL_NAMES)]


def test_a_name_of_more_categories_than_fit_is_taken_to_be_of_every_category(
    tmp_path: Path, images: Images, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.lists = tuple(CATEGORIES)
    for number, spec in enumerate(CATEGORIES):
        monkeypatch.setitem(NUMBER, spec.id, number)
    lab = Lab(tmp_path, TableSet(images.names([(spec.id, "much.test", Mode.SUBTREE) for spec in CATEGORIES])))
    lab.gate.label(KEY)

    lab.send(Client(), 0, hello(b"much.test"))

    [one] = told(lab)
    assert one.categories == [*range(1, 8), ALL_CATEGORIES - 1]


def test_a_gate_without_a_key_labels_nothing(lab: Lab) -> None:
    lab.send(Client(), 0, hello(b"www.allowed.test"))

    assert told(lab) == []


def test_where_routing_is_asymmetric_a_connection_has_a_label_as_the_kernel_tracks_its_clients_half(
    labelling: Lab,
) -> None:
    mark = MARK_QUEUED | MARK_UNTRACKED
    labelling.gate.feed(Client().segment(-1, b"", SYN), mark, NOW_S)
    state_in(labelling.gate.feed(Client().segment(0, hello(b"www.games.test")), mark, NOW_S))

    [one] = told(labelling)
    assert (one.two, one.three, one.categories) == (*hashed(b"www.games.test"), [70])


def test_labels_beyond_the_room_of_a_batch_are_counted(labelling: Lab) -> None:
    for sport in range(1000, 1000 + 64 + 30):
        labelling.send(Client(sport=sport), 0, hello(b"www.games.test"))

    assert labelling.counted("gate_unlabelled") == 64 + 30 - len(told(labelling)) > 0


@pytest.mark.parametrize("octets", [hello(), b"SSH-2.0-OpenSSH_9.2\r\n" + bytes(40)])
def test_what_was_allowed_though_it_cannot_be_judged_has_the_category_of_that_and_no_name(
    labelling: Lab, octets: bytes
) -> None:
    labelling.send(Client(sport=4000), 0, octets)

    [one] = told(labelling)
    assert (one.two, one.three, one.categories) == (0, 0, [CATEGORIES_OF["undecidable"]])


def test_a_hello_with_a_name_that_is_none_has_the_category_beside_those_of_its_names(labelling: Lab) -> None:
    labelling.send(Client(), 0, hello(b"www.games.test", b"*"))

    [one] = told(labelling)
    assert (one.two, one.three) == hashed(b"www.games.test")
    assert sorted(one.categories) == sorted([70, CATEGORIES_OF["undecidable"]])


def test_what_cannot_be_judged_later_leaves_the_label_of_what_was_allowed(labelling: Lab) -> None:
    client = Client(sport=4000, dport=80)
    first = request(b"www.games.test")
    labelling.send(client, 0, first)
    before = told(labelling)
    labelling.send(client, len(first), b"\x00no request\r\n\r\n" * 10)

    assert [one.two for one in before] == [hashed(b"www.games.test")[0]]
    assert [one.two for one in told(labelling)] in ([], [hashed(b"www.games.test")[0]])


@pytest.mark.parametrize(("one", "other", "is_two", "is_three"), [
    (b"a.b.test", b"b.test", True, False),
    (b"x.a.b.test", b"a.b.test", True, True),
    (b"c.b.test", b"a.b.test", True, False),
    (b"b.test", b"b.test", True, True),
    (b"ab.test", b"b.test", False, True),
])  # fmt: skip
def test_names_share_a_hash_where_they_share_their_last_labels_or_have_no_third(
    one: bytes, other: bytes, is_two: bool, is_three: bool
) -> None:
    assert (hashed(one)[0] == hashed(other)[0], hashed(one)[1] == hashed(other)[1]) == (is_two, is_three)
    assert hashes_of(to_wire(one), bytes(16))[0] != hashed(one)[0]


def test_a_key_of_another_length_is_refused(lab: Lab) -> None:
    with pytest.raises(ValueError, match="it has 16"):
        lab.gate.label(bytes(8))
    with pytest.raises(ValueError, match="it has 16"):
        hashes_of(to_wire(b"a.test"), bytes(8))


def test_a_label_that_the_kernel_refuses_is_no_packet_and_no_fault_of_a_verdict() -> None:
    refused = struct.pack("=iIHHII", -2, 92, 0x0100, 1, 0, 0)
    whole = struct.pack("=IHHII", 16 + len(refused), 2, 0, 0, 0) + refused

    assert read_message(whole) is None
