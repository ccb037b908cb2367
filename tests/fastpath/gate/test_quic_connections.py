"""QUIC connections: one stream by its connection ID, wherever its pieces come from; Retry, versions, other ports."""

import itertools
import struct
from pathlib import Path

import pytest
from support.gate.lab import BLOCKED, DROPPED, PARTIAL, QUIC, Lab
from support.packets.builders import Client, hello_message
from support.packets.initials import (
    DCID,
    DRAFT_29,
    HANDSHAKE,
    V1,
    V2,
    VERSIONS,
    ZERO_RTT,
    ack,
    crypto,
    initial,
    numbered,
)
from support.packets.quic_hellos import CHOSEN, LISTED, LONG, OTHER, OWN, whole

from fastpath.gate.marks import MARK_REPLY, MARK_UNTRACKED
from fastpath.images.tables import TableSet

# ---------------------------------------------------------------------- one stream, wherever its pieces come from


def halves(first: bytes = LONG[:1000], rest: bytes = LONG[1000:], **more: object) -> tuple[bytes, bytes]:
    """Two Initials of one connection."""
    return initial(crypto(0, first)), initial(crypto(len(first), rest), number=1, **more)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "other",
    [
        Client(sport=50001),
        Client(dst="198.51.100.2", sport=50000),
        Client("192.0.2.77", sport=50001),
        Client("2001:db8::1", "2001:db8:1::1", sport=50002),
        Client(dport=8443, sport=50003),
    ],
    ids=["another port", "another server", "another client", "another IP version", "another server's port"],
)
def test_halves_of_a_hello_are_one_wherever_they_come_from_and_go_to(lab: Lab, other: Client) -> None:
    first, rest = halves()

    assert lab.send_datagram(first) == PARTIAL
    assert lab.send_datagram(rest, other) == BLOCKED


@pytest.mark.parametrize("at", range(1, len(LISTED), 3))
def test_every_split_over_two_ports_is_blocked_in_both_orders(lab: Lab, at: int) -> None:
    pieces = [crypto(0, LISTED[:at]), crypto(at, LISTED[at:])]

    for dcid, order in ((DCID, pieces), (OWN, pieces[::-1])):
        states = [
            lab.send_datagram(initial(each, dcid=dcid, number=n), Client(sport=n + 1)) for n, each in enumerate(order)
        ]
        assert states == [PARTIAL, BLOCKED]


def test_what_contradicts_a_stream_is_blocked_from_another_port_too(lab: Lab) -> None:
    assert lab.send_datagram(whole(OTHER)) == 0
    assert lab.send_datagram(whole(LISTED, number=1), Client(sport=1)) == BLOCKED
    assert lab.counted("gate_overlap") == 1


def test_an_honest_hello_in_pieces_passes_and_its_ports_stay_in_their_state(lab: Lab, closed_lab: Lab) -> None:
    message = hello_message(b"www.allowed.test", padding=1700)
    first, rest = halves(message[:1000], message[1000:])

    for each in (lab, closed_lab):
        assert each.send_datagram(first) == PARTIAL
        assert each.send_datagram(rest, state=PARTIAL) == PARTIAL
        assert each.send_datagram(initial(ack(0), dcid=CHOSEN, keyed=DCID, number=2), state=PARTIAL) == PARTIAL
        assert each.counted("gate_unreadable") == 0


def test_the_servers_connection_id_is_followed_at_the_ports_of_the_last_initial_alone(lab: Lab) -> None:
    first, rest = halves(dcid=CHOSEN, keyed=DCID)

    assert lab.send_datagram(first) == PARTIAL
    assert lab.send_datagram(rest, Client(sport=1)) == DROPPED
    assert lab.send_datagram(initial(b"\x01", number=2), Client(sport=1)) == PARTIAL
    assert lab.send_datagram(rest, Client(sport=1)) == BLOCKED


def test_a_connection_goes_on_among_many_others_of_its_client(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path / "many", tables, n_flows=1024)
    first, rest = halves(dcid=CHOSEN, keyed=DCID)
    lab.send_datagram(first)
    for n in range(100):
        lab.send_datagram(whole(OTHER, dcid=struct.pack("!Q", n)), Client(sport=n + 1))

    assert lab.send_datagram(rest) == BLOCKED


