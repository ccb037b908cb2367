"""However a QUIC client's handshake octets are cut, shuffled, repeated and spread over ports, the gate says the same.

Input: the policy of what is undecidable; how the octets are cut; the seed of their order; then the octets of the
handshake stream.  They are fed once as frames of an Initial, too, whatever they are then.
"""

import random

from fuzz import served
from support.packets.builders import Client
from support.packets.initials import VERSIONS, crypto, initial

from fastpath.gate.marks import MARK_DROPPED, MARK_QUEUED, MARK_STATE, MARK_VERDICT, FlowState

UNDECIDED, BLOCKED, DROPPED = FlowState.UNDECIDED, FlowState.BLOCKED, MARK_DROPPED
GOES_ON = (UNDECIDED, FlowState.PARTIAL)
MOST_OCTETS = 3000  # a hello of a browser has 2000
MOST_PIECES = 40
N_PORTS = 3  # that a connection's datagrams come from
DATAGRAM = 1000


def check(data: bytes) -> None:
    if len(data) < 5:
        return
    closed, version = data[0] & 1, VERSIONS[data[0] >> 1 & 3 if data[0] >> 1 & 3 < 3 else 0]
    stream = data[4 : 4 + MOST_OCTETS]
    assert _verdict(closed, [initial(stream, version=version)]) in (*GOES_ON, BLOCKED, DROPPED)
    in_order = [crypto(at, stream[at : at + DATAGRAM]) for at in range(0, len(stream), DATAGRAM)]
    whole = _verdict(closed, _datagrams(in_order))
    cut = _verdict(closed, _datagrams(_shuffled(stream, data[1], random.Random(data[2] << 8 | data[3]))))
    assert cut == whole, (whole, cut)


def _shuffled(stream: bytes, size: int, rng: random.Random) -> list[bytes]:
    """CRYPTO frames that overlap and repeat one another, in any order."""
    size = max(size + 1, len(stream) // MOST_PIECES + 1)
    pieces = [crypto(max(0, at - 2), stream[max(0, at - 2) : at + size]) for at in range(0, len(stream), size)]
    pieces += pieces[: rng.randrange(3)]
    rng.shuffle(pieces)
    return pieces


def _datagrams(frames: list[bytes]) -> list[bytes]:
    """An Initial for as many frames as fit, PING and PADDING between them."""
    found: list[bytes] = []
    held = b""
    for frame in frames:
        if held and len(held + frame) > DATAGRAM:
            found.append(initial(held, number=len(found)))
            held = b""
        held += frame + b"\x01\x00"
    return [*found, initial(held, number=len(found))]


def _verdict(closed: int, datagrams: list[bytes]) -> int:
    """What the gate says of the datagram after which the kernel answers, or of the last."""
    gate = served.gate(closed)
    state: int = UNDECIDED
    for number, datagram in enumerate(datagrams):
        client = Client(src=served.PARENT, sport=50000 + number % N_PORTS)
        judged = gate.feed(client.datagram(datagram), MARK_QUEUED, served.NOW_S)
        assert judged & ~MARK_STATE == MARK_VERDICT and gate.injected() == []
        state = judged & MARK_STATE
        if state not in GOES_ON:
            break
    return state
