from typing import BinaryIO, final

from fastpath.images.key_builder import KeyBuilder

@final
class NamesBuilder(KeyBuilder):
    def add(
        self,
        wire: bytes,
        list: int,
        mode: int,
        action: int = 255,
        order: int = 0,
        data: bytes = b"",
        line: int = 0,
        part: int = 0,
    ) -> None: ...
    def digests(self) -> bytes: ...
    def add_digests(self, rows: bytes, list: int) -> None: ...
    def drop(self, wire: bytes) -> None: ...
    def build(self, out: BinaryIO, generation: int, base_generation: int = 0) -> dict[str, int]: ...
