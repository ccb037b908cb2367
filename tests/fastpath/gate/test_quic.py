"""QUIC through the gate: however a hello's octets come, the datagram that completes them has the verdict."""

import itertools
import random
import re
import struct
from pathlib import Path

import pytest
from support.gate.full_rules import FULL
from support.gate.lab import ALLOWED, BLOCKED, DROPPED, PARTIAL, QUIC, Lab, cut
from support.images.opened import Images
from support.packets.builders import Client, hello, hello_message
from support.packets.initials import (
    DCID,
    DRAFT_29,
    V1,
    V2,
    VERSIONS,
    ZERO_RTT,
    ack,
    crypto,
    initial,
    long_header,
    numbered,
)
from support.packets.quic_hellos import CHOSEN, LISTED, LONG, OTHER, OWN, whole

from fastpath.images.tables import TableSet
from fastpath.images.verdict import Mode
from fastpath.people.policy_writer import ProfileSpec
from fastpath.report.counters import read_confidential
from filterd.kernel.ruleset import ruleset
from rules.base.category import category_number


@pytest.mark.parametrize("client", [QUIC, Client("2001:db8::1", "2001:db8:1::1")], ids=["v4", "v6"])
@pytest.mark.parametrize("version", VERSIONS)
def test_a_listed_name_is_blocked_and_another_passes(lab: Lab, client: Client, version: int) -> None:
    assert lab.send_datagram(whole(OTHER, version=version, dcid=OWN), client) == 0
    assert lab.send_datagram(whole(LISTED, version=version), client) == BLOCKED
    assert lab.counted("gate_hellos") == lab.counted("gate_initials") == 2
    assert lab.gate.injected() == []


@pytest.mark.parametrize("name", [b"www.blocked.test", b"www.confidential.test"])
def test_a_block_of_what_anyone_may_have_written_is_counted_as_unproven_and_recorded_of_nobody(
    lab: Lab, name: bytes
) -> None:
    before = lab.reporter.counters.values()

    assert lab.send_datagram(whole(hello_message(name))) == BLOCKED

    moved = {name for name, n in lab.reporter.counters.values().items() if n != before[name]}
    assert moved == {"gate_packets", "gate_initials", "gate_hellos", "gate_unproven"}
    assert read_confidential(lab.folder / "counters") == {}


def test_a_lock_over_quic_leaves_no_record_of_its_line(lab: Lab) -> None:
    assert lab.send_datagram(whole(hello_message(b"www.allowed.test")), Client("192.0.2.66")) == BLOCKED
    assert lab.send_datagram(whole(hello_message(), dcid=OWN), Client("192.0.2.66", sport=2)) == BLOCKED

    assert lab.counted("gate_unproven") == 2
    assert lab.counted("gate_blocked") == lab.counted("events") == 0


def test_the_hello_of_a_connection_that_has_gone_on_is_unproven_as_well(lab: Lab) -> None:
    assert lab.send_datagram(initial(crypto(0, OTHER))) == 0

    assert lab.send_datagram(initial(crypto(len(OTHER), LISTED), number=1)) == BLOCKED

    assert lab.counted("gate_unproven") == 1
    assert lab.counted("gate_blocked") == lab.counted("events") == 0


@pytest.mark.parametrize("at", range(1, len(LISTED)))
def test_every_split_over_two_datagrams_is_blocked_with_the_last_in_both_orders(lab: Lab, at: int) -> None:
    pieces = [crypto(0, LISTED[:at]), crypto(at, LISTED[at:])]

    for dcid, order in ((DCID, pieces), (OWN, pieces[::-1])):
        states = [lab.send_datagram(initial(each, dcid=dcid, number=n)) for n, each in enumerate(order)]
        assert states == [PARTIAL, BLOCKED]


@pytest.mark.parametrize("seed", range(10))
def test_shuffled_repeated_and_overlapping_pieces_with_other_frames_between_are_one_hello(lab: Lab, seed: int) -> None:
    rng = random.Random(seed)
    for message, ends_in in ((LONG, BLOCKED), (hello_message(b"www.allowed.test", padding=1700), 0)):
        edges = sorted(rng.sample(range(1, len(message)), 12))
        pieces = [crypto(max(0, at - 3), message[max(0, at - 3) : at] + octets) for at, octets in cut(message, *edges)]
        rng.shuffle(pieces)
        frames = [b"\x01" + bytes(rng.randrange(5)) + piece + ack(0) for piece in [*pieces, *pieces[:3]]]
        halves = [b"".join(frames[:7]), b"".join(frames[7:])]
        dcid = bytes([ends_in]) * 8
        states = [lab.send_datagram(initial(each, dcid=dcid, number=n)) for n, each in enumerate(halves)]
        assert states == [PARTIAL, ends_in]


