"""Latin words, numbers and addresses inside of a text that runs from right to left.

Invariants: every value is escaped; no letter is changed.
Source: Unicode UAX 9 (isolates); HTML, `bdi`.
"""

import re

from markupsafe import Markup, escape

_WORD = r"[0-9A-Za-z](?:[0-9A-Za-z@._:/+?=&;#-]*[0-9A-Za-z/])?"
_LEFT_TO_RIGHT = re.compile(rf"{_WORD}(?: {_WORD})*")
_MARKED = re.compile(r"(</?b>|\{[a-z_]+\})")
MOST_UNBROKEN = 28  # characters that fit a line of a phone of 360 px


def ltr(text: str) -> Markup:
    """A whole text from left to right; the style sheet breaks no line in it that a phone has room for."""
    breaks = "" if len(text) <= MOST_UNBROKEN else ' class="long"'
    return Markup(f'<bdi dir="ltr"{breaks}>{escape(text)}</bdi>')


def isolate(text: str) -> Markup:
    """Every run of Latin letters and digits from left to right, so that the text around it keeps its order."""
    pieces, at = [], 0
    for found in _LEFT_TO_RIGHT.finditer(text):
        pieces += [escape(text[at : found.start()]), ltr(found[0])]
        at = found.end()
    return Markup("").join([*pieces, escape(text[at:])])


def isolate_message(message: str) -> Markup:
    """The same for a message of a catalogue: its places and its <b> stay as they are."""
    pieces = _MARKED.split(message)
    return Markup("").join(Markup(piece) if at % 2 else isolate(piece) for at, piece in enumerate(pieces))


def escape_message(message: str) -> Markup:
    """A message of a left-to-right catalogue, escaped but for its places and its <b>."""
    pieces = _MARKED.split(message)
    return Markup("").join(Markup(piece) if at % 2 else escape(piece) for at, piece in enumerate(pieces))
