from collections.abc import Iterable
from typing import final

from fastpath.images.tables import Handoff
from fastpath.report.hello_classes import Ja4Classes
from fastpath.report.spool import Reporter

@final
class TapLoop:
    """The loop of one worker over the frames of its interfaces."""

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
        is_h2c_let: int = 0,
        ja4_classes: Ja4Classes | None = None,
    ) -> TapLoop:
        """Every block that `reporter` tells of is a shadow.   is_reset: reset blocked connections, as far as it comes
        in time.

        The limits are those of GateLoop.  MemoryError and ValueError say what does not fit."""
    def run(self) -> None:
        """Watch the interfaces in this thread until stop().  OSError when a tap or a raw socket cannot be had, or
        an interface is taken down."""
    def stop(self) -> None:
        """End run(); from any thread."""
    @property
    def n_turns(self) -> int:
        """Turns of run() so far: a loop that lives makes ten a second at least."""
    def wake(self) -> None:
        """Let run() look for newer tables at once; from any thread."""
    def feed(self, packet: bytes, now_s: int, is_summed: bool = False) -> int:
        """Judge one IP packet of either direction without an interface, by the same path; 0: nothing to judge.

        Returns the mark of its verdict, as GateLoop.feed().   is_summed: its checksums are to be verified"""
    def injected(self) -> list[bytes]:
        """Take the IP packets that feed() would have sent."""