def test_a_decoy_with_another_connection_id_does_not_save_the_real_hello(lab: Lab) -> None:
    for _ in range(11):
        assert lab.send_datagram(whole(OTHER, dcid=OWN)) == 0

    assert lab.send_datagram(whole(LISTED)) == BLOCKED


def test_a_decoy_with_the_same_connection_id_contradicts_the_real_hello(lab: Lab) -> None:
    assert lab.send_datagram(whole(OTHER)) == 0
    assert lab.send_datagram(whole(LISTED, number=1)) == BLOCKED
    assert lab.counted("gate_overlap") == 1


def test_a_decoy_that_no_server_can_open_is_not_believed(lab: Lab) -> None:
    broken = bytearray(whole(OTHER))
    broken[-1] ^= 1

    assert lab.send_datagram(bytes(broken)) == DROPPED
    assert lab.counted("gate_unreadable") == 1
    assert lab.send_datagram(whole(LISTED)) == BLOCKED


def test_an_initial_that_no_key_opens_is_dropped_in_either_policy(lab: Lab, closed_lab: Lab) -> None:
    strange = initial(ack(0), dcid=CHOSEN, keyed=b"unknown!")

    for each in (lab, closed_lab):
        assert each.send_datagram(strange) == DROPPED
        each.send_datagram(whole(OTHER))
        assert each.send_datagram(strange) == DROPPED
        assert each.counted("gate_unreadable") == 2


def test_a_packet_number_that_leads_our_count_away_saves_nothing(lab: Lab) -> None:
    """The server missed the decoy, completes 300 by 200; we cannot, and let nothing pass that we cannot read."""
    assert lab.send_datagram(initial(b"\x01", number=1 << 31)) == 0
    assert lab.send_datagram(initial(crypto(0, LISTED[:50]), number=200)) == PARTIAL
    assert lab.send_datagram(initial(crypto(50, LISTED[50:]), number=300, number_octets=1)) == DROPPED


def test_later_initials_go_by_the_servers_connection_id_and_the_first_keys(lab: Lab) -> None:
    assert lab.send_datagram(initial(crypto(0, LONG[:1000]))) == PARTIAL
    assert lab.send_datagram(initial(crypto(1000, LONG[1000:]), dcid=CHOSEN, keyed=DCID, number=1)) == BLOCKED


def test_the_version_may_change_in_the_middle_of_a_hello(lab: Lab) -> None:
    assert lab.send_datagram(initial(crypto(0, LONG[:1000]))) == PARTIAL
    later = initial(crypto(1000, LONG[1000:]), version=V2, dcid=CHOSEN, keyed=DCID, number=1)
    assert lab.send_datagram(later) == BLOCKED


def test_after_a_retry_the_keys_are_those_of_the_new_connection_id(lab: Lab) -> None:
    assert lab.send_datagram(initial(crypto(0, LONG[:1000]))) == PARTIAL
    assert lab.send_datagram(whole(LISTED, dcid=CHOSEN, token=b"token")) == BLOCKED


def test_an_initial_behind_other_packets_of_the_datagram_is_judged(lab: Lab) -> None:
    for version in VERSIONS:
        early = numbered(ZERO_RTT, version)
        one, other = (f"{kind}{version:x}".encode().ljust(8) for kind in ("one", "other"))
        assert lab.send_datagram(early + whole(OTHER, version=version, dcid=one)) == 0
        assert lab.send_datagram(early + whole(LISTED, version=version, dcid=other)) == BLOCKED


def test_any_of_several_initials_of_one_datagram_blocks_it(lab: Lab) -> None:
    assert lab.send_datagram(initial(crypto(0, OTHER), dcid=OWN) + initial(crypto(0, LISTED))) == BLOCKED


