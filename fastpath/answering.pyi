from collections.abc import Sequence
from typing import NamedTuple, final

from fastpath.spool import Reporter
from fastpath.tables import Handoff

MESSAGE_OCTETS: int

class AnswerSpec(NamedTuple):
    """How blocks of one reason are answered."""

    splash4: bytes
    splash6: bytes
    ttl_s: int
    ede: int
    action: int

@final
class StreamAnswering:
    """Answers queries that came over a stream (TCP, later TLS and HTTPS), with the tables of a running loop."""

    def __new__(cls, handoff: Handoff, reporter: Reporter, answers: Sequence[AnswerSpec]) -> StreamAnswering: ...
    def answer(self, query: bytes, client: str, now_ns: int) -> bytes | None: ...
