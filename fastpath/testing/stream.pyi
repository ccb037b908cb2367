from typing import final

@final
class Stream:
    def __new__(cls, isn: int = -1) -> Stream:
        """isn: the first octet's sequence number; -1: not known."""
    def position(self, seq: int) -> int:
        """Stream position of a sequence number."""
    def put(self, at: int, data: bytes) -> int:
        """Add a segment; returns how many octets of it need not come again.  ValueError: it contradicts others."""
    def slide(self, base: int) -> None:
        """Let the window begin at stream position `base`."""
    @property
    def contiguous(self) -> bytes:
        """The window's octets up to the first gap."""