def test_a_second_hello_after_a_retry_request_is_judged_like_the_first(lab: Lab) -> None:
    assert lab.send_datagram(whole(OTHER)) == 0
    first, second = LISTED[:40], LISTED[40:]
    assert lab.send_datagram(initial(crypto(len(OTHER), first), dcid=CHOSEN, keyed=DCID, number=1)) == PARTIAL
    later = initial(crypto(len(OTHER) + 40, second), dcid=CHOSEN, keyed=DCID, number=2)
    assert lab.send_datagram(later) == BLOCKED


@pytest.mark.parametrize("n", [1, 2, 30, len(LISTED) - 1])
def test_a_second_hello_that_begins_in_the_octets_of_the_first_is_blocked_in_either_policy(
    lab: Lab, closed_lab: Lab, n: int
) -> None:
    for each in (lab, closed_lab):
        assert each.send_datagram(initial(crypto(0, OTHER + LISTED[:n]))) == BLOCKED


@pytest.mark.parametrize("octets", range(8))
def test_an_id_that_no_client_may_begin_with_is_nobodys_and_leaves_nothing_behind(
    lab: Lab, closed_lab: Lab, octets: int
) -> None:
    chosen, stranger = bytes(octets), Client("192.0.2.99", sport=1234)
    for each in (lab, closed_lab):
        assert each.send_datagram(initial(crypto(0, LISTED), dcid=chosen, size=1200), stranger) == DROPPED
        assert each.send_datagram(initial(crypto(0, OTHER[:40]), dcid=chosen, size=1200), stranger) == DROPPED
        each.now_s += 400
        assert each.send_datagram(whole(OTHER, dcid=OWN)) == 0
        again = initial(ack(0), dcid=chosen, keyed=OWN, number=1, size=1200)  # its server has chosen the same ID
        assert each.send_datagram(again) == 0
        assert each.counted("gate_forgotten") == 0


def test_a_blocked_connection_stays_blocked_and_its_ports_are_free(lab: Lab) -> None:
    assert lab.send_datagram(whole(LISTED)) == BLOCKED
    lab.now_s += 3

    assert lab.send_datagram(initial(crypto(0, OTHER), number=1), Client(sport=7)) == BLOCKED
    assert lab.send_datagram(initial(ack(0), dcid=CHOSEN, keyed=DCID, number=2)) == DROPPED
    assert lab.send_datagram(whole(OTHER, dcid=OWN)) == 0


def test_as_many_connections_as_a_client_likes_stand_between_the_same_ports(lab: Lab) -> None:
    dcids = [bytes([n]) * 8 for n in range(7)]

    assert [lab.send_datagram(whole(OTHER, dcid=dcid)) for dcid in dcids] == [0] * 7
    later = [initial(ack(0), dcid=CHOSEN, keyed=dcid, number=1) for dcid in dcids]
    assert [lab.send_datagram(each) for each in later] == [0] * 7
    assert lab.send_datagram(whole(LISTED, dcid=OWN)) == BLOCKED


def test_one_client_has_only_so_many_initials_opened_in_a_second(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables, initials_a_second=3)
    sent = [whole(OTHER, dcid=bytes([n]) * 8) for n in range(5)]
    assert [lab.send_datagram(each) for each in sent] == [0, 0, 0, DROPPED, DROPPED]
    assert lab.send_datagram(whole(OTHER), Client("192.0.2.9")) == 0

    lab.now_s += 1
    assert lab.send_datagram(sent[4]) == 0


def test_no_client_pays_for_initials_of_another_whose_account_it_takes_over(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path, tables, initials_a_second=1)
    foreign = whole(OTHER, dcid=b"8 octets")[:-1] + b"\xff"  # opens with no key, and becomes no flow
    for number in range(30_000):  # of 65,536 accounts
        lab.send_datagram(foreign, Client(f"198.18.{number >> 8}.{number & 255}"))

    assert {lab.send_datagram(whole(OTHER, dcid=bytes([n]) * 8), Client(f"192.0.2.{n}")) for n in range(40)} == {0}


def test_an_unknown_version_goes_by_the_policy_and_only_at_a_port_of_quic(lab: Lab, closed_lab: Lab) -> None:
    unknown = long_header(0, 0x1A2A3A4A, more=bytes(1200))

    assert lab.send_datagram(unknown) == 0
    assert closed_lab.send_datagram(unknown) == DROPPED
    assert closed_lab.send_datagram(unknown, Client(dport=4433)) == 0
    assert lab.counted("gate_unknown_quic") == closed_lab.counted("gate_unknown_quic") == 1


