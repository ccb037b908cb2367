import socket
from collections.abc import Callable, Sequence
from typing import final

from fastpath.dns.admission import ClientGuard
from fastpath.dns.block_answers import AnswerSpec
from fastpath.dns.special_names import SpecialNames
from fastpath.images.tables import Handoff
from fastpath.report.spool import Reporter

PATIENCE_S: float

@final
class DnsLoop:
    """The UDP loop of one worker."""

    def __new__(
        cls,
        listeners: Sequence[socket.socket],
        upstreams: Sequence[tuple[str, int] | Callable[[], int]],
        handoff: Handoff,
        reporter: Reporter,
        answers: Sequence[AnswerSpec],
        n_upstream_sockets: int = 8,
        patience_s: float = 4.5,
        cache_octets: int = 0,
        guard: ClientGuard | None = None,
        forwarders: ClientGuard | None = None,
        specials: SpecialNames | None = None,
        cookie_master: bytes = b"",
        proxies: ClientGuard | None = None,
        streams: Sequence[Callable[[], int]] | None = None,
    ) -> DnsLoop: ...
    def shut_without_images(self) -> None:
        """Answer SERVFAIL until there are tables: before run()."""
    def run(self) -> None: ...
    def turn(self, timeout_ms: int, ahead_ns: int = 0) -> None: ...
    def stop(self) -> None: ...
    @property
    def n_turns(self) -> int: ...
    def wake(self) -> None: ...
    def preference(self) -> list[int]: ...
    def down(self) -> list[int]: ...
    def connect_missing(self) -> dict[int, str]: ...
    def rotate(self) -> None: ...
    def without_case(self) -> list[int]: ...
    @property
    def is_upstream_dead(self) -> bool: ...
