"""What every refusal of a field has in common."""

import re

from mgmt.errors import BadRequest

MAX_TEXT_CHARACTERS = 500  # a reference, a ground, a reason: a sentence, not a document

_SURROGATE = re.compile("[\ud800-\udfff]")


def sendable(text: str) -> str:
    """`text` with U+FFFD for every lone surrogate: one can be in a path or a parameter, and nowhere else."""
    return _SURROGATE.sub("\ufffd", text)


def unfit(where: str, found: str, write: str) -> BadRequest:
    """The error for a field that cannot be taken."""
    return BadRequest(where, f"{where}: {found}; not taken; {write}")
