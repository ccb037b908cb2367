from typing import NamedTuple

class Hello(NamedTuple):
    names: list[bytes]
    has_ech: bool
    after: int

def client_hello(data: bytes) -> Hello | None: ...
def later_hello(data: bytes) -> Hello | None: ...
def hello_messages(data: bytes) -> Hello | None: ...
