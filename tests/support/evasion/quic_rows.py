"""E46 to E56: a ClientHello in QUIC Initials that are split, reordered, repeated or padded."""

import os
import random
import struct
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

from support.evasion import hellos
from support.evasion.frames import FRAGMENT
from support.evasion.hellos import X25519, X25519_MLKEM768, extension, extensions, message
from support.evasion.segments import FRAMINGS, NEAR_TTL, Plan, Row, Segment, Stream
from support.packets.builders import server_name
from support.packets.initials import (
    HANDSHAKE,
    INITIAL,
    PADDING,
    PING,
    V1,
    V2,
    ZERO_RTT,
    ack,
    crypto,
    crypto_of,
    initial,
    long_header,
    numbered,
    varint,
)

BOTH = FRAMINGS[::2]
DATAGRAM_OCTETS = 1200  # RFC 9000 §14.1: the least that a server takes
ROOM = 1000  # octets of the hello in a datagram
UNKNOWN_VERSION = 0x1A2A3A4A
OTHER_PORT_BY = 31_000  # to ports that no case has
SCID = bytes(range(8))
PARAMETERS = b"".join(
    varint(kind) + varint(len(value)) + value
    for kind, value in ((1, varint(30_000)), (4, varint(1 << 20)), (8, varint(100)), (15, SCID))
)


def quic_hello(name: bytes, groups: tuple[int, ...], size: int) -> bytes:
    parts = [server_name(name), *extensions(groups), extension(57, PARAMETERS)]
    return message(parts, size, session=b"")


HELLOS: dict[str, Callable[[bytes], bytes]] = {
    "QUIC": lambda name: quic_hello(name, (X25519,), 600),
    "QUIC post-quantum": lambda name: quic_hello(name, (X25519_MLKEM768, X25519), hellos.POST_QUANTUM_OCTETS),
}
LARGE = tuple(HELLOS)