def test_the_keys_of_other_connections_at_the_same_ports_are_tried_at_the_clients_expense(
    tmp_path: Path, tables: TableSet
) -> None:
    lab = Lab(tmp_path / "dear", tables, n_flows=1024, initials_a_second=40)
    for n in range(20):
        assert lab.send_datagram(whole(OTHER, dcid=struct.pack("!Q", n))) == 0

    assert lab.send_datagram(initial(ack(0), dcid=CHOSEN, keyed=b"unknown!")) == DROPPED
    assert lab.send_datagram(whole(OTHER)) == DROPPED
    assert lab.counted("gate_over_budget") == 1


@pytest.fixture
def tight(tmp_path: Path, tables: TableSet) -> Lab:
    """A gate in which ten half hellos are a subscriber's share."""
    return Lab(tmp_path / "tight", tables, n_flows=4096, n_windows=64, share=10)


def press(lab: Lab) -> None:
    """Other connections of the same client, until its share of memory is used up."""
    for n in range(60):
        lab.send_datagram(initial(crypto(0, OTHER[:50]), dcid=struct.pack("!Q", n)), Client(sport=1000 + n))


@pytest.mark.parametrize("client", [QUIC, Client(sport=7)], ids=["the same port", "another port"])
def test_half_a_hello_that_was_evicted_is_not_completed(tight: Lab, client: Client) -> None:
    first, rest = halves()
    tight.send_datagram(first)
    press(tight)

    assert tight.send_datagram(rest, client) == BLOCKED
    assert tight.send_datagram(rest, client) == BLOCKED
    assert tight.counted("gate_forgotten") == 1


def test_half_a_hello_that_was_evicted_is_not_completed_under_the_servers_connection_id(tight: Lab) -> None:
    first, rest = halves(dcid=CHOSEN, keyed=DCID)
    tight.send_datagram(first)
    press(tight)

    assert tight.send_datagram(rest, state=PARTIAL) == DROPPED


# -------------------------------------------------------- connection IDs: short, long, chosen by others, used again


@pytest.mark.parametrize("n", range(8, 21))
def test_a_connection_id_of_any_length_that_a_client_may_choose_names_a_stream(lab: Lab, n: int) -> None:
    dcid = bytes(range(n))
    first, rest = initial(crypto(0, LONG[:1000]), dcid=dcid), initial(crypto(1000, LONG[1000:]), dcid=dcid, number=1)

    assert lab.send_datagram(first) == PARTIAL
    assert lab.send_datagram(rest, Client(sport=1)) == BLOCKED


def test_connection_ids_that_differ_in_length_alone_name_different_streams(lab: Lab) -> None:
    assert lab.send_datagram(whole(LISTED, dcid=bytes(8))) == BLOCKED
    for n in (9, 20):
        assert lab.send_datagram(whole(OTHER, dcid=bytes(n))) == 0


@pytest.mark.parametrize("theirs", [b"", b"\x05", CHOSEN], ids=["none", "one octet", "twelve"])
def test_whoever_uses_the_connection_id_that_a_server_has_chosen_does_not_block_its_client(
    lab: Lab, theirs: bytes
) -> None:
    verdict = BLOCKED if len(theirs) >= 8 else DROPPED  # RFC 9000 §7.2: no client's first one is shorter
    assert lab.send_datagram(whole(LISTED, dcid=theirs), Client("192.0.2.200")) == verdict

    assert lab.send_datagram(whole(OTHER)) == 0
    assert lab.send_datagram(initial(ack(0), dcid=theirs, keyed=DCID, number=1)) == 0


def test_a_decoy_under_the_servers_connection_id_hides_nothing(lab: Lab) -> None:
    first, rest = halves(dcid=CHOSEN, keyed=DCID)

    assert lab.send_datagram(first) == PARTIAL
    assert lab.send_datagram(whole(OTHER, dcid=CHOSEN), state=PARTIAL) == PARTIAL
    assert lab.send_datagram(rest, state=PARTIAL) == BLOCKED


def test_a_guessed_packet_under_a_known_connection_id_does_not_harm_it(lab: Lab) -> None:
    """Whoever does not know its keys changes nothing in a connection: neither its stream nor where it is found."""
    message = hello_message(b"www.allowed.test", padding=1700)
    first, rest = halves(message[:1000], message[1000:])
    assert lab.send_datagram(first) == PARTIAL

    assert lab.send_datagram(initial(crypto(0, LISTED), keyed=b"unknown!", version=V2), Client("192.0.2.9")) == DROPPED
    assert lab.send_datagram(rest) == 0
    assert lab.send_datagram(initial(ack(0), dcid=CHOSEN, keyed=DCID, number=2)) == 0


# ------------------------------------------------------------------------------------- other versions, Retry


