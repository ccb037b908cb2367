"""A tap without an interface: packets of both directions go in, marks and resets come out.   And one that runs."""

import struct
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from support.gate.lab import NOW_S, state_in
from support.images.opened import Images
from support.packets.builders import ACK, PSH, SYN, Client

from fastpath.images.tables import Handoff, TableSet
from fastpath.images.verdict import Mode
from fastpath.report.hello_classes import Ja4Classes
from fastpath.report.spool import Reporter
from fastpath.tap.tap_loop import TapLoop
from filterd.lab.patience import Patience

SERVER_SEQ = 77777  # what Client acknowledges


class TapLab:
    """A tap's loop, and the two ends of a connection before it."""

    def __init__(
        self,
        folder: Path,
        tables: TableSet,
        *,
        is_reset: bool = False,
        n_flows: int = 8,
        ja4_classes: Ja4Classes | None = None,
    ) -> None:
        folder.mkdir(exist_ok=True)
        self.folder = folder
        handoff = Handoff()
        handoff.give(tables)
        self.reporter = Reporter(folder / "counters", folder / "spool")
        self.reporter.tend()
        self.tap = TapLoop([], handoff, self.reporter, [443], [80], 0, n_flows, is_reset, ja4_classes=ja4_classes)

    def send(self, client: Client, at: int, octets: bytes, flags: int = ACK | PSH) -> int:
        """The state after a packet of the client."""
        return self.see(client.segment(at, octets, flags))

    def open(self, client: Client) -> None:
        """The client's SYN."""
        assert self.send(client, -1, b"", SYN) == 0

    def accept(self, client: Client) -> None:
        """The server's SYN/ACK."""
        assert self.reply(client, b"", SYN | ACK) == 0

    def reply(self, client: Client, octets: bytes, flags: int = ACK | PSH) -> int:
        """The state after a packet of the server, which has seen nothing but the SYN."""
        return self.see(from_server(client, octets, flags))

    def see(self, packet: bytes) -> int:
        mark = self.tap.feed(packet, NOW_S)
        return state_in(mark) if mark else 0

    def counted(self, name: str) -> int:
        return self.reporter.counters.values()[name]


class Tap:
    """A tap of some interfaces, running.   blocked.test and what is below is on an order."""

    def __init__(self, folder: Path, images: Images, interfaces: Sequence[str], is_reset: bool = False) -> None:
        folder.mkdir()
        self.reporter = Reporter(folder / "counters", folder / "spool")
        self.reporter.tend()
        handoff = Handoff()
        ticket = handoff.give(TableSet(images.names([("orders", "blocked.test", Mode.SUBTREE)])))
        self.loop = TapLoop(interfaces, handoff, self.reporter, [443], [80], 0, 4096, is_reset)
        self.thread = threading.Thread(target=self.loop.run)
        self.thread.start()
        self.wait(lambda: handoff.taken() >= ticket)

    def counted(self, name: str) -> int:
        return self.reporter.counters.values()[name]

    def wait(self, is_so: Callable[[], bool]) -> None:
        patience = Patience(60)
        while not is_so():
            assert self.thread.is_alive() and not patience.is_over()
            time.sleep(0.001)

    def close(self) -> None:
        self.loop.stop()
        self.thread.join(60)
        assert not self.thread.is_alive()


def from_server(client: Client, octets: bytes, flags: int = ACK | PSH) -> bytes:
    """A packet of the server of a client's connection."""
    server = Client(src=client.dst, dst=client.src, sport=client.dport, dport=client.sport, isn=SERVER_SEQ)
    packet = bytearray(server.segment(0, octets, flags))
    struct.pack_into("!I", packet, (20 if packet[0] >> 4 == 4 else 40) + 8, client.isn)
    return bytes(packet)
