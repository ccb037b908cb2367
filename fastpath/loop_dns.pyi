import socket
from collections.abc import Sequence
from typing import final

from fastpath.answering import AnswerSpec
from fastpath.spool import Reporter
from fastpath.tables import Handoff

PATIENCE_S: float

@final
class DnsLoop:
    """One worker's UDP: see the module."""

    def __new__(
        cls,
        listeners: Sequence[socket.socket],
        upstreams: Sequence[tuple[str, int]],
        handoff: Handoff,
        reporter: Reporter,
        answers: Sequence[AnswerSpec],
        n_upstream_sockets: int = 8,
        patience_s: float = 5.0,
    ) -> DnsLoop: ...
    def run(self) -> None: ...
    def turn(self, timeout_ms: int) -> None: ...
    def stop(self) -> None: ...
    @property
    def n_turns(self) -> int: ...
    def wake(self) -> None: ...
    def use_upstream(self, index: int) -> None: ...
    def connect_missing(self) -> dict[int, str]: ...
