from collections.abc import Mapping
from typing import final

MAX_CLASSES: int
MAX_FINGERPRINTS: int
OTHER: str

@final
class Ja4Classes:
    """Which class each fingerprint is of."""

    names: tuple[str, ...]
    """The classes, sorted."""
    def __new__(cls, classes: Mapping[str, str]) -> Ja4Classes:
        """classes: class by fingerprint, of MAX_FINGERPRINTS and MAX_CLASSES at most; a class has 1 to 32 octets.

        Raises ValueError, MemoryError."""
    def of(self, ja4: str) -> str:
        """The class of a fingerprint; OTHER where it has none.   Raises ValueError where it is not as long as one."""
