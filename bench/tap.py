"""What a tap costs its core: nanoseconds of the loop's CPU time a frame that it takes from the kernel's ring.

A cable of two interfaces in a namespace of its own; one thread here sends, the loop at the other end reads.  `other`
are packets of a port that nobody looks at: what a frame costs before it is thrown away.  `released` is one packet more
of a connection that was let go, `hello` a listed hello with its shadow event.  Copying a frame into the ring is the
sender's and the kernel's time, not the loop's.  Needs root; without it there are no figures.
"""

import contextlib
import os
import sys
import tempfile
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.gate.cable import Cable
from support.gate.tap_lab import Tap, from_server
from support.images.opened import Images
from support.packets import frames as framed
from support.packets.builders import ACK, SYN, Client, hello
from support.system.namespace import in_a_network_of_its_own

from fastpath.wire.packet import packet, tcp_onward

N_FRAMES = 100_000
N_AT_ONCE = 200  # less than what a cable holds
MSS = 1448


HELLO = hello(b"www.allowed.test", padding=400)


def to_wire(like: bytes) -> bytes:
    """A packet with its checksums, in a tagged frame."""
    seen = packet(like)
    assert seen is not None
    return framed.ethernet(framed.tagged(tcp_onward(like, seen.seq, seen.ack, seen.flags, seen.payload), framed.VLAN))


def conversation() -> list[bytes]:
    """A hello, the server's answer, and the client's next word: the connection is let go."""
    client = Client(sport=7)
    said = [client.segment(-1, b"", SYN), client.segment(0, HELLO), from_server(client, b"hello")]
    return [to_wire(each) for each in (*said, client.segment(len(HELLO), b"on"))]


def frames(octets: bytes, port: int) -> list[bytes]:
    """One packet each of N_FRAMES connections."""
    found = []
    for number in range(N_FRAMES):
        client = Client(src=f"192.0.{number // 50_000}.{number % 250 + 1}", sport=1024 + number % 50_000, dport=port)
        found.append(to_wire(client.segment(0, octets, ACK)))
    return found


def ns_a_frame(cable: Cable, tap: Tap, sent: list[bytes]) -> float:
    """Send all of them no faster than they are read; the loop's CPU time by frames."""
    assert tap.thread.ident is not None
    clock = time.pthread_getcpuclockid(tap.thread.ident)
    begin, seen = time.clock_gettime(clock), tap.counted("tap_frames")
    for at in range(0, len(sent), N_AT_ONCE):
        cable.send(*sent[at : at + N_AT_ONCE])
        tap.wait(lambda at=at: tap.counted("tap_frames") + tap.counted("tap_lost") >= seen + at - 5 * N_AT_ONCE)
    tap.wait(lambda: tap.counted("tap_frames") + tap.counted("tap_lost") >= seen + len(sent))
    return (time.clock_gettime(clock) - begin) * 1e9 / len(sent)


def figures() -> dict[str, float]:
    if os.geteuid() != 0:
        print("tap: no root, no figures", file=sys.stderr)
        return {}
    cases = {
        "other": frames(bytes(MSS), 8443),
        "released": [*conversation(), *[to_wire(Client(sport=7).segment(len(HELLO), bytes(MSS)))] * N_FRAMES],
        "hello": frames(hello(b"www.blocked.test", padding=400), 443),
    }
    found: dict[str, float] = {}

    async def live() -> None:
        with (
            tempfile.TemporaryDirectory() as folder,
            contextlib.closing(Cable()) as cable,
            contextlib.closing(Tap(Path(folder, "tap"), Images(Path(folder)), ["far"])) as tap,
        ):
            found.update({f"{name}_ns": ns_a_frame(cable, tap, sent) for name, sent in cases.items()})
            found["lost"] = tap.counted("tap_lost")

    in_a_network_of_its_own(live)
    return found


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:32} {value:,.1f}")
