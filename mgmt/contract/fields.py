"""What every refusal of a field has in common."""

import re

from mgmt.contract.errors import BadRequest

MAX_DIGITS = 15  # of a number in a path: JSON's readers have no more
MAX_TEXT_CHARACTERS = 500  # a reference, a ground, a reason: a sentence, not a document

_SURROGATE = re.compile("[\ud800-\udfff]")


def sendable(text: str) -> str:
    """`text` with U+FFFD for every lone surrogate: one can be in a path or a parameter, and nowhere else."""
    return _SURROGATE.sub("\ufffd", text)


def number_of(said: str, where: str) -> int:
    """A number in a path.   Raises BadRequest"""
    if not (said.isascii() and said.isdigit() and len(said) <= MAX_DIGITS):
        raise unfit(where, f"{said[:20]!r} is not a number", "write digits alone")
    return int(said)


def unfit(where: str, found: str, write: str) -> BadRequest:
    """The error for a field that cannot be taken."""
    return BadRequest(where, f"{where}: {found}; not taken; {write}")
