"""The CRYPTO octets that clients send: hellos of aioquic's client for a listed or an allowed name of one length."""

import functools
import ssl

from adversary.streams import ALLOWED, LISTED
from aioquic._buffer import Buffer
from aioquic.quic.configuration import QuicConfiguration
from aioquic.quic.connection import QuicConnection
from aioquic.quic.packet import pull_quic_header
from support.packets.initials import V1, crypto_in, opened

LONG = tuple(str(n) * 240 for n in range(6))  # a hello of two datagrams, as a post-quantum key share makes it
LARGE = tuple(str(n % 10) * 250 for n in range(40))  # of nine


@functools.cache
def client_hello(alpn: tuple[str, ...]) -> tuple[bytes, bytes]:
    """The hello of aioquic's client for the allowed name, and the connection ID that it says is its own."""
    name = ALLOWED.decode()
    configuration = QuicConfiguration(
        is_client=True, alpn_protocols=["h3", *alpn], server_name=name, verify_mode=ssl.CERT_NONE
    )
    client = QuicConnection(configuration=configuration)
    client.connect(("203.0.113.1", 443), 0.0)
    octets = bytearray()
    for datagram, _ in client.datagrams_to_send(0.0):
        header = pull_quic_header(buffer := Buffer(data=datagram))
        frames = opened(datagram[: header.packet_length], V1, buffer.tell(), header.destination_cid)
        assert frames is not None
        for offset, piece in crypto_in(frames):
            octets[offset : offset + len(piece)] = piece
    return bytes(octets), client.host_cid


def _hello(is_listed: bool, alpn: tuple[str, ...] = ()) -> bytes:
    octets, _ = client_hello(alpn)
    assert octets.count(ALLOWED) == 1
    return octets.replace(ALLOWED, LISTED) if is_listed else octets


@functools.cache
def octets_of(hello: str, is_decoy: bool = False) -> bytes:
    """The octets of a hello by its name, which ends in `!` where it is for the listed name."""
    is_listed = hello.endswith("!") and not is_decoy
    match hello.rstrip("!"):
        case "hello":
            return _hello(is_listed)
        case "long hello":
            return _hello(is_listed, LONG)
        case "large hello":
            return _hello(is_listed, LARGE)
        case "two hellos":
            return _hello(False) + _hello(is_listed)
        case "junk":
            return b"\x02" * 300
        case _:
            raise KeyError(hello)


HELLOS = ("hello", "long hello", "large hello", "two hellos", "junk")