def frames_of(octets: bytes, size: int = ROOM) -> list[bytes]:
    return crypto_of(octets, [size] * (len(octets) // size))


def datagrams(payloads: Sequence[bytes], dcid: bytes, **more: Any) -> list[Segment]:
    """One Initial in each datagram, numbered in order."""
    more = {"scid": SCID, "size": DATAGRAM_OCTETS, "number_octets": 2, **more}
    return [
        Segment(at=0, data=initial(frames, dcid=dcid, number=number, **more)) for number, frames in enumerate(payloads)
    ]


def plain(stream: Stream, version: int = V1, dcid_octets: int = 8) -> list[Segment]:
    return datagrams(frames_of(stream.octets), os.urandom(dcid_octets), version=version)


def from_two_ports(stream: Stream, is_reversed: bool = False) -> list[Segment]:
    """Halves of one stream; the last comes from the port by which the server's record is read."""
    first, last = datagrams(crypto_of(stream.octets, [300]), os.urandom(8))[:: -1 if is_reversed else 1]
    return [replace(first, port_by=OTHER_PORT_BY), last]


def shuffled(frames: list[bytes], seed: int = 9000) -> list[bytes]:
    return random.Random(seed).sample(frames, len(frames))


def chaos(stream: Stream) -> bytes:
    """Chromium's: frames in any order, PING and PADDING between them, one of them twice."""
    frames = shuffled(crypto_of(stream.octets, [7, 90, 3, 200, 61]))
    return b"".join(frame + PING + PADDING * 5 for frame in [*frames, frames[0]])


def in_one(make: Callable[[Stream], bytes], **more: Any) -> Plan:
    return lambda s: datagrams([make(s)], os.urandom(8), **more)


def spread(make: Callable[[Stream], list[bytes]], **more: Any) -> Plan:
    return lambda s: datagrams(make(s), os.urandom(8), **more)


def overlapping(stream: Stream) -> bytes:
    octets = stream.octets
    return (
        crypto(0, octets[:200]) + crypto(100, octets[100:400]) + crypto(50, octets[50:60]) + crypto(300, octets[300:])
    )


def overlapping_otherwise(stream: Stream) -> list[bytes]:
    """The name is told twice, first otherwise, in two datagrams; the beginning comes last."""
    at, n = stream.name_at, len(stream.name)
    return [
        crypto(at, stream.decoy[at : at + n]),
        crypto(0, stream.octets[: at + n]) + crypto(at + n, stream.octets[at + n :]),
    ]


def coalesced(stream: Stream, *kinds: int) -> list[Segment]:
    """Packets of other kinds in front of the Initial, in its datagram."""
    dcid = os.urandom(8)
    front = b"".join(numbered(kind, V1, 40, dcid) for kind in kinds)
    octets = initial(crypto(0, stream.octets), dcid=dcid, scid=SCID, size=DATAGRAM_OCTETS, number_octets=2)
    return [Segment(at=0, data=front + octets)]


def two_initials(stream: Stream, between: bytes = b"") -> list[Segment]:
    dcid = os.urandom(8)
    first = initial(crypto(0, stream.octets[:300]), dcid=dcid, scid=SCID, number_octets=2)
    rest = initial(crypto(300, stream.octets[300:]), dcid=dcid, scid=SCID, number=1, number_octets=2, size=900)
    return [Segment(at=0, data=first + between + rest)]


def behind(front: Sequence[Segment], version: int = V1) -> Plan:
    """Datagrams in front of the real ones."""
    return lambda s: [*front, *plain(s, version)]


def other_hello(stream: Stream, n: int = 1, is_one_connection: bool = True, **fooling: Any) -> list[Segment]:
    """n Initials with another name, of other connections; then the real ones."""
    dcid = os.urandom(8)
    decoys = []
    for _ in range(n):
        dcid = dcid if is_one_connection else os.urandom(8)
        octets = initial(crypto(0, stream.decoy[:ROOM]), dcid=dcid, scid=SCID, size=DATAGRAM_OCTETS, number_octets=2)
        decoys.append(Segment(at=0, data=octets, **fooling))
    return [*decoys, *plain(stream)]


def same_connection(stream: Stream, **fooling: Any) -> list[Segment]:
    """A decoy with the connection ID of the real one, and its packet number or another."""
    dcid = os.urandom(8)
    octets = initial(crypto(0, stream.decoy[:ROOM]), dcid=dcid, scid=SCID, size=DATAGRAM_OCTETS, number_octets=2)
    return [Segment(at=0, data=octets, **fooling), *datagrams(frames_of(stream.octets), dcid)]


def altered(stream: Stream, alter: Callable[[bytes], bytes]) -> list[Segment]:
    """A copy of the first datagram that no server takes, then the real ones."""
    real = plain(stream)
    return [Segment(at=0, data=alter(real[0].data)), *real]


def fragmented(stream: Stream, n: int, order: str) -> list[Segment]:
    return [Segment(at=0, data=one.data, fragment_octets=n, fragment_order=order) for one in plain(stream)]


def nested(stream: Stream) -> list[Segment]:
    return [replace(one, extensions=bytes([FRAGMENT])) for one in fragmented(stream, 64, "in order")]


def cut_hello(stream: Stream) -> list[Segment]:
    """Initials in datagrams that are too small for a server, then real ones of the same connection."""
    dcid = os.urandom(8)
    small = datagrams([crypto(0, stream.decoy[:300])], dcid, size=0)
    return [*small, *datagrams(frames_of(stream.octets), dcid)]


def after_answer(stream: Stream) -> list[Segment]:
    """The rest of the hello comes to the connection ID that the server has chosen."""
    dcid = os.urandom(8)
    first, *others = frames_of(stream.octets)

    def rest(answer: bytes) -> bytes:
        theirs = connection_ids(answer)[1]
        return initial(
            b"".join(others), dcid=theirs, keyed=dcid, scid=SCID, number=1, size=DATAGRAM_OCTETS, number_octets=2
        )

    return [*datagrams([first], dcid), Segment(at=0, answering=rest, awaits_answer=True)]


def after_retry(stream: Stream) -> list[Segment]:
    """The server asks for a token: a second connection begins, with keys of its own."""
    dcid = os.urandom(8)
    frames = frames_of(stream.octets)

    def again(number: int) -> Callable[[bytes], bytes]:
        def make(answer: bytes) -> bytes:
            theirs, token = connection_ids(answer)[1], retry_token(answer)
            return initial(
                frames[number], dcid=theirs, scid=SCID, token=token, number=number + 1, size=1200, number_octets=2
            )

        return make

    first, *others = range(len(frames))
    return [
        *datagrams(frames[:1], dcid),
        Segment(at=0, answering=again(first), awaits_answer=True),
        *(Segment(at=0, answering=again(number)) for number in others),
    ]


def connection_ids(packet: bytes) -> tuple[bytes, bytes]:
    """Destination and source connection ID of a long header."""
    n = packet[5]
    at = 6 + n
    return packet[6:at], packet[at + 1 : at + 1 + packet[at]]


def retry_token(packet: bytes) -> bytes:
    """RFC 9000 §17.2.5: between the connection IDs and 16 octets of integrity tag."""
    return packet[7 + packet[5] + packet[6 + packet[5]] : -16]


def too_short_to_be(n: int) -> bytes:
    return bytes([0x40]) + bytes(n - 1)


DECOYS = {
    "64 zeros": bytes(64),
    "0x40 and zeros": too_short_to_be(64),
    "STUN": struct.pack("!HHI", 1, 0, 0x2112A442) + bytes(12),
    "a question of DNS": b"\x12\x34\x01\x00\x00\x01" + bytes(6) + b"\x04test\x00\x00\x01\x00\x01",
    "1,200 zeros with a long header": b"\xc0" + bytes(1199),
    "an unknown version": long_header(INITIAL, UNKNOWN_VERSION, bytes(8), bytes(8), bytes(1177)),
    "a version negotiation": b"\x80\x00\x00\x00\x00\x08" + bytes(8) + b"\x08" + bytes(8) + b"\x00\x00\x00\x01",
    "255 octets of connection ID": long_header(INITIAL, V1, bytes(255), bytes(8), bytes(940)),
}
ALTERATIONS: dict[str, Callable[[bytes], bytes]] = {
    "E51 a wrong tag": lambda octets: octets[:-1] + bytes([octets[-1] ^ 1]),
    "E51 cut in the middle": lambda octets: octets[:600],
    "E51 cut in the header": lambda octets: octets[:20],
    "E50 a connection ID that is longer than it may be": lambda octets: octets[:5] + b"\x15" + octets[6:],
}


def row(name: str, plan: Plan, **more: Any) -> Row:
    return Row(name=name, plan=plan, **{"bases": ("QUIC",), "framings": BOTH, "server": "quic", **more})


ROWS = [
    row("control: QUIC as it is", plain, bases=LARGE, framings=FRAMINGS),
    row("E46 frames as Chromium makes them", in_one(chaos)),
    row("E46 frames in reverse", in_one(lambda s: b"".join(crypto_of(s.octets, [50] * 12)[::-1]))),
    row("E46 frames of one octet", in_one(lambda s: b"".join(crypto_of(s.octets, [1] * 40)))),
    row("E46 frames that overlap", in_one(overlapping)),
    row("E46 frames that contradict each other", spread(overlapping_otherwise), passes=False),
    row("E47 two datagrams", spread(lambda s: frames_of(s.octets, 300)), bases=LARGE),
    row("E47 many datagrams", spread(lambda s: frames_of(s.octets, 60))),
    row("E47 datagrams in reverse", spread(lambda s: frames_of(s.octets, 300)[::-1]), bases=LARGE),
    row("E47 datagrams twice", spread(lambda s: [frame for frame in frames_of(s.octets, 300) for _ in "12"])),
    row(
        "E47 pings between",
        spread(lambda s: [crypto(0, s.octets[:90]), PING, PING + PADDING * 9, crypto(90, s.octets[90:])]),
    ),
    row("E47 halves from two ports", from_two_ports),
    row("E47 halves from two ports, the second first", partial(from_two_ports, is_reversed=True)),
    # aioquic closes a connection that begins without CRYPTO
    row("E47 pings in front", spread(lambda s: [PING, PING + PADDING * 9, *frames_of(s.octets)]), reaches=False),
    row("E47 acknowledgements between", spread(lambda s: [frame + ack() for frame in frames_of(s.octets, 300)])),
    row("E47 packet numbers of four octets, far apart", in_one(lambda s: crypto(0, s.octets), number_octets=4)),
    # aioquic begins a connection only with an Initial in front
    row("E48 0-RTT in front", lambda s: coalesced(s, ZERO_RTT), reaches=False),
    row("E48 a handshake packet and 0-RTT in front", lambda s: coalesced(s, HANDSHAKE, ZERO_RTT), reaches=False),
    row("E48 0-RTT between two Initials", lambda s: two_initials(s, numbered(ZERO_RTT, V1, 40))),
    row("E48 two Initials in a datagram", two_initials),
    # zapret's `udplen`
    row("E48 zeros behind the Initial", lambda s: [replace(one, data=one.data + bytes(64)) for one in plain(s)]),
    row("E49 version 2", lambda s: plain(s, V2), bases=LARGE),
    *(row(f"E50 connection ID of {n} octets", partial(plain, dcid_octets=n)) for n in (8, 9, 16, 20)),
    row("E50 the server's connection ID", after_answer, bases=("QUIC post-quantum",)),
    row("E50 after a Retry", after_retry, bases=LARGE, server="quic retry"),
    *(row(f"{name}, first", partial(altered, alter=alter), bases=LARGE) for name, alter in ALTERATIONS.items()),
    row("E51 a small datagram first", cut_hello, passes=False),
    *(row(f"E52 {name} first", behind([Segment(at=0, data=octets)] * 6)) for name, octets in DECOYS.items()),
    row("E52 another hello first, low TTL", lambda s: other_hello(s, ttl=NEAR_TTL)),
    row("E52 eleven times another hello, low TTL", lambda s: other_hello(s, 11, ttl=NEAR_TTL)),
    row("E52 eleven other connections, low TTL", lambda s: other_hello(s, 11, is_one_connection=False, ttl=NEAR_TTL)),
    row("E52 five other connections", lambda s: other_hello(s, 5, is_one_connection=False)),
    row("E52 another hello of the same connection, low TTL", lambda s: same_connection(s, ttl=NEAR_TTL), passes=False),
    row("E53 another hello with a wrong checksum", lambda s: other_hello(s, is_checksum_bad=True)),
    row("E53 the same connection with a wrong checksum", lambda s: same_connection(s, is_checksum_bad=True)),
    *(
        row(
            f"E53 fragments of {n} octets, {order}",
            partial(fragmented, n=n, order=order),
            framings=FRAMINGS,
        )
        for n, order in ((64, "in order"), (256, "reversed"))
    ),
    row("E53 fragments within an atomic fragment", nested, framings=("IPv6",), reaches=False, passes=False),
    row("E54 a low source port", plain, is_low_port=True),
    row("E55 another port", plain, bases=LARGE, server="quic elsewhere"),
]
