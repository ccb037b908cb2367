from typing import NamedTuple, final

class Keys(NamedTuple):
    key: bytes
    iv: bytes
    hp: bytes

def client_keys(version: int, dcid: bytes) -> Keys: ...
def server_keys(version: int, dcid: bytes) -> Keys: ...

@final
class InitialOpener:
    def __new__(cls, version: int = 0, dcid: bytes = b"") -> InitialOpener: ...
    def opened(self, datagram: bytes, room: int = 65536) -> list[bytes | None]: ...
