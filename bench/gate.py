"""The gate's judgement without the kernel's queue: nanoseconds a packet, 1.1 million names, another flow each time.

Each figure holds one call from Python (about 100 ns of it), a flow that begins, the hello or head, and the decision;
the two-segment hello is what browsers send, its figure is a segment's.  A block also writes its event and its reset.
A destination, another one each time, is looked up where any list has addresses: the difference of these two.
A browser's hello, with what JA4 is made of, is judged without and with classes of software (65,536 fingerprints).
What the queue itself costs is the kernel's and is not measured here.
"""

import struct
import sys
import tempfile
import time
from collections.abc import Iterator
from ipaddress import IPv4Address
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))
sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from support.packets.builders import ACCEPTED, SYN, Client, hello, records, request, server_name

from bench.corpus import names
from fastpath.gate.loop import GateLoop
from fastpath.images.image import Image, open_image
from fastpath.images.key_builder import ListSpec
from fastpath.images.layout import ImageKind
from fastpath.images.names_builder import NamesBuilder
from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Action, Mode, Tier
from fastpath.report.counters import read_classes
from fastpath.report.hello_classes import MAX_FINGERPRINTS, Ja4Classes
from fastpath.report.spool import Reporter
from fastpath.wire.address import wire_of_address
from fastpath.wire.name import to_wire

KEY = bytes(range(16))
N_NAMES = 1_100_000
N_FLOWS = 50_000
N_ADDRESSES = 100_000
ORDERS = ListSpec("orders", Tier.ORDER, 0, Action.SPLASH, False)
N_SUITES, N_EXTENSIONS, N_ALGORITHMS = 15, 16, 8  # of Chromium, without GREASE
MSS = 1448  # of a 1500-octet link with TCP timestamps

Packets = list[tuple[bytes, int]]


def flows(server: str, port: int) -> Iterator[Client]:
    for number in range(N_FLOWS):
        source = f"192.0.2.{number % 250 + 1}"
        yield Client(src=source, dst=server, sport=1024 + number, dport=port, isn=number * 7919 + 1)


def packets(server: str, port: int, payload_of: list[bytes]) -> Packets:
    """Each flow's SYN/ACK and its payload in segments, with the marks that the kernel gives them."""
    found: Packets = []
    for number, client in enumerate(flows(server, port)):
        payload = payload_of[number % len(payload_of)]
        found.append((client.accepted(), ACCEPTED))
        for at in range(0, len(payload), MSS):
            found.append((client.segment(at, payload[at : at + MSS]), client.mark(0 if at == 0 else 3)))
    return found


def browsers_hello(name: bytes) -> bytes:
    """A hello of 517 octets with as many suites, extensions and signature algorithms as a browser has."""
    kinds = range(30, 30 + N_EXTENSIONS - 3)
    algorithms = struct.pack(f"!HHH{N_ALGORITHMS}H", 13, 2 * N_ALGORITHMS + 2, 2 * N_ALGORITHMS, *range(N_ALGORITHMS))
    extensions = server_name(name) + algorithms + b"".join(struct.pack("!HH", kind, 0) for kind in reversed(kinds))
    suites = struct.pack(f"!H{N_SUITES}H", 2 * N_SUITES, *range(N_SUITES, 0, -1))
    head = b"\x03\x03" + bytes(32) + b"\x20" + bytes(32) + suites + b"\x01\x00"
    n_padding = 517 - 5 - 4 - len(head) - 2 - len(extensions) - 4
    extensions += struct.pack("!HH", 21, n_padding) + bytes(n_padding)
    body = head + struct.pack("!H", len(extensions)) + extensions
    return records(b"\x01" + len(body).to_bytes(3) + body)


def classes() -> Ja4Classes:
    """As many fingerprints as a gate takes; the browser's is none of them."""
    return Ja4Classes({f"t13d1516h2_8daaf6152771_{n:012x}": f"class-{n % 16}" for n in range(MAX_FINGERPRINTS)})


def begins() -> Packets:
    """A SYN each to other addresses, at a port that the gate does not look into: their destination is all there is."""
    others = (str(IPv4Address((198 << 24) + number * 251)) for number in range(N_FLOWS))
    return [(Client(dst=other, dport=9001).segment(-1, b"", SYN), 0x80) for other in others]


