from typing import BinaryIO, final

from fastpath.images.key_builder import KeyBuilder

@final
class UrlsBuilder(KeyBuilder):
    def add(
        self, url: bytes, list: int, mode: int, action: int = 255, order: int = 0, line: int = 0, part: int = 0
    ) -> None: ...
    def drop(self, url: bytes) -> None: ...
    def build(self, out: BinaryIO, generation: int, base_generation: int = 0) -> dict[str, int]: ...
