"""A hello over QUIC again in another version, and several datagrams in one packet."""

import pytest
from support.gate.lab import BLOCKED, PARTIAL, Lab
from support.packets.builders import hello_message
from support.packets.initials import V1, V2, crypto, initial, numbered
from support.packets.quic_hellos import LISTED, OTHER, whole

RANDOM = slice(6, 38)


def with_random(message: bytes, octet: int) -> bytes:
    """The same hello with other random octets."""
    return message[: RANDOM.start] + bytes([octet]) * 32 + message[RANDOM.stop :]


def with_extension(message: bytes, kind: int, content: bytes) -> bytes:
    """A hello with one extension more, behind the others."""
    added = kind.to_bytes(2) + len(content).to_bytes(2) + content
    size = int.from_bytes(message[1:4]) + len(added)
    at = 4 + 2 + 32 + 1 + message[38]
    at += 2 + int.from_bytes(message[at : at + 2])
    at += 1 + message[at]
    n = int.from_bytes(message[at : at + 2]) + len(added)
    return message[:1] + size.to_bytes(3) + message[4:at] + n.to_bytes(2) + message[at + 2 :] + added


@pytest.mark.parametrize("kind", [51, 57], ids=["key share", "transport parameters"])
def test_a_client_that_says_its_hello_in_another_version_under_one_connection_id_is_served(
    lab: Lab, closed_lab: Lab, kind: int
) -> None:
    first, second = (with_extension(with_random(OTHER, n), kind, bytes([n]) * 30) for n in (1, 2))
    for each in (lab, closed_lab):
        assert each.send_datagram(whole(first, version=V2)) == 0
        assert each.send_datagram(whole(second, version=V1)) == 0
        assert each.send_datagram(whole(second, version=V1, number=1)) == 0
        assert each.counted("gate_overlap") == 0


def test_it_is_served_where_its_second_hello_comes_in_pieces(closed_lab: Lab) -> None:
    first, second = with_random(OTHER, 1), with_random(OTHER, 2)
    assert closed_lab.send_datagram(whole(first, version=V2)) == 0
    for number, at in enumerate((20, 0)):
        piece = second[at : at + 20] if at == 0 else second[at:]
        assert closed_lab.send_datagram(initial(crypto(at, piece), number=number, size=1200)) == 0


@pytest.mark.parametrize(
    "second",
    [LISTED, with_extension(OTHER, 10, bytes(30)), with_random(hello_message(b"www.other22.test"), 2)],
    ids=["another name", "another extension", "another allowed name"],
)
def test_a_hello_that_differs_in_what_is_read_contradicts_the_first_in_any_version(lab: Lab, second: bytes) -> None:
    first = with_extension(with_random(OTHER, 1), 51, bytes(30))
    assert lab.send_datagram(whole(first, version=V2)) == 0

    assert lab.send_datagram(whole(second, version=V1)) == BLOCKED
    assert lab.counted("gate_overlap") == 1


def test_no_part_of_a_hello_that_is_not_whole_is_taken_for_another_s(lab: Lab) -> None:
    assert lab.send_datagram(initial(crypto(0, with_random(OTHER, 1)[:60]), version=V2, size=1200)) == PARTIAL

    assert lab.send_datagram(whole(with_random(OTHER, 2))) == BLOCKED


# -- several datagrams in one packet -----------------------------------------------------------------------------------

JUNK = b"\x40" + bytes(1199)


@pytest.mark.parametrize(
    "before",
    [JUNK, b"\x00" * 1250, whole(OTHER, dcid=b"\x33" * 8), numbered(1) + bytes(1300), JUNK * 20],
    ids=["a short header", "padding", "another connection", "a packet that no one opens", "twenty"],
)
def test_every_hello_of_several_datagrams_in_one_packet_is_judged(lab: Lab, closed_lab: Lab, before: bytes) -> None:
    for each in (lab, closed_lab):
        assert each.send_datagram(before + whole(LISTED)) == BLOCKED
        assert each.send_datagram(before + whole(OTHER, dcid=b"\x44" * 8)) == 0


@pytest.mark.parametrize("at", [1, 500, 1199])
def test_what_stands_within_the_least_octets_of_an_initial_is_no_second_datagram(closed_lab: Lab, at: int) -> None:
    for carried in (numbered(1), whole(LISTED)):
        assert closed_lab.send_datagram(b"\x40" + bytes(at - 1) + carried + bytes(1300)) == 0


def test_a_hello_over_two_datagrams_in_one_packet_is_judged_and_an_allowed_one_passes(closed_lab: Lab) -> None:
    for message, dcid, verdict in ((LISTED, b"\x11" * 8, BLOCKED), (OTHER, b"\x22" * 8, PARTIAL)):
        halves = [crypto(40, message[40:]), crypto(0, message[:40])]
        packet = b"".join(initial(half, dcid=dcid, number=n, size=1250) for n, half in enumerate(halves))
        assert closed_lab.send_datagram(packet) == verdict
