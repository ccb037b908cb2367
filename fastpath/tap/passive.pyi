from collections.abc import Iterable
from typing import final

from fastpath.report.trace import Sighting

@final
class Replay:
    """The gate over the packets of a capture: it reports what it reads and blocks nothing.

    It has no images, so a listed name does not end the search.  The caller decides on each name by TableSet.decide(),
    exactly as a worker does."""

    def __new__(
        cls, tls_ports: Iterable[int] = (443,), http_ports: Iterable[int] = (80,), n_flows: int = 65536
    ) -> Replay:
        """Every port is inspected; other protocols are undecidable at `tls_ports` and `http_ports` alone.

        Raises MemoryError."""
    def feed(self, packet: bytes, time_ns: int) -> list[Sighting]:
        """The names that this IP packet, of either direction, completes; in order of time."""
    @property
    def n_lost(self) -> int:
        """Number of sightings of the last packet that were lost for want of room."""
