from typing import NamedTuple

class Lifetime(NamedTuple):
    lives_s: int
    most_s: int
    n: int
    places: tuple[int, ...]
    rcode: int

def lifetime(query: bytes, answer: bytes) -> Lifetime: ...
