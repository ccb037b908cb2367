"""Feeds mutated packets to the gate, as fast as it goes: `python tests/fuzz/mutate_packets.py 10000000`.

Seeds are what clients and evaders send: hellos, requests and Initials over IPv4 and IPv6, whole and in pieces, with
options, and Initials of mutated frames, sealed again so that the gate opens them.  Run it under the sanitizers by `make
mutated`.  Every packet must get a verdict, and what is injected must be a packet.
"""

import itertools
import random
import sys
import time
from collections.abc import Iterator

from fuzz import served
from support.packets.builders import (
    ACK,
    FIN,
    PSH,
    SYN,
    URG,
    Client,
    hello,
    hello_message,
    md5,
    records,
    request,
    timestamps,
)
from support.packets.initials import VERSIONS, ack, crypto, initial

from fastpath.gate.loop import GateLoop
from fastpath.gate.marks import (
    MARK_ASK,
    MARK_DROPPED,
    MARK_QUEUED,
    MARK_REPLY,
    MARK_STATE,
    MARK_UNTRACKED,
    MARK_VERDICT,
    FlowState,
)
from fastpath.wire.packet import packet

N_SEALED = 3000
BATCH = 64
BITS = (0, 0, 0, MARK_REPLY, MARK_UNTRACKED)


def seeds(rng: random.Random) -> list[bytes]:
    clients = [
        Client(src=served.PARENT),
        Client(src=served.CHILD, dst="2001:db8:1::1"),
        Client(src=served.PARENT, options=timestamps(7)),
        Client(src=served.PARENT, options=md5()),
    ]
    found: list[bytes] = []
    for client in clients:
        for name in (b"www.order.test", b"free.example"):
            web = Client(src=client.src, dst=client.dst, dport=80, options=client.options)
            found += _pieces(client, hello(name, padding=1500)) + _pieces(client, records(hello_message(name), 7))
            found += _pieces(
                web,
                request(name, b"/a/b?x=1", more=b"Accept-Language: en;q=0.5\r\nContent-Length: 10\r\n") + b"0123456789",
            )
            found += [client.segment(0, hello(name), flags) for flags in (SYN, PSH, ACK | FIN, ACK | URG)]
        found.append(client.accepted())
        found += [client.datagram(octets) for octets in _initials(rng)]
    return found


def _pieces(client: Client, octets: bytes) -> list[bytes]:
    return [client.segment(at, octets[at : at + 300]) for at in range(0, len(octets), 300)]


def _initials(rng: random.Random) -> Iterator[bytes]:
    message = hello_message(b"www.order.test", padding=300)
    frames = crypto(200, message[200:]) + b"\x01" + ack(3, [(1, 2)]) + crypto(0, message[:200])
    for n in range(N_SEALED):
        changed = bytearray(frames)
        for _ in range(rng.randrange(4)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        yield initial(bytes(changed), version=VERSIONS[n % 3], number=n, number_octets=n % 4 + 1)


def mutated(seed: bytes, rng: random.Random) -> bytes:
    """One seed, changed in up to four places, cut or longer; a third of them as they are."""
    kind = rng.randrange(6)
    if kind < 2:
        return seed
    if kind == 2:
        return seed[: rng.randrange(len(seed))]
    changed = bytearray(seed)
    if kind == 3:
        at = rng.randrange(len(changed))
        changed[at] = (changed[at] + rng.choice((1, -1))) & 0xFF
        return bytes(changed)
    for _ in range(rng.randrange(1, 5)):
        changed[rng.randrange(len(changed))] = rng.randrange(256)
    return bytes(changed) if kind == 4 else bytes(changed) + rng.randbytes(rng.randrange(64))


def run(n: int, seed: int) -> float:
    """Feed `n` packets; the seconds that it took."""
    rng = random.Random(seed)
    known = seeds(rng)
    gates = [
        GateLoop(
            0,
            served.HANDOFF,
            served.REPORTER,
            [443],
            [80],
            closed,
            served.PAGES,
            64,
            n_windows=64,
            share=40,
            is_asymmetric=is_asymmetric,
        )
        for closed, is_asymmetric in itertools.product((0, 1), (False, True))
    ]
    began = time.monotonic()
    for done in range(0, n, BATCH):
        gate = rng.choice(gates)
        for _ in range(BATCH // 4):
            octets = mutated(rng.choice(known), rng)
            for state in rng.choices([*FlowState], k=4):
                mark = MARK_QUEUED | state | rng.choice(BITS)
                judged = gate.feed(octets, mark, served.NOW_S + done // 4096, rng.randrange(8) == 0)
                assert judged & ~(MARK_STATE | MARK_ASK) == MARK_VERDICT, hex(judged)
                assert judged & MARK_STATE in (*FlowState, MARK_DROPPED), hex(judged)
            for injected in gate.injected():
                assert packet(injected) is not None
    return time.monotonic() - began


if __name__ == "__main__":
    asked, chosen = int(sys.argv[1]), random.SystemRandom().getrandbits(32)
    print(f"{asked:,} packets, seed {chosen}", flush=True)
    print(f"held for {run(asked, chosen):.0f} s")
