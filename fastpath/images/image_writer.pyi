from collections.abc import Sequence
from typing import BinaryIO

class ImageWriter:
    n_bytes: int
    def __init__(
        self,
        out: BinaryIO,
        kind: int,
        generation: int,
        base_generation: int,
        key: bytes,
        lengths: Sequence[int],
        flags: int = 0,
    ) -> None: ...
    def add(self, piece: bytes | bytearray | memoryview) -> None: ...
    def end_section(self) -> None: ...
    def finish(self) -> int: ...

def write_image(
    out: BinaryIO, kind: int, generation: int, base_generation: int, key: bytes, sections: Sequence[bytes]
) -> int: ...
