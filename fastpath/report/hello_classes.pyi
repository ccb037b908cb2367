from collections.abc import Mapping
from typing import final

MAX_CLASSES: int
MAX_FINGERPRINTS: int
OTHER: str

@final
class Ja4Classes:
    names: tuple[str, ...]
    def __new__(cls, classes: Mapping[str, str]) -> Ja4Classes: ...
    def of(self, ja4: str) -> str: ...
