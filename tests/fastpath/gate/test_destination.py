"""Destinations in the gate: whom a listed address is closed to, whatever port, protocol and payload."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from support.gate.lab import ALLOWED, BLOCKED, DECOY, NOW_S, REAL, SPOKEN, Lab, state_in
from support.images.opened import Entry, Images
from support.images.prefixes import entries
from support.packets.builders import SYN, Client, request

from fastpath.gate.marks import MARK_QUEUED, MARK_REPLY
from fastpath.images.image import open_image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import TableSet
from fastpath.images.verdict import Action, Channel, Mode, Tier
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.counters import read_counted
from fastpath.report.spool import BlockEvent, read_segment, segment_numbers, segment_path
from fastpath.wire.name import to_wire
from rules.base.category import category_number

WIREGUARD = b"\x01\x00\x00\x00" + bytes(144)  # its handshake initiation
CHILD, ADULT = "192.0.2.11", "192.0.2.12"
VPN, VPN6, OTHER = "203.0.113.5", "2001:db8:bad::5", "203.0.113.200"
LISTED = [
    *entries("adult", "203.0.113.0/25"),
    *entries("adult", "2001:db8:bad::/48"),
    *entries("orders", "198.51.100.66"),
    *entries("allowed", "203.0.113.9", Action.PASSTHRU),
    *entries("csam", "198.51.100.77"),
    ("help", "help.test", Mode.SUBTREE),
    ("orders", "blocked.test", Mode.SUBTREE),
]


def tables_of(images: Images, listed: list[Entry]) -> TableSet:
    """A child at CHILD and 2001:db8::11 closes `adult`, number 1; 192.0.2.66 is locked, and closes it, too."""
    closes = ProfileSpec(1 << 1, (), 0, 0)
    locked = ProfileSpec(1 << 1, (), NOW_S + 1000, 0)
    return TableSet(
        images.names(listed),
        subscribers=images.subscribers([(f"{CHILD}/32", 11), ("2001:db8::11/128", 11), ("192.0.2.66/32", 66)]),
        policy=images.policy([(11, closes), (66, locked)]),
    )


@pytest.fixture
def tables(images: Images) -> TableSet:
    return tables_of(images, LISTED)


def syn(lab: Lab, src: str, dst: str, dport: int = 9001) -> int:
    return lab.send(Client(src, dst, dport=dport), -1, b"", flags=SYN, isn=False)


def events(lab: Lab) -> list[BlockEvent]:
    spool = str(lab.folder / "spool")
    segments = [segment_path(spool, number) for number in segment_numbers(spool)]
    return [event for segment in segments for event in read_segment(segment, 0, 99).events]


@pytest.mark.parametrize(("src", "dst"), [(CHILD, VPN), ("2001:db8::11", VPN6)], ids=["v4", "v6"])
def test_a_listed_address_is_closed_at_every_port_over_udp_and_tcp(lab: Lab, src: str, dst: str) -> None:
    for dport in (51820, 443, 80, 53):
        assert lab.send_datagram(WIREGUARD, Client(src, dst, dport=dport)) == BLOCKED
        assert syn(lab, src, dst, dport) == BLOCKED
    assert lab.counted("gate_address_blocked") == lab.counted("gate_blocked") == 8


@pytest.mark.parametrize(("src", "dst"), [(ADULT, VPN), (CHILD, OTHER), (CHILD, "203.0.113.128"), (VPN, ADULT)])
def test_it_is_open_to_whom_it_is_not_closed_and_so_are_other_addresses(lab: Lab, src: str, dst: str) -> None:
    client = Client(src, dst, dport=9001)

    assert lab.send_datagram(WIREGUARD, client) == 0
    assert syn(lab, src, dst) == 0
    for state in range(7):
        assert lab.send(client, 0, b"anything", state) == state
    assert lab.counted("gate_blocked") == 0
    assert events(lab) == []


@pytest.mark.parametrize(("client", "server"), [(CHILD, VPN), ("2001:db8::11", VPN6)], ids=["v4", "v6"])
def test_a_listed_server_that_begins_is_stopped_as_its_client_s_packets_would_be_the_answers(
    lab: Lab, client: str, server: str
) -> None:
    begun = MARK_QUEUED | MARK_REPLY

    def feed(packet: bytes) -> int:
        return state_in(lab.gate.feed(packet, begun, NOW_S))

    for sport in (9001, 443):
        back = Client(server, client, sport, 40000)
        assert feed(back.datagram(WIREGUARD)) == BLOCKED
        assert feed(back.segment(-1, b"", SYN)) == BLOCKED
        assert feed(back.segment(0, b"goes on")) == BLOCKED
    assert lab.gate.injected() == []
    assert feed(Client(server, ADULT if client == CHILD else "2001:db8::12").datagram(WIREGUARD)) == 0
    assert {event.subscriber for event in events(lab)} == {None}


@pytest.mark.parametrize("protocol", [1, 47, 50, 132])
def test_a_listed_address_is_closed_in_every_protocol_of_ip(lab: Lab, closed_lab: Lab, protocol: int) -> None:
    def packet(src: str, dst: str) -> bytes:
        return Client(src, dst)._packet(protocol, b"\x08" + bytes(40))

    for each in (lab, closed_lab):
        for src, dst, bits, verdict in (
            (CHILD, VPN, 0, BLOCKED),
            (ADULT, VPN, 0, 0),
            (CHILD, OTHER, 0, 0),
            (VPN, CHILD, MARK_REPLY, BLOCKED),
            (VPN, ADULT, MARK_REPLY, 0),
        ):
            assert state_in(each.gate.feed(packet(src, dst), MARK_QUEUED | bits, NOW_S)) == verdict


def test_an_order_closes_an_address_to_everybody(lab: Lab) -> None:
    assert syn(lab, ADULT, "198.51.100.66") == syn(lab, "192.0.2.200", "198.51.100.66") == BLOCKED


def test_a_flow_that_runs_is_blocked_and_its_server_reset_where_the_list_came_later(lab: Lab) -> None:
    client = Client(CHILD, VPN)
    lab.open(client)

    assert lab.send(client, 500, b"more", SPOKEN) == BLOCKED
    [reset] = lab.gate.injected()
    assert ip_address(reset[16:20]) == ip_address(VPN)
    assert int.from_bytes(reset[24:28]) == client.isn + 500
    assert reset[33] & 0x04


def test_of_a_syn_nothing_is_told_to_the_server(lab: Lab) -> None:
    assert syn(lab, CHILD, VPN) == BLOCKED
    assert lab.gate.injected() == []


def test_a_block_is_recorded_with_its_prefix_and_of_nobody_as_anyone_may_have_written_a_first_packet(lab: Lab) -> None:
    syn(lab, "2001:db8::11", VPN6)
    lab.send_datagram(WIREGUARD, Client("2001:db8::11", VPN6, dport=51820))

    for event in events(lab):
        assert (event.channel, event.list, event.rule) == (Channel.ADDRESS, "adult", "2001:db8:bad::/48")
        assert event.subscriber is None
    assert len(events(lab)) == 2


def test_a_block_behind_a_handshake_is_recorded_of_its_line(lab: Lab) -> None:
    lab.open(Client(CHILD, VPN))

    assert lab.send(Client(CHILD, VPN), 0, DECOY, SPOKEN) == BLOCKED

    [event] = events(lab)
    assert (event.channel, event.list, event.subscriber) == (Channel.ADDRESS, "adult", 11)


def test_a_confidential_address_is_closed_and_leaves_a_count_alone(lab: Lab) -> None:
    assert syn(lab, ADULT, "198.51.100.77") == BLOCKED
    assert events(lab) == []


def test_at_an_open_address_names_decide_as_ever(lab: Lab) -> None:
    assert lab.send(Client(ADULT, VPN), 0, REAL) == BLOCKED
    assert lab.send(Client(ADULT, VPN, sport=1), 0, DECOY) == ALLOWED
    assert lab.counted("gate_address_blocked") == 0


def test_a_lock_is_no_matter_of_addresses_so_that_help_stays_open(lab: Lab) -> None:
    assert syn(lab, "192.0.2.66", VPN, 80) == 0
    assert lab.send(Client("192.0.2.66", VPN, dport=80), 0, request(b"help.test")) == ALLOWED
    assert lab.send(Client("192.0.2.66", VPN, dport=80, sport=1), 0, request(b"other.test")) == BLOCKED
    assert syn(lab, "192.0.2.66", "198.51.100.66") == BLOCKED


def test_names_that_look_like_addresses_close_none(tmp_path: Path, images: Images) -> None:
    lab = Lab(tmp_path, tables_of(images, [("orders", "5.113.0.203.4.rpz-ip.test", Mode.SUBTREE)]))

    assert syn(lab, CHILD, VPN) == 0


def test_addresses_of_a_delta_alone_are_looked_at(tmp_path: Path, images: Images) -> None:
    base = images.names([("orders", "blocked.test", Mode.SUBTREE)])
    delta = images.names(entries("orders", VPN), base)

    assert syn(Lab(tmp_path / "base", TableSet(base)), CHILD, VPN) == 0
    assert syn(Lab(tmp_path / "delta", TableSet(base, delta)), CHILD, VPN) == BLOCKED


@given(st.lists(st.tuples(st.integers(0, 255), st.integers(24, 32)), min_size=1, max_size=4), st.integers(0, 255))
def test_an_address_is_closed_exactly_where_a_listed_prefix_holds_it(
    tmp_path_factory: pytest.TempPathFactory, listed: list[tuple[int, int]], last: int
) -> None:
    folder = tmp_path_factory.mktemp("gate")
    prefixes = [ip_network((f"203.0.113.{octet}", bits), strict=False) for octet, bits in listed]
    image = Images(folder).names([entry for each in prefixes for entry in entries("orders", str(each))])
    address = ip_address(f"203.0.113.{last}")

    is_blocked = syn(Lab(folder / "lab", TableSet(image)), ADULT, str(address)) == BLOCKED

    assert is_blocked == any(address in each for each in prefixes)


# --------------------------------------------------------------------------------------- the class of ways around


@pytest.fixture
def ways(tmp_path: Path) -> Lab:
    """The category `bypass` has an address and a name; CHILD closes it."""
    images = Images(tmp_path)
    with (tmp_path / "names.img").open("wb") as out:
        spec = ListSpec("vpns", Tier.CATEGORY, category_number("bypass"), Action.SPLASH, False)
        builder = NamesBuilder(bytes(16), [spec])
        for _, name, mode, *_ in entries("vpns", VPN):
            builder.add(to_wire(name.encode()), 0, mode)
        builder.add(to_wire(b"blocked.test"), 0, Mode.SUBTREE)
        builder.build(out, 1)
    closes = ProfileSpec(1 << category_number("bypass"), (), 0, 0)
    return Lab(
        tmp_path / "lab",
        TableSet(
            open_image(tmp_path / "names.img", ImageKind.NAMES),
            subscribers=images.subscribers([(f"{CHILD}/32", 11)]),
            policy=images.policy([(11, closes)]),
        ),
    )


def seen(lab: Lab) -> tuple[int, int]:
    return lab.counted("gate_bypass_seen"), lab.counted("gate_bypass_blocked")


def met(lab: Lab) -> dict[tuple[int, int], int]:
    return read_counted(lab.folder / "counters")


def test_ways_around_are_counted_once_a_connection_blocked_or_not(ways: Lab) -> None:
    syn(ways, ADULT, VPN)
    ways.send(Client(ADULT, VPN), 0, DECOY)
    assert seen(ways) == (1, 0)
    syn(ways, CHILD, VPN)
    assert seen(ways) == (2, 1)
    ways.send_datagram(WIREGUARD, Client(ADULT, VPN, dport=51820))
    ways.send_datagram(WIREGUARD, Client(CHILD, VPN, dport=51820))
    assert seen(ways) == (4, 2)
    assert met(ways) == {(0, Channel.ADDRESS): 4}


@pytest.mark.parametrize("octets", [(443, REAL), (80, request(b"www.blocked.test:8080", b"/a b"))], ids=["TLS", "HTTP"])
def test_names_of_ways_around_are_counted_likewise(ways: Lab, octets: tuple[int, bytes]) -> None:
    dport, sent = octets

    ways.send(Client(ADULT, OTHER, dport=dport), 0, sent)
    assert seen(ways) == (1, 0)
    ways.send(Client(CHILD, OTHER, dport=dport), 0, sent)
    assert seen(ways) == (2, 1)
    ways.send(Client(CHILD, OTHER, dport=dport, sport=1), 0, DECOY if dport == 443 else request(b"allowed.test"))
    assert seen(ways) == (2, 1)
    assert met(ways) == {(0, Channel.SNI if dport == 443 else Channel.HTTP): 2}


@pytest.mark.parametrize(
    ("confidential", "action", "n"),
    [
        (False, Action.SPLASH, {(0, Channel.SNI): 1, (1, Channel.SNI): 1}),
        (True, Action.SPLASH, {(0, Channel.SNI): 1}),
        (False, Action.SHADOW, {(0, Channel.SNI): 1}),
    ],
    ids=["both", "a confidential one leaves no count", "one that is tried counts what it would block"],
)
def test_each_list_of_ways_around_counts_for_itself(
    tmp_path: Path, confidential: bool, action: Action, n: dict[tuple[int, int], int]
) -> None:
    bypass = category_number("bypass")
    with (tmp_path / "names.img").open("wb") as out:
        specs = [
            ListSpec("tor", Tier.CATEGORY, bypass, Action.SPLASH, False),
            ListSpec("vpn", Tier.CATEGORY, bypass, action, confidential),
        ]
        builder = NamesBuilder(bytes(16), specs)
        for number in range(2):
            builder.add(to_wire(b"blocked.test"), number, Mode.SUBTREE)
        builder.build(out, 1)
    lab = Lab(tmp_path / "lab", TableSet(open_image(tmp_path / "names.img", ImageKind.NAMES)))

    lab.send(Client(ADULT, OTHER), 0, REAL)
    assert lab.counted("gate_bypass_seen") == 1
    assert met(lab) == n


@pytest.mark.parametrize(
    ("dst", "is_blocked"),
    [
        ("64:ff9b::cb00:7105", True),
        ("64:ff9b::cb00:71c8", False),
        ("2002:cb00:7105::1", True),
        ("2002:cb00:71c8::1", False),
        ("64:ff9b:1::cb00:7105", False),
    ],
)
def test_the_ipv4_address_inside_of_one_of_nat64_or_6to4_is_judged_too(lab: Lab, dst: str, is_blocked: bool) -> None:
    assert (syn(lab, "2001:db8::11", dst) == BLOCKED) is is_blocked
