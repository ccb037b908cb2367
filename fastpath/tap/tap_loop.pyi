from collections.abc import Iterable
from typing import final

from fastpath.images.tables import Handoff
from fastpath.report.hello_classes import Ja4Classes
from fastpath.report.spool import Reporter

@final
class TapLoop:
    """The tap loop of one worker over its interfaces."""

    def __new__(
        cls,
        interfaces: Iterable[str],
        handoff: Handoff,
        reporter: Reporter,
        tls_ports: Iterable[int],
        http_ports: Iterable[int],
        when_undecidable_closed: int,
        n_flows: int = 262144,
        is_reset: bool = False,
        n_windows: int = 32768,
        share: int = 1024,
        initials_a_second: int = 1000,
        is_h2c_let: bool = False,
        ja4_classes: Ja4Classes | None = None,
    ) -> TapLoop:
        """Every block that `reporter` records is a shadow.   is_reset: reset blocked connections, where in time.

        The limits are those of GateLoop.   Raises MemoryError, ValueError."""
    def shut_without_images(self) -> None:
        """Block what would be judged until there are tables: before run()."""
    def run(self) -> None:
        """Watch the interfaces in this thread until stop().   Raises OSError where a tap or a raw socket is refused, or
        an interface goes down."""
    def stop(self) -> None:
        """End run(); from any thread."""
    @property
    def n_turns(self) -> int:
        """Turns of run() so far; a running loop makes at least ten a second."""
    def wake(self) -> None:
        """Make run() take newer tables at once; from any thread."""
    def feed(self, packet: bytes, now_s: int, is_summed: bool = False) -> int:
        """Judge one IP packet of either direction without an interface, on the same path.

        Returns the verdict's mark, as GateLoop.feed(), or 0 where there is nothing to judge.   is_summed: verify its
        checksums"""
    def injected(self) -> list[bytes]:
        """Take the IP packets that the loop would have sent for feed()."""
