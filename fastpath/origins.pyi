from typing import NamedTuple, final

from fastpath.image import Image
from fastpath.verdict import Mode

class Origin(NamedTuple):
    list: str
    mode: Mode
    line: int
    part: int
    rule: str

@final
class Origins:
    def __new__(cls, image: Image) -> Origins: ...
    def __len__(self) -> int: ...
    @property
    def generation(self) -> int: ...
    def of(self, wire: bytes) -> list[Origin]: ...
