"""Packets of both directions in any order raise nothing, and a stream tells the same names however it is cut.

Input: a port's octet, how the stream is cut, the stream.  The stream is also fed as packets, each behind its length.
"""

from collections.abc import Iterator

from support.gate.tap_lab import from_server
from support.packets.builders import Client

from fastpath.report.trace import Sighting
from fastpath.tap.passive import Replay

SEGMENT_OCTETS = 16000
MOST_PACKETS = 64
N_FLOWS = 8
PORTS = (443, 8443)
SNI = 2  # fastpath.images.verdict.Channel


def check(data: bytes) -> None:
    if len(data) < 3:
        return
    replay = Replay(n_flows=N_FLOWS)
    for octets in _iter_packets(data[3:]):
        assert all(octets.find(each.host) >= 0 or each.undecidable for each in replay.feed(octets, 1))
    client, stream = Client(dport=PORTS[data[0] & 1], sport=1), data[3 : 3 + SEGMENT_OCTETS]
    assert _names(client, [stream]) == _names(client, _pieces(stream, data[1], data[2]))
    assert replay.feed(from_server(client, stream), 1) == [] or client.dport != 443


def _names(client: Client, pieces: list[bytes]) -> list[bytes]:
    """The hosts of hellos; of HTTP, each segment inside a body is looked at as if it began a request."""
    replay, at, found = Replay(n_flows=1), 0, list[Sighting]()
    for piece in filter(None, pieces):
        found += replay.feed(client.segment(at, piece), 1)
        at += len(piece)
    return [each.host for each in found if each.channel == SNI and each.undecidable is None]


def _pieces(stream: bytes, first: int, size: int) -> list[bytes]:
    size = max(size + 1, len(stream) // MOST_PACKETS + 1)
    return [stream[:first], *(stream[at : at + size] for at in range(first, len(stream), size))]


def _iter_packets(data: bytes) -> Iterator[bytes]:
    at = 0
    for _ in range(MOST_PACKETS):
        if at + 2 > len(data):
            return
        n = int.from_bytes(data[at : at + 2], "big") % 2048
        yield data[at + 2 : at + 2 + n]
        at += 2 + n
