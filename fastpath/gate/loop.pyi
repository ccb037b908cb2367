from collections.abc import Iterable, Mapping
from typing import final

from fastpath.images.tables import Handoff
from fastpath.report.hello_classes import Ja4Classes
from fastpath.report.spool import Reporter

@final
class GateLoop:
    """One packet queue's loop."""

    def __new__(
        cls,
        queue_number: int,
        handoff: Handoff,
        reporter: Reporter,
        tls_ports: Iterable[int],
        http_ports: Iterable[int],
        when_undecidable_closed: int,
        pages: Mapping[int, tuple[bytes, bytes]],
        n_flows: int = 262144,
        when_overloaded_closed: int = 0,
        n_windows: int = 32768,
        share: int = 1024,
        initials_a_second: int = 1000,
        is_h2c_let: int = 0,
        is_asymmetric: int = 0,
        ja4_classes: Ja4Classes | None = None,
    ) -> GateLoop:
        """pages: whole HTTP answers by Reason; the host's name goes between the halves unless the second is empty.

        n_flows take 248 octets each, n_windows 4 KiB, all of it touched as it is used; share: how many windows one
        client's address may hold; is_asymmetric: servers may answer on another way; ja4_classes: what hellos are
        counted by.  MemoryError and ValueError say what does not fit."""
    def run(self) -> None:
        """Serve the queue in this thread until stop().  OSError when the queue or a raw socket cannot be had."""
    def stop(self) -> None:
        """End run(); from any thread."""
    @property
    def n_turns(self) -> int:
        """Turns of run() so far: a loop that lives makes ten a second at least."""
    def wake(self) -> None:
        """Let run() look for newer tables at once; from any thread."""
    def feed(self, packet: bytes, mark: int, now_s: int, is_summed: int = 0) -> int:
        """Judge one packet without a queue, by the same path.  mark: as the kernel gives it; returns the verdict's.

        is_summed: the packet's checksums are looked at, where nobody else does."""
    def injected(self) -> list[bytes]:
        """Take the IP packets that feed() would have sent."""
