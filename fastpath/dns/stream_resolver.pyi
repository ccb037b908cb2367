from collections.abc import Sequence
from typing import final

from fastpath.dns.admission import ClientGuard
from fastpath.dns.block_answers import AnswerSpec
from fastpath.dns.special_names import SpecialNames
from fastpath.images.tables import TableSet
from fastpath.report.spool import Reporter

@final
class StreamResolver:
    """Answers queries that came over streams."""

    def __new__(
        cls,
        reporter: Reporter,
        answers: Sequence[AnswerSpec],
        cache_octets: int = 0,
        guard: ClientGuard | None = None,
        forwarders: ClientGuard | None = None,
        specials: SpecialNames | None = None,
        cookie_master: bytes = b"",
    ) -> StreamResolver: ...
    def use(self, tables: TableSet) -> None: ...
    def shut_without_images(self) -> None:
        """Answer SERVFAIL until there are tables."""
    def answer(self, query: bytes, client: str, now_ns: int, is_encrypted: bool = False) -> bytes | None: ...
    def upstream_query(self, query: bytes, client: str, now_ns: int) -> bytes: ...
    def deliver(
        self, query: bytes, client: str, asked: bytes, answer: bytes, now_ns: int, is_encrypted: bool = False
    ) -> bytes: ...
    def give_up(self, query: bytes, client: str, now_ns: int, is_encrypted: bool = False) -> bytes: ...
