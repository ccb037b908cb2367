from collections.abc import Iterable, Mapping
from mmap import mmap
from typing import final

from fastpath.images.tables import Handoff
from fastpath.report.hello_classes import Ja4Classes
from fastpath.report.spool import Reporter

@final
class GateLoop:
    """The NFQUEUE loop of one queue."""

    def __new__(
        cls,
        queue_number: int,
        handoff: Handoff,
        reporter: Reporter,
        tls_ports: Iterable[int],
        http_ports: Iterable[int],
        when_undecidable_closed: int,
        pages: Mapping[str, Mapping[int, tuple[bytes, bytes]]],
        n_flows: int = 262144,
        when_overloaded_closed: int = 0,
        n_windows: int = 32768,
        share: int = 1024,
        initials_a_second: int = 1000,
        is_h2c_let: bool = False,
        is_asymmetric: bool = False,
        ja4_classes: Ja4Classes | None = None,
        mark_shift: int = ...,
        unfinished: bytearray | mmap | None = None,
    ) -> GateLoop:
        """pages: complete HTTP responses by language and Reason; the host's name goes between the halves unless the
        second is empty.  At most two languages, by their codes; the first one for who prefers none of them.

        n_flows take 256 octets each, n_windows 4 KiB; memory is touched as it is used.  share: windows that one
        client's address may hold; is_h2c_let: HTTP/2 without TLS passes uninspected; is_asymmetric: servers' packets
        may take another path; ja4_classes: hellos are counted by class; mark_shift: where the gate's bits of
        a packet's mark are, 0 to 24; unfinished: where unfinished connections are
        remembered, of octets_needed() octets, to outlive the loop.   Raises MemoryError, ValueError."""
    def use_pages(self, pages: Mapping[str, Mapping[int, tuple[bytes, bytes]]]) -> None:
        """Show these pages from the next turn of run() on; by one thread at a time.   pages: as above

        Cost: the pages before them are freed at the next call.   Raises ValueError: the ones before stay."""
    def shut_without_images(self) -> None:
        """Block what would be judged until there are tables: before run()."""
    def label(self, key: bytes) -> None:
        """From now on have the kernel keep a label of each connection whose hello or request is allowed, by this key.

        key   16 octets, the same as long as this process lives.   Raises ValueError"""
    def labelled(self) -> bytes:
        """Take the messages to conntrack that the loop would have sent for feed()."""
    def run(self) -> None:
        """Serve the queue in this thread until stop().   Raises OSError where the queue or a raw socket is refused."""
    def stop(self) -> None:
        """End run(); from any thread."""
    @property
    def n_turns(self) -> int:
        """Turns of run() so far; a running loop makes at least ten a second."""
    def wake(self) -> None:
        """Make run() take newer tables at once; from any thread."""
    def feed(self, packet: bytes, mark: int, now_s: int, is_summed: bool = False) -> int:
        """Judge one packet without a queue, on the same path.   mark: the gate's bits of it; returns the verdict's.

        is_summed: verify the packet's checksums where the kernel does not: with asymmetric routing.
        Raises BufferError where injected() has to be called first."""
    def injected(self) -> list[bytes]:
        """Take the IP packets that the loop would have sent for feed()."""
