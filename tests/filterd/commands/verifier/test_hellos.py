"""First octets of clients."""

from aioquic._buffer import Buffer
from aioquic.quic.packet import QuicPacketType, pull_quic_header

from filterd.commands.verifier.hellos import client_hello, http_request, quic_initials


def test_a_client_hello_is_one_record_with_the_name() -> None:
    octets = client_hello("bad.example")
    assert octets[:2] == b"\x16\x03" and int.from_bytes(octets[3:5]) == len(octets) - 5
    assert b"bad.example" in octets


def test_quic_begins_with_initials_of_full_size_whose_octets_hide_the_name() -> None:
    datagrams = quic_initials("bad.example")
    assert all(len(each) >= 1200 and b"bad.example" not in each for each in datagrams)
    assert all(
        pull_quic_header(Buffer(data=each), host_cid_length=8).packet_type == QuicPacketType.INITIAL
        for each in datagrams
    )


def test_an_http_request_names_host_and_target() -> None:
    assert http_request("bad.example:8080", "/a?b").startswith(b"GET /a?b HTTP/1.1\r\nHost: bad.example:8080\r\n")
