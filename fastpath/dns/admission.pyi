from collections.abc import Iterable
from typing import final

ADMISSIONS: tuple[str, ...]
MAX_PREFIXES: int
MAX_RATE: int

@final
class ClientGuard:
    def __new__(
        cls,
        clients: Iterable[str],
        queries_per_second: int = 0,
        burst: int = 0,
        large_answers_per_second: int = 0,
    ) -> ClientGuard: ...
    def admit(self, client: str, now_ns: int, cookie_is_good: bool = False) -> str: ...
    def admit_answer(self, client: str, now_ns: int, question_hash: int, n: int) -> str: ...
    @property
    def n_forgotten(self) -> int: ...
    def measure(self, n_clients: int, n: int) -> float: ...
