from typing import BinaryIO, NamedTuple, final

from fastpath.images.image import Image
from fastpath.images.key_builder import KeyBuilder
from fastpath.images.verdict import Mode

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
    def of_url(self, text: bytes) -> list[Origin]: ...

def write_origins(out: BinaryIO, generation: int, names: KeyBuilder, urls: KeyBuilder) -> int: ...
