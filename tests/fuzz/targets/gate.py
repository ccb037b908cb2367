"""Every packet gets the mark of a known state, what is injected is a packet, and cutting a stream hides nothing in it.

Input: the port and the policy of what is undecidable; how the stream is cut; the stream.  What stands in the stream is
also fed as packets of its own, each behind its length, the kernel's state and whether it is a server's.
"""

from collections.abc import Iterator

from fuzz import served
from support.packets.builders import ACCEPTED, Client

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import (
    MARK_ASK,
    MARK_DROPPED,
    MARK_QUEUED,
    MARK_STATE,
    MARK_VERDICT,
    FlowState,
)
from fastpath.wire.packet import packet

RELEASED = FlowState.RELEASED
PARTIAL = (FlowState.PARTIAL, FlowState.PARTIAL_AGAIN)
SPOKEN = (FlowState.ALLOWED_SPOKEN, FlowState.PARTIAL_SPOKEN)
GOES_ON = (FlowState.ALLOWED, *PARTIAL)
WINDOW_OCTETS = 16384
SEGMENT_OCTETS = 16000
MOST_PACKETS = 64
READ_OFTEN = 4096  # SMALL_OCTETS of fastpath/gate/reassembly.pxd


def check(data: bytes) -> None:
    if len(data) < 4:
        return
    is_http, closed = data[0] & 1, data[0] >> 1 & 1
    stream = data[4:]
    _feed_packets(served.gate(closed), stream)
    client = Client(src=served.PARENT, dport=80 if is_http else 443, isn=data[1] << 16 | 1)
    whole = _verdict(client, closed, [stream[:SEGMENT_OCTETS], stream[SEGMENT_OCTETS:WINDOW_OCTETS]])
    cut = _verdict(client, closed, _pieces(stream[:WINDOW_OCTETS], data[2], data[3]))
    if is_http:  # each segment inside a body is looked at as if it began a request, so a cut may show more, never less
        assert whole in GOES_ON or cut not in GOES_ON, (whole, cut)
    else:  # a long hello is not read again with each of its pieces, but not later than where it may be whole
        assert cut == whole or (len(stream) > READ_OFTEN and cut in PARTIAL), (whole, cut)


def _pieces(stream: bytes, first: int, size: int) -> list[bytes]:
    """The stream cut after `first` octets and then every size + 1, never into more than MOST_PACKETS."""
    size = max(size + 1, len(stream) // MOST_PACKETS + 1)
    return [stream[:first], *(stream[at : at + size] for at in range(first, len(stream), size))]


def _verdict(client: Client, closed: int, pieces: list[bytes]) -> int:
    """The state that a connection ends in whose server stays silent."""
    gate = served.gate(closed)
    state = _feed(gate, client.accepted(), ACCEPTED)
    at = 0
    for piece in filter(None, pieces):
        state = _feed(gate, client.segment(at, piece), client.mark(state))
        at += len(piece)
        assert state in (FlowState.BLOCKED, FlowState.ANSWERED, *GOES_ON)
        if state not in GOES_ON:  # from here on the kernel answers
            break
    return state


def _feed_packets(gate: GateLoop, data: bytes) -> None:
    """A flow is released by a packet from after the server had spoken; packets queued before that one follow it."""
    released: set[tuple[bytes, int, bytes, int]] = set()
    for octets, state, is_reply in _iter_packets(data):
        mark = ACCEPTED if is_reply else MARK_QUEUED | state
        if _feed(gate, octets, mark) != RELEASED or state == RELEASED:
            continue
        seen = packet(octets)
        assert seen is not None
        flow = seen.src, seen.sport, seen.dst, seen.dport
        if is_reply:
            flow = seen.dst, seen.dport, seen.src, seen.sport
        assert is_reply or state in SPOKEN or flow in released, state
        released.add(flow)


def _iter_packets(data: bytes) -> Iterator[tuple[bytes, int, bool]]:
    at = 0
    for _ in range(MOST_PACKETS):
        if at + 6 > len(data):
            return
        n, state = int.from_bytes(data[at : at + 2], "big") % 2048, data[at + 2] % 11
        yield data[at + 6 : at + 6 + n], state, bool(data[at + 3] & 1)
        at += 6 + n


def _feed(gate: GateLoop, octets: bytes, mark: int) -> int:
    judged = gate.feed(octets, mark, served.NOW_S)
    assert judged & ~(MARK_STATE | MARK_ASK) == MARK_VERDICT and judged & MARK_STATE in (*FlowState, MARK_DROPPED)
    for injected in gate.injected():
        ours = packet(injected)
        theirs = packet(octets)
        assert ours is not None and theirs is not None and ours.proto == 6
        assert {(ours.src, ours.sport), (ours.dst, ours.dport)} == {
            (theirs.src, theirs.sport),
            (theirs.dst, theirs.dport),
        }
    return judged & MARK_STATE
