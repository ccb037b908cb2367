from typing import NamedTuple

class AnswerSpec(NamedTuple):
    """How blocks of one reason are answered."""

    splash4: bytes
    splash6: bytes
    ttl_s: int
    ede: int
    action: int
    text: bytes = ...