@pytest.mark.parametrize("at", range(1, len(LISTED), 5))
@pytest.mark.parametrize(("one", "other"), [(V1, V2), (V2, V1), (V1, DRAFT_29)])
def test_one_connection_id_in_two_versions_names_one_stream(lab: Lab, one: int, other: int, at: int) -> None:
    assert lab.send_datagram(initial(crypto(0, LISTED[:at]), version=one)) == PARTIAL
    assert lab.send_datagram(initial(crypto(at, LISTED[at:]), version=other, number=1)) == BLOCKED


def test_the_same_hello_again_in_another_version_passes_and_another_one_contradicts_it(lab: Lab) -> None:
    assert [lab.send_datagram(whole(OTHER, version=version)) for version in VERSIONS] == [0, 0, 0]
    assert lab.send_datagram(whole(hello_message(b"www.allowed2.test"), version=V2)) == BLOCKED


def test_after_a_compatible_negotiation_the_client_goes_on_in_the_new_version(lab: Lab, closed_lab: Lab) -> None:
    """RFC 9368 §2.3: keys of the new version from the first connection ID; the hello is not repeated."""
    for each in (lab, closed_lab):
        assert each.send_datagram(whole(OTHER)) == 0
        assert each.send_datagram(initial(ack(0), version=V2, dcid=CHOSEN, keyed=DCID, number=1)) == 0


def test_after_an_incompatible_negotiation_the_client_begins_anew(lab: Lab, closed_lab: Lab) -> None:
    negotiation = b"\x80" + bytes(4) + b"\x00\x08" + DCID + struct.pack("!I", V1)
    for each in (lab, closed_lab):
        assert each.send_datagram(whole(OTHER, version=V2)) == 0
        assert each.send_datagram(negotiation, Client(dport=8443)) == 0
        assert each.send_datagram(whole(OTHER, dcid=OWN, version=V1)) == 0


def test_after_a_retry_an_honest_client_goes_on_in_either_policy(lab: Lab, closed_lab: Lab) -> None:
    """RFC 9001 §5.2: the keys are those of the Retry's connection ID; the client may number on."""
    message = hello_message(b"www.allowed.test", padding=1700)
    for each in (lab, closed_lab):
        first, rest = (crypto(0, message[:1000]), crypto(1000, message[1000:]))
        sent = [initial(first), initial(rest, number=1)]
        sent += [initial(frames, dcid=CHOSEN, token=b"token", number=n) for n, frames in ((2, first), (3, rest))]
        sent += [initial(ack(0), dcid=b"server's", keyed=CHOSEN, number=4)]
        assert [each.send_datagram(datagram) for datagram in sent] == [PARTIAL, 0, PARTIAL, 0, 0]


def test_early_data_and_handshake_packets_pass_at_any_ports(lab: Lab, closed_lab: Lab) -> None:
    for each, kind in itertools.product((lab, closed_lab), (ZERO_RTT, HANDSHAKE)):
        assert each.send_datagram(numbered(kind, dcid=CHOSEN), Client(sport=9)) == 0
        assert each.send_datagram(numbered(kind, dcid=CHOSEN), Client(sport=9), PARTIAL) == PARTIAL


def test_a_client_that_moves_during_its_handshake_is_dropped_under_the_servers_connection_id(lab: Lab) -> None:
    """RFC 9000 §9: no client moves before its handshake is confirmed, and then it sends no Initials."""
    assert lab.send_datagram(whole(OTHER)) == 0
    moved = Client(sport=50009)

    assert lab.send_datagram(initial(ack(0), dcid=CHOSEN, keyed=DCID, number=1), moved) == DROPPED
    assert lab.send_datagram(whole(OTHER), moved) == 0
    assert lab.send_datagram(initial(ack(0), dcid=CHOSEN, keyed=DCID, number=1), moved) == 0


def test_several_connections_in_one_datagram_are_each_judged_and_any_unfinished_one_is_waited_for(lab: Lab) -> None:
    half = initial(crypto(0, LISTED[:40]))
    done = initial(crypto(0, OTHER), dcid=OWN)

    assert lab.send_datagram(half + done) == PARTIAL
    assert lab.send_datagram(done + half) == PARTIAL
    assert lab.send_datagram(initial(crypto(40, LISTED[40:]), number=1) + done) == BLOCKED