@pytest.mark.parametrize(
    ("message", "counter"),
    [
        (hello_message(), "gate_no_name"),
        (hello_message(b"192.0.2.1"), "gate_malformed"),
        (b"\x02" + LISTED[1:], "gate_not_tls"),
        (b"\x01\x01\x00\x01" + LISTED[4:], "gate_too_big"),
    ],
    ids=["no name", "an address for a name", "no hello", "too long"],
)
def test_what_cannot_be_decided_is_counted_and_goes_by_the_policy(
    lab: Lab, closed_lab: Lab, message: bytes, counter: str
) -> None:
    assert lab.send_datagram(whole(message)) == 0
    assert closed_lab.send_datagram(whole(message)) == BLOCKED
    assert lab.counted(counter) == 1


def test_octets_far_beyond_any_hello_are_undecidable(lab: Lab, closed_lab: Lab) -> None:
    far = initial(crypto(200_000, b"x"))

    assert lab.send_datagram(far) == 0
    assert closed_lab.send_datagram(far) == BLOCKED
    assert lab.send_datagram(whole(LISTED, number=1)) == BLOCKED


def test_a_locked_subscriber_is_blocked_whatever_the_name(lab: Lab) -> None:
    assert lab.send_datagram(whole(OTHER), Client("192.0.2.66")) == BLOCKED


def test_what_is_no_quic_passes(lab: Lab, closed_lab: Lab) -> None:
    for octets in (b"", b"\x00" * 64, b"\x40" + bytes(40), b"\xc0", b"\xc0\x00\x00\x00\x01\xff" + bytes(300)):
        assert lab.send_datagram(octets) == closed_lab.send_datagram(octets) == 0


def test_chopped_and_changed_datagrams_never_let_the_listed_name_pass_whole(lab: Lab) -> None:
    rng = random.Random(3)
    octets = whole(LISTED)
    for n, at in itertools.product(range(4), range(0, len(octets), 7)):
        lab.now_s += 1  # for its share of Initials
        octets = whole(LISTED, dcid=struct.pack("!II", n, at))
        changed = bytearray(octets)
        changed[at] ^= 1 << rng.randrange(8)
        lab.send_datagram(bytes(changed))
        lab.send_datagram(octets[:at])
        assert lab.send_datagram(octets) == BLOCKED


def test_drafts_and_versions_are_the_ones_that_the_kernel_queues() -> None:
    [queued] = re.findall(r"@th,72,32 \{ (.*?) \}", ruleset(FULL))

    assert {int(version, 16) for version in queued.split(", ")} == {V1, V2, DRAFT_29}


# ------------------------------------------------------------------------------------ who is to do without QUIC


@pytest.fixture
def refusing(tmp_path: Path, images: Images) -> Lab:
    """192.0.2.11 and 2001:db8::11 refuse QUIC."""
    refuses = ProfileSpec(1 << category_number("quic"), (), 0, 0)
    subscribers = images.subscribers([("192.0.2.11/32", 11), ("2001:db8::11/128", 11)])
    names = images.names([("orders", "blocked.test", Mode.SUBTREE)])
    tables = TableSet(names, subscribers=subscribers, policy=images.policy([(11, refuses)]))
    return Lab(tmp_path / "refusing", tables)


@pytest.mark.parametrize("child", [Client("192.0.2.11"), Client("2001:db8::11", "2001:db8:1::1")], ids=["v4", "v6"])
@pytest.mark.parametrize("version", [*VERSIONS, 0x1A2A3A4A])
def test_whoever_refuses_quic_gets_none_of_it_and_goes_on_over_tcp(refusing: Lab, child: Client, version: int) -> None:
    sent = whole(OTHER, version=version) if version in VERSIONS else long_header(0, version, more=bytes(1200))

    assert refusing.send_datagram(sent, child) == DROPPED
    assert refusing.send_datagram(sent, child) == DROPPED
    assert refusing.counted("gate_quic_refused") == 2
    assert refusing.counted("gate_initials") == 0
    assert refusing.send(child, 0, hello(b"www.allowed.test")) == ALLOWED


def test_others_keep_their_quic(refusing: Lab) -> None:
    assert refusing.send_datagram(whole(OTHER), Client("192.0.2.12")) == 0
    assert refusing.counted("gate_quic_refused") == 0
