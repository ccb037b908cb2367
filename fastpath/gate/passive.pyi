from collections.abc import Iterable
from typing import final

from fastpath.report.trace import Sighting

@final
class Replay:
    """The gate over packets of a capture: what it judges, it tells, and nothing is blocked.

    It has no images, so that a listed name does not end the search: what its caller decides on each name is
    TableSet.decide(), the very decision of a worker."""

    def __new__(
        cls, tls_ports: Iterable[int] = (443,), http_ports: Iterable[int] = (80,), n_flows: int = 65536
    ) -> Replay:
        """Every port is looked at; of `tls_ports` and `http_ports` it is undecidable what is neither.

        Raises MemoryError."""
    def feed(self, packet: bytes, time_ns: int) -> list[Sighting]:
        """What this IP packet, of either direction, completes; in order of time."""
    @property
    def n_lost(self) -> int:
        """Sightings of the last packet for which there was no room."""