def delta_of_addresses(path: Path, base: Image) -> Image:
    """N_ADDRESSES more of the list, none of which is asked for."""
    builder = NamesBuilder(KEY, [ORDERS])
    for number in range(N_ADDRESSES):
        builder.add(wire_of_address((203 << 24 | number).to_bytes(4)), 0, Mode.EXACT)
    with path.open("wb") as out:
        builder.build(out, 2, base.generation)
    return open_image(path, ImageKind.NAMES)


def ns_a_packet(gate: GateLoop, asked: Packets) -> float:
    """Feed every packet once; SYN/ACKs, and the emptying of a full outbox, outside of the measured time."""
    spent = 0
    for at in range(0, len(asked), 16):
        measured = [each for each in asked[at : at + 16] if each[1] != ACCEPTED]
        for packet, mark in asked[at : at + 16]:
            if mark == ACCEPTED:
                gate.feed(packet, mark, 1_700_000_000)
        begin = time.thread_time_ns()
        for packet, mark in measured:
            gate.feed(packet, mark, 1_700_000_000)
        spent += time.thread_time_ns() - begin
        gate.injected()
    return spent / sum(mark != ACCEPTED for _, mark in asked)


def ns_a_syn_ack(gate: GateLoop) -> float:
    """Feed the SYN/ACKs of connections to another server."""
    found = [client.accepted() for client in flows("198.51.100.6", 443)]
    begin = time.thread_time_ns()
    for packet in found:
        gate.feed(packet, ACCEPTED, 1_700_000_000)
    return (time.thread_time_ns() - begin) / len(found)


def figures() -> dict[str, float]:
    listed = list(names(N_NAMES))
    allowed = [f"www.site{number}.com".encode() for number in range(5000)]
    blocked = [f"www.{name}".encode() for name in listed[:: len(listed) // 5000]]
    cases = {
        "hello_517_allowed": packets("198.51.100.1", 443, [hello(name, padding=400) for name in allowed]),
        "hello_two_segments_allowed": packets("198.51.100.2", 443, [hello(name, padding=1750) for name in allowed]),
        "hello_517_blocked": packets("198.51.100.3", 443, [hello(name, padding=400) for name in blocked]),
        "request_allowed": packets("198.51.100.4", 80, [request(name) for name in allowed]),
    }
    with tempfile.TemporaryDirectory() as folder:
        image = Path(folder, "names.img")
        with image.open("wb") as out:
            builder = NamesBuilder(KEY, [ORDERS])
            for name in listed:
                builder.add(to_wire(name.encode()), 0, Mode.SUBTREE)
            builder.build(out, 1)
        handoff, base = Handoff(), open_image(image, ImageKind.NAMES)
        handoff.give(TableSet(base))
        reporter = Reporter(Path(folder, "counters"), Path(folder, "spool"))
        gate = GateLoop(0, handoff, reporter, [443], [80], 0, {}, 4096)
        found = {f"{label}_ns": ns_a_packet(gate, asked) for label, asked in cases.items()}
        found["destination_no_list_ns"] = ns_a_packet(gate, begins())
        handoff.give(TableSet(base, delta_of_addresses(Path(folder, "delta.img"), base)))
        found["destination_100000_listed_ns"] = ns_a_packet(gate, begins())
        asked = packets("198.51.100.5", 443, [browsers_hello(name) for name in allowed])
        found["browsers_hello_ns"] = ns_a_packet(gate, asked)
        found["syn_ack_ns"] = ns_a_syn_ack(gate)
        counted = reporter.counters.values()
        other = Reporter(Path(folder, "counters-by-class"), Path(folder, "spool"))
        counting = GateLoop(0, handoff, other, [443], [80], 0, {}, 4096, ja4_classes=classes())
        found["browsers_hello_by_class_ns"] = ns_a_packet(counting, asked)
        counted["by_class"] = sum(read_classes(Path(folder, "counters-by-class")).values())
    return found | {
        "hellos": counted["gate_hellos"],
        "requests": counted["gate_requests"],
        "blocked": counted["gate_blocked"],
        "by_class": counted["by_class"],
    }


if __name__ == "__main__":
    for key, value in figures().items():
        print(f"{key:32} {value:,.1f}")