@pytest.mark.parametrize("length", [0, 1, 19, 20, 21, 63, 0x3FFF])
def test_a_length_that_is_wrong_completes_nothing(lab: Lab, length: int) -> None:
    """As RFC 9000 §12.2 has it: what is behind such a packet cannot be read, by us or a server."""
    first, rest = halves()
    assert lab.send_datagram(first) == PARTIAL
    at = 1 + 4 + 1 + len(DCID) + 1 + 1
    wrong = rest[:at] + struct.pack("!H", 0x4000 | length) + rest[at + 2 :]
    assert lab.send_datagram(wrong + first) in (0, DROPPED)

    assert lab.send_datagram(rest) == BLOCKED


def test_every_cut_of_a_datagram_completes_nothing(lab: Lab) -> None:
    first, rest = halves()
    assert lab.send_datagram(first) == PARTIAL
    for at in range(len(rest)):
        assert lab.send_datagram(rest[:at]) in (0, DROPPED)

    assert lab.send_datagram(rest) == BLOCKED


# ---------------------------------------------------------------------------- elsewhere, in both directions

THERE = Client(sport=50000, dport=8443)
BACK = Client(THERE.dst, THERE.src, THERE.dport, THERE.sport)


def answer(frames: bytes = ack(0), **more: object) -> bytes:
    """The server's Initial, to the connection ID that its client has chosen for itself."""
    return initial(frames, dcid=b"client's", keyed=DCID, side=b"server in", **more)  # type: ignore[arg-type]


@pytest.mark.parametrize("version", VERSIONS)
def test_the_servers_own_initials_pass_whatever_the_state_of_their_ports(
    lab: Lab, closed_lab: Lab, version: int
) -> None:
    for each in (lab, closed_lab):
        assert each.send_datagram(initial(crypto(0, OTHER[:50])), THERE) == PARTIAL
        sent = answer(version=version)
        assert each.send_datagram(sent, BACK, PARTIAL, MARK_REPLY) == PARTIAL
        assert each.send_datagram(sent, BACK, bits=MARK_REPLY) == 0
        assert each.send_datagram(sent, BACK) == 0
        assert each.counted("gate_unreadable") == 0


def test_a_servers_own_initials_count_for_the_client_that_asked_it(tmp_path: Path, tables: TableSet) -> None:
    lab = Lab(tmp_path / "busy", tables, n_flows=64, initials_a_second=3)
    for n in range(1, 20):
        asking, dcid = Client(f"192.0.2.{n}", dport=8443), bytes([n]) * 8
        answering = Client(asking.dst, asking.src, asking.dport, asking.sport)
        sent = initial(ack(0), dcid=b"client's", keyed=dcid, side=b"server in")
        assert lab.send_datagram(whole(OTHER, dcid=dcid), asking) == 0
        assert lab.send_datagram(sent, answering, bits=MARK_REPLY) == 0


def test_a_client_whose_entry_somebody_began_in_its_servers_name_is_judged(lab: Lab) -> None:
    first, rest = halves(dcid=CHOSEN, keyed=DCID)

    assert lab.send_datagram(whole(LISTED, dcid=OWN), THERE, bits=MARK_REPLY) == BLOCKED
    assert lab.send_datagram(first, THERE, bits=MARK_REPLY) == PARTIAL
    assert lab.send_datagram(rest, THERE, PARTIAL, MARK_REPLY) == BLOCKED


def test_what_a_client_sends_in_the_place_of_an_answer_passes_by_no_key_of_its_own(lab: Lab) -> None:
    """A connection the other way round, of the client's making, does not make it a server."""
    first, rest = halves(dcid=CHOSEN, keyed=DCID)
    lab.send_datagram(first, Client(sport=1, dport=8443))
    lab.send_datagram(whole(OTHER, dcid=OWN, scid=CHOSEN), BACK)

    assert lab.send_datagram(rest, THERE, bits=MARK_REPLY) == DROPPED


def test_where_routing_is_asymmetric_an_answer_alone_goes_by_the_policy(lab: Lab, closed_lab: Lab) -> None:
    sent = answer()

    assert lab.send_datagram(sent, BACK, bits=MARK_UNTRACKED) == 0
    assert lab.send_datagram(sent, BACK, PARTIAL, MARK_UNTRACKED) == DROPPED
    assert closed_lab.send_datagram(sent, BACK, bits=MARK_UNTRACKED) == DROPPED


def test_where_routing_is_asymmetric_nothing_unread_of_a_known_connection_passes(lab: Lab) -> None:
    assert lab.send_datagram(whole(OTHER), THERE, bits=MARK_UNTRACKED) == 0
    strange = initial(ack(0), dcid=CHOSEN, keyed=b"unknown!")

    assert lab.send_datagram(strange, THERE, bits=MARK_UNTRACKED) == DROPPED
